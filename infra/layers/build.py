"""Build the layers, or find them built.

    build/layers/<name>-<hash>/layer.json   sizes, and what each prune rule saved
    build/layers/<name>-<hash>/content/     the layer: python/...

A layer is built in a temporary folder and renamed into place when it is whole.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.layers.code import stage_code
from infra.layers.contents import (
    LAYERS,
    ROOT,
    Architecture,
    Function,
    Layer,
    LayerError,
    asset_hash,
)
from infra.layers.interpreter import find_python
from infra.layers.locks import download, read_lock
from infra.layers.tree import add_bytecode, settle, unpack, unzipped_size, zipped_size

CACHE = ROOT / "build" / "layers"

# Lambda's quotas: 250 MiB for the function and its layers together, 50 MiB a zip.
MAX_UNZIPPED = 262_144_000
MAX_ZIPPED = 52_428_800

Fetch = Callable[[list[str], Architecture, Path], None]


@dataclass(frozen=True)
class LayerBuild:
    """A built layer.

    Attributes
    ----------
    name : str
        Its name in `infra/layers/contents.py`.
    path : Path
        The folder that is its content; it holds `python/`.
    unzipped_bytes, zipped_bytes : int
        What it takes of Lambda's quotas.
    asset_hash : str
        The same as long as the content is; SHA-256, in hexadecimal.
    """

    name: str
    path: Path
    unzipped_bytes: int
    zipped_bytes: int
    asset_hash: str


@dataclass(frozen=True)
class Recipe:
    """All that decides a layer's content.

    Attributes
    ----------
    layer : Layer
        Its packages and prune rules.
    locked : tuple of str
        The lock's lines for its packages.
    architecture : {"x86_64", "arm64"}
        Where it runs.
    python : Path or None
        Makes the bytecode; without one there is none.
    """

    layer: Layer
    locked: tuple[str, ...]
    architecture: Architecture
    python: Path | None

    @property
    def asset_hash(self) -> str:
        """The name of the content; which Python of the right version is all one."""
        return asset_hash(
            self.layer, self.locked, self.architecture, bytecode=self.python is not None
        )


def build_layers(
    architecture: Architecture, function: Function, *, bundle: bool = True
) -> list[LayerBuild]:
    """Build the layers of a function; what is built already is not built again.

    Parameters
    ----------
    architecture : {"x86_64", "arm64"}
        What the function runs on.
    function : {"recognition", "catalog"}
    bundle : bool
        False for placeholders with the same names and hashes, and sizes of 0.

    Raises
    ------
    LayerError
        A lock is stale, a wheel cannot be had, or the layers are too large for Lambda.
    """
    locked = read_lock(architecture)
    python = find_python()
    recipes = [
        Recipe(layer, tuple(locked[name] for name in layer.packages), architecture, python)
        for layer in LAYERS
        if function in layer.functions
    ]
    if not bundle:
        return [_placeholder(recipe) for recipe in recipes]
    builds = [built(recipe) for recipe in recipes]
    check_sizes(builds, unzipped_size(stage_code()))
    return builds


def built(recipe: Recipe, *, cache: Path = CACHE, fetch: Fetch = download) -> LayerBuild:
    """Give one layer from the cache, or build it into the cache.

    Raises
    ------
    LayerError
        It cannot be built; the cache is as before.
    """
    home = cache / f"{recipe.layer.name}-{recipe.asset_hash[:16]}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as scratch:
            whole = _build(recipe, Path(scratch), fetch)
            try:
                whole.rename(home)
            except OSError:
                if not home.is_dir():  # else another build of the same layer was faster
                    raise
    facts = json.loads((home / "layer.json").read_text(encoding="utf-8"))
    return LayerBuild(
        name=recipe.layer.name,
        path=home / "content",
        unzipped_bytes=facts["unzipped_bytes"],
        zipped_bytes=facts["zipped_bytes"],
        asset_hash=recipe.asset_hash,
    )


def _build(recipe: Recipe, scratch: Path, fetch: Fetch) -> Path:
    """Make a layer with its facts in a scratch folder, step by step, and say so."""
    start = time.monotonic()
    wheels, whole = scratch / "wheels", scratch / "whole"
    content = whole / "content"
    packages = content / "python"
    wheels.mkdir()
    packages.mkdir(parents=True)

    def say(text: str) -> None:
        print(f"layer {recipe.layer.name}: {text}", file=sys.stderr, flush=True)

    say(f"downloading {', '.join(line.split()[0] for line in recipe.locked)}")
    fetch(list(recipe.locked), recipe.architecture, wheels)
    archives = sorted(wheels.glob("*.whl"))
    fetched = sum(wheel.stat().st_size for wheel in archives)
    say(f"downloaded {_mb(fetched)} in {time.monotonic() - start:.1f} s; unpacking")

    pruned: Counter[str] = Counter()
    for wheel in archives:
        pruned += unpack(wheel, packages, recipe.layer)
    say(f"pruned {_mb(pruned.total())}")
    if recipe.python is not None:
        say("making bytecode")
        add_bytecode(packages, recipe.python, shown_as="/opt/python")
    settle(content)

    say("measuring")
    unzipped, zipped = unzipped_size(content), zipped_size(content)
    facts = {
        "unzipped_bytes": unzipped,
        "zipped_bytes": zipped,
        "pruned_bytes": dict(sorted(pruned.items())),
    }
    (whole / "layer.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    say(f"{_mb(unzipped)}, zipped {_mb(zipped)}; built in {time.monotonic() - start:.1f} s")
    return whole


def _placeholder(recipe: Recipe) -> LayerBuild:
    path = CACHE / "placeholder"
    (path / "python").mkdir(parents=True, exist_ok=True)
    (path / "python" / "placeholder.txt").write_text("Not built.\n", encoding="utf-8")
    return LayerBuild(recipe.layer.name, path, 0, 0, recipe.asset_hash)


def check_sizes(builds: Sequence[LayerBuild], code_bytes: int) -> None:
    """Check a function's layers and its own files against Lambda's quotas.

    Raises
    ------
    LayerError
        They do not fit; the message is the table of sizes.
    """
    total = sum(build.unzipped_bytes for build in builds) + code_bytes
    faults = [
        f"layer {build.name} is {build.zipped_bytes - MAX_ZIPPED:,} bytes too large zipped"
        for build in builds
        if build.zipped_bytes > MAX_ZIPPED
    ]
    if total > MAX_UNZIPPED:
        faults.append(f"all together are {total - MAX_UNZIPPED:,} bytes too large unzipped")
    if faults:
        raise LayerError(
            f"Lambda does not take these layers: {'; '.join(faults)}. Leave out a package of"
            " lambda_src/requirements.txt, or prune more in infra/layers/contents.py.\n"
            + size_table(builds, code_bytes)
        )


def size_table(builds: Sequence[LayerBuild], code_bytes: int) -> str:
    """Lay out the sizes as text, in bytes, with the quotas in the last line."""
    rows = [("", "unzipped", "zipped")]
    rows += [(b.name, f"{b.unzipped_bytes:,}", f"{b.zipped_bytes:,}") for b in builds]
    total = sum(build.unzipped_bytes for build in builds) + code_bytes
    rows += [
        ("code", f"{code_bytes:,}", ""),
        ("all", f"{total:,}", ""),
        ("allowed", f"{MAX_UNZIPPED:,}", f"{MAX_ZIPPED:,} each"),
    ]
    return "\n".join(f"{a:<12} {b:>12} {c:>16}".rstrip() for a, b, c in rows)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
