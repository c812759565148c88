"""BentoML: `bentoml serve benchmarks.speed.services.bentoml_service:Vehicles --port 8001`."""

from pathlib import Path
from typing import Any

import bentoml

from benchmarks.speed.baseline import load_served


@bentoml.service
class Vehicles:
    """Processes the pictures of a form."""

    def __init__(self) -> None:
        self.baseline = load_served()

    @bentoml.api
    def predict(self, image: list[Path]) -> list[list[dict[str, Any]]]:
        """Process the pictures."""
        return [self.baseline.predict(path.read_bytes()) for path in image]
