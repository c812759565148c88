"""LitServe: `python -m benchmarks.speed.services.litserve_service 8001`."""

import sys
from typing import Any

import litserve as ls
from fastapi import Request

from benchmarks.speed.baseline import load_served


class Vehicles(ls.LitAPI):
    """Processes the pictures of a form."""

    def setup(self, device: str) -> None:
        """Load the models."""
        self.baseline = load_served()

    def decode_request(self, request: Request) -> list[bytes]:
        """Read the pictures."""
        return [file.file.read() for file in request.getlist("image")]

    def predict(self, files: list[bytes]) -> list[list[dict[str, Any]]]:
        """Process the pictures."""
        return [self.baseline.predict(file) for file in files]

    def encode_response(self, output: Any) -> Any:
        """Return JSON."""
        return output


if __name__ == "__main__":
    server = ls.LitServer(Vehicles(), accelerator="cpu")
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
