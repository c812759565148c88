"""The packages of each layer, and the files of them that are pruned."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
FunctionName = Literal["recognition", "catalog"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.13"

# Names that uv gives to Lambda's platforms; Amazon Linux 2023 has glibc 2.34.
PLATFORMS: dict[Architecture, str] = {
    "x86_64": "x86_64-manylinux_2_28",
    "arm64": "aarch64-manylinux_2_28",
}

# Increment it when the builder makes different files from the same wheels and rules.
BUILDER_VERSION = 1


class LayerError(Exception):
    """The layers or the code cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Prune:
    """Files of a package that Carlens does not need.

    Attributes
    ----------
    glob : str
        Matched against the path below `python/`; `*` also matches `/`.
    reason : str
        Why they are not needed.
    """

    glob: str
    reason: str


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes
    ----------
    name : str
        Name of the layer.
    packages : tuple of str
        Normalized names of its packages.
    prune : tuple of Prune
        Rules for the files to delete.
    functions : tuple of {"recognition", "catalog"}
        The functions that use it.
    """

    name: str
    packages: tuple[str, ...]
    prune: tuple[Prune, ...]
    functions: tuple[FunctionName, ...]

    def rule_for(self, path: str) -> Prune | None:
        """Return the first rule that matches a path, or None."""
        return next((rule for rule in self.prune if fnmatchcase(path, rule.glob)), None)


_ANY_PACKAGE = (
    Prune("*/tests/*", "the package's own tests"),
    Prune("*.pyi", "stubs for type checkers"),
    Prune("*.dist-info/RECORD", "lists files that are pruned"),
    Prune("bin/*", "scripts, which start with the path of this machine's Python"),
)

# Split so that a new version of a package changes one layer.
LAYERS = (
    Layer(
        "opencv",
        ("opencv-python-headless",),
        (
            *_ANY_PACKAGE,
            Prune("cv2/data/*.xml", "Haar cascades, which Carlens does not use"),
        ),
        ("recognition",),
    ),
    Layer(
        "onnxruntime",
        ("onnxruntime",),
        (
            *_ANY_PACKAGE,
            Prune(
                "onnxruntime/capi/libonnxruntime.so.*",
                "the C library; Python has its own copy",
            ),
            Prune("onnxruntime/backend/*", "runs ONNX's conformance tests"),
            Prune("onnxruntime/datasets/*", "sample models"),
            Prune("onnxruntime/quantization/*", "makes models; needs onnx"),
            Prune("onnxruntime/tools/*", "makes models; needs onnx"),
            Prune("onnxruntime/transformers/*", "makes models; needs onnx and torch"),
        ),
        ("recognition",),
    ),
    Layer(
        "base",
        ("idna", "numpy", "pi-heif", "pillow", "pyyaml", "simplejpeg"),
        (
            *_ANY_PACKAGE,
            Prune("numpy/*/include/*", "for compiling against numpy"),
            Prune("numpy/*/lib/*.a", "for compiling against numpy"),
            Prune("numpy/*.pxd", "for compiling against numpy"),
            Prune("numpy/_core/_simd.*.so", "only numpy's tests import it"),
            Prune("numpy/_core/*_tests.*.so", "only numpy's tests import them"),
            Prune("numpy/random/_examples/*", "examples"),
            Prune("PIL/_imagingtk.*.so", "needs a screen"),
        ),
        ("recognition",),
    ),
    Layer("http", ("pybase64",), _ANY_PACKAGE, ("recognition", "catalog")),
    Layer("catalog", ("anyascii", "rapidfuzz"), _ANY_PACKAGE, ("catalog",)),
)
