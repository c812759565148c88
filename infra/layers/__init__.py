"""Lambda layers without Docker: locked wheels -> prune -> bytecode -> size check, cached."""

from infra.layers.build import LayerBuild, build_layers
from infra.layers.contents import Architecture, LayerError

__all__ = ["Architecture", "LayerBuild", "LayerError", "build_layers"]
