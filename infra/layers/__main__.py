"""Write the lock files, or build the layers of all functions and print their sizes."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from infra.layers.build import build_layers, size_table
from infra.layers.code import HANDLER_MODULES, stage_code
from infra.layers.contents import Architecture, FunctionName, LayerError
from infra.layers.locks import write_lock
from infra.layers.tree import unzipped_size

_ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
_FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)


def main() -> None:
    """Run the command line; exit with a message on failure."""
    parser = argparse.ArgumentParser(prog="python -m infra.layers", description=__doc__)
    parser.add_argument("command", choices=("lock", "build"))
    parser.add_argument("architecture", nargs="*", help="x86_64 or arm64; both by default")
    arguments = parser.parse_args()
    if unknown := sorted({*arguments.architecture} - {*_ARCHITECTURES}):
        parser.error(f"unknown architecture: {', '.join(unknown)}; choose x86_64 or arm64")
    run = _lock if arguments.command == "lock" else _build
    try:
        for architecture in _ARCHITECTURES:
            if architecture in (arguments.architecture or _ARCHITECTURES):
                run(architecture)
    except LayerError as error:
        sys.exit(str(error))


def _lock(architecture: Architecture) -> None:
    print(f"wrote {write_lock(architecture)}")


def _build(architecture: Architecture) -> None:
    for function in _FUNCTIONS:
        code = stage_code(HANDLER_MODULES[function])
        table = size_table(build_layers(architecture, function), unzipped_size(code))
        print(f"{function}, {architecture}\n{table}")


main()
