"""Lambda layers without Docker: install locked wheels, prune, compile, check the size; cached."""

from infra.layers.build import LayerBuild, build_layers
from infra.layers.code import CODE, HANDLER_MODULES, stage_code
from infra.layers.contents import Architecture, FunctionName, LayerError

__all__ = [
    "CODE",
    "HANDLER_MODULES",
    "Architecture",
    "FunctionName",
    "LayerBuild",
    "LayerError",
    "build_layers",
    "stage_code",
]
