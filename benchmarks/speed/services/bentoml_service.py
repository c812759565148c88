"""BentoML: `bentoml serve benchmarks.speed.services.bentoml_service:Vehicles --port 8001`."""

from pathlib import Path
from typing import Any

import bentoml

from benchmarks.speed.usual import Usual


@bentoml.service
class Vehicles:
    """Answers the pictures of a form."""

    def __init__(self) -> None:
        self.usual = Usual()

    @bentoml.api
    def predict(self, image: list[Path]) -> list[list[dict[str, Any]]]:
        """See them."""
        return [self.usual.see(path.read_bytes()) for path in image]
