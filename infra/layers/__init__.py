"""Lambda layers without Docker: install locked wheels, prune, compile, check the size; cached."""

from infra.layers.build import LayerBuild, build_layers
from infra.layers.code import CODE, carlens_version, stage_code
from infra.layers.contents import Architecture, Function, LayerError

__all__ = [
    "CODE",
    "Architecture",
    "Function",
    "LayerBuild",
    "LayerError",
    "build_layers",
    "carlens_version",
    "stage_code",
]
