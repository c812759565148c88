"""`python -m infra.layers lock` writes the locks; `build [architecture ...]` builds, with sizes."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from infra.layers.build import build_layers, size_table
from infra.layers.code import stage_code
from infra.layers.contents import Architecture, Function, LayerError
from infra.layers.locks import write_lock
from infra.layers.tree import unzipped_size

_ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
_FUNCTIONS: tuple[Function, ...] = get_args(Function)


def main() -> int:
    """Do what the command line says; the exit status tells whether it could."""
    parser = argparse.ArgumentParser(prog="python -m infra.layers", description=__doc__)
    parser.add_argument("command", choices=("lock", "build"))
    parser.add_argument("architecture", nargs="*", help="x86_64, arm64; both when left out")
    arguments = parser.parse_args()
    unknown = set(arguments.architecture) - set(_ARCHITECTURES)
    if unknown:
        parser.error(f"no such architecture: {', '.join(sorted(unknown))}; x86_64 or arm64")
    wanted = [
        a for a in _ARCHITECTURES if a in arguments.architecture or not arguments.architecture
    ]
    try:
        for architecture in wanted:
            if arguments.command == "lock":
                print(f"wrote {write_lock(architecture)}")
                continue
            for function in _FUNCTIONS:
                table = size_table(
                    build_layers(architecture, function), unzipped_size(stage_code())
                )
                print(f"{function}, {architecture}\n{table}")
    except LayerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
