"""Lambda layers without Docker: install locked wheels, prune, compile, check the size; cached."""

from infra.layers.build import LayerBuild, build_layers
from infra.layers.code import CODE, stage_code
from infra.layers.contents import Architecture, FunctionName, LayerError

__all__ = [
    "CODE",
    "Architecture",
    "FunctionName",
    "LayerBuild",
    "LayerError",
    "build_layers",
    "stage_code",
]
