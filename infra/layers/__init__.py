"""Lambda layers without Docker: locked wheels -> prune -> bytecode -> size check, cached."""

from infra.layers.build import LayerBuild, build_layers
from infra.layers.code import CODE, stage_code
from infra.layers.contents import Architecture, Function, LayerError

__all__ = [
    "CODE",
    "Architecture",
    "Function",
    "LayerBuild",
    "LayerError",
    "build_layers",
    "stage_code",
]
