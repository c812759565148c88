"""Build the layers of a function, or find them in the cache.

build/layers/<name>-<hash>/layer.json   what each prune rule saved
build/layers/<name>-<hash>/content/     the layer: python/...
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.layers.bytecode import add_bytecode, find_python
from infra.layers.code import HANDLER_MODULES, stage_code
from infra.layers.contents import (
    BUILDER_VERSION,
    LAYERS,
    PLATFORMS,
    PYTHON,
    ROOT,
    Architecture,
    FunctionName,
    Layer,
    LayerError,
)
from infra.layers.locks import read_lock
from infra.layers.tree import build_once, prune, settle, unzipped_size
from infra.layers.wheels import install

CACHE = ROOT / "build" / "layers"

# Lambda's quota for a function and its layers together. That of 50 MiB for a zip file does not
# apply: it is for uploads to Lambda itself, and the CDK uploads through S3.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_UNZIPPED = 262_144_000

Install = Callable[[Sequence[str], Architecture, Path], None]


@dataclass(frozen=True)
class LayerBuild:
    """A built layer.

    Attributes
    ----------
    name : str
        Its name in `infra/layers/contents.py`.
    path : Path
        The folder with its content, `python/`.
    asset_hash : str
        SHA-256 of everything that determines the content, in hexadecimal.
    unzipped_bytes : int
        Its size, which counts towards Lambda's quota.
    """

    name: str
    path: Path
    asset_hash: str
    unzipped_bytes: int


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the content of a layer.

    Attributes
    ----------
    layer : Layer
        Its packages and prune rules.
    locked : tuple of str
        Lines of the lock file for its packages.
    architecture : {"x86_64", "arm64"}
        Architecture of the function.
    python : Path or None
        The Python that compiles bytecode; None for no bytecode.
    """

    layer: Layer
    locked: tuple[str, ...]
    architecture: Architecture
    python: Path | None

    @property
    def asset_hash(self) -> str:
        """SHA-256 of the recipe, in hexadecimal."""
        inputs = {
            "builder": BUILDER_VERSION,
            "python": PYTHON,
            # Any Python of the version makes the same bytecode.
            "bytecode": self.python is not None,
            "platform": PLATFORMS[self.architecture],
            "locked": sorted(self.locked),
            "pruned": sorted(rule.glob for rule in self.layer.prune),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def build_layers(
    architecture: Architecture, function: FunctionName, *, bundle: bool = True
) -> list[LayerBuild]:
    """Build the layers of a function, except those in the cache.

    Parameters
    ----------
    architecture : {"x86_64", "arm64"}
        Architecture of the function.
    function : {"recognition", "catalog"}
        The function.
    bundle : bool
        False for empty placeholders with the same names and hashes, and sizes of 0.

    Raises
    ------
    LayerError
        A lock is stale, a wheel is not available, or the layers are too large for Lambda.
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
    builds = [build_layer(recipe) for recipe in recipes]
    check_sizes(builds, unzipped_size(stage_code(HANDLER_MODULES[function])))
    return builds


def build_layer(
    recipe: Recipe, *, cache: Path = CACHE, install_wheels: Install = install
) -> LayerBuild:
    """Build one layer into the cache, unless it is there.

    Raises
    ------
    LayerError
        The layer cannot be built; the cache is unchanged.
    """
    home = build_once(
        cache / f"{recipe.layer.name}-{recipe.asset_hash[:16]}",
        lambda folder: _build(recipe, folder, install_wheels),
    )
    content = home / "content"
    return LayerBuild(recipe.layer.name, content, recipe.asset_hash, unzipped_size(content))


def _build(recipe: Recipe, folder: Path, install_wheels: Install) -> None:
    start = time.monotonic()
    content = folder / "content"
    packages = content / "python"
    packages.mkdir(parents=True)

    def report(text: str) -> None:
        print(f"layer {recipe.layer.name}: {text}", file=sys.stderr, flush=True)

    report(f"installing {', '.join(line.split()[0] for line in recipe.locked)}")
    install_wheels(recipe.locked, recipe.architecture, packages)
    pruned = prune(packages, recipe.layer)
    report(f"pruned {_mb(pruned.total())}")
    if recipe.python is not None:
        report("compiling")
        add_bytecode(packages, recipe.python, shown_as="/opt/python")
    settle(content)

    facts = {"pruned_bytes": dict(sorted(pruned.items()))}
    (folder / "layer.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    report(f"{_mb(unzipped_size(content))}; built in {time.monotonic() - start:.1f} s")


def _placeholder(recipe: Recipe) -> LayerBuild:
    path = CACHE / "placeholder"
    (path / "python").mkdir(parents=True, exist_ok=True)
    (path / "python" / "placeholder.txt").write_text("Not built.\n", encoding="utf-8")
    return LayerBuild(recipe.layer.name, path, recipe.asset_hash, 0)


def check_sizes(builds: Sequence[LayerBuild], code_bytes: int) -> None:
    """Check the layers and the code of a function against Lambda's quota.

    Raises
    ------
    LayerError
        They are too large; the message contains the table of sizes.
    """
    total = sum(build.unzipped_bytes for build in builds) + code_bytes
    if total > MAX_UNZIPPED:
        raise LayerError(
            f"The layers exceed Lambda's quota by {total - MAX_UNZIPPED:,} bytes. Remove a package"
            " from lambda_src/requirements.txt, or prune more in infra/layers/contents.py.\n"
            + size_table(builds, code_bytes)
        )


def size_table(builds: Sequence[LayerBuild], code_bytes: int) -> str:
    """Format the sizes in bytes as a table; its last line shows the quota."""
    sizes = {build.name: build.unzipped_bytes for build in builds} | {"code": code_bytes}
    rows = {**sizes, "total": sum(sizes.values()), "quota": MAX_UNZIPPED}
    return "\n".join(f"{name:<12} {size:>12,}" for name, size in rows.items())


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
