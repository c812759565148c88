"""FastAPI and uvicorn: `python -m benchmarks.speed.services.fastapi_service 8001`."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.speed.usual import Usual

app, usual = FastAPI(), Usual()


# Not `async`: so FastAPI's own guide has it for work that keeps a CPU busy.
@app.post("/predict")
def predict(image: list[UploadFile]) -> list[list[dict[str, Any]]]:
    """Answer the pictures of a form."""
    return [usual.see(file.file.read()) for file in image]


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
