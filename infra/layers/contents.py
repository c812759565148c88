"""What goes into each layer, and what is left out: data, and the questions asked of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
Function = Literal["recognition", "catalog"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.13"

# Raise it when the builder makes other files from the same wheels and the same rules.
BUILDER_VERSION = 1


class LayerError(Exception):
    """The layers cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Prune:
    """Files of a wheel that Carlens runs without.

    Attributes
    ----------
    glob : str
        Matched against the path in the wheel; `*` matches `/` too.
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
    packages : tuple of str
        What is in it, by normalized name.
    prune : tuple of Prune
        What is left out of them.
    functions : tuple of str
        Those that run on it.
    """

    name: str
    packages: tuple[str, ...]
    prune: tuple[Prune, ...]
    functions: tuple[Function, ...]

    def rule_for(self, path: str) -> Prune | None:
        """Give the rule that leaves a wheel's file out, or None when it stays."""
        return next((rule for rule in self.prune if fnmatchcase(path, rule.glob)), None)


_ANY_PACKAGE = (
    Prune("*/tests/*", "the package's own tests"),
    Prune("*.pyi", "stubs are for type checkers"),
    Prune("*.dist-info/RECORD", "lists files that are left out here"),
)

# Split so that each is under 50 MB zipped, and that a new version of one leaves the others.
LAYERS = (
    Layer(
        "opencv",
        ("opencv-python-headless",),
        (
            *_ANY_PACKAGE,
            Prune("cv2/data/*.xml", "Haar cascades, which nothing here uses"),
        ),
        ("recognition",),
    ),
    Layer(
        "onnxruntime",
        ("onnxruntime",),
        (
            *_ANY_PACKAGE,
            Prune("onnxruntime/capi/libonnxruntime.so.*", "the C library; Python links its own"),
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
        ("idna", "numpy", "pillow", "pyyaml"),
        (
            *_ANY_PACKAGE,
            Prune("numpy/*/include/*", "for compiling against numpy"),
            Prune("numpy/*/lib/*.a", "for compiling against numpy"),
            Prune("numpy/*.pxd", "for compiling against numpy"),
            Prune("numpy/_core/_simd.*.so", "only numpy's tests import it"),
            Prune("numpy/_core/*_tests.*.so", "only numpy's tests import them"),
            Prune("numpy/random/_examples/*", "examples"),
            Prune("PIL/_avif.*.so", "AVIF is not among the formats read"),
            Prune("pillow.libs/libavif-*", "AVIF is not among the formats read"),
            Prune("PIL/_imagingtk.*.so", "Tk has no screen here"),
        ),
        ("recognition",),
    ),
    Layer("http", ("multipart", "pybase64"), _ANY_PACKAGE, ("recognition", "catalog")),
    Layer("catalog", ("rapidfuzz",), _ANY_PACKAGE, ("catalog",)),
)


def platform_tags(architecture: Architecture) -> list[str]:
    """Give the wheel tags that Lambda can run (Amazon Linux 2023 has glibc 2.34)."""
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[architecture]
    tags = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
    return [f"{tag}_{machine}" for tag in tags]


def asset_hash(
    layer: Layer, locked: Sequence[str], architecture: Architecture, *, bytecode: bool
) -> str:
    """Name a layer's content by all that decides it: SHA-256, in hexadecimal.

    Parameters
    ----------
    layer : Layer
        Its prune rules count, its name does not.
    locked : sequence of str
        The lock's lines for its packages.
    architecture : {"x86_64", "arm64"}
        Where it runs.
    bytecode : bool
        Whether it carries bytecode.
    """
    decides = {
        "builder": BUILDER_VERSION,
        "python": PYTHON,
        "bytecode": bytecode,
        "platform": platform_tags(architecture),
        "locked": sorted(locked),
        "pruned": sorted(rule.glob for rule in layer.prune),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
