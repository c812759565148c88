"""FastAPI and uvicorn: `python -m benchmarks.speed.services.fastapi_service 8001`."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.speed.baseline import load_served

app, baseline = FastAPI(), load_served()


# Not `async`, as the FastAPI documentation recommends for CPU-bound work.
@app.post("/predict")
def predict(image: list[UploadFile]) -> list[list[dict[str, Any]]]:
    """Process the pictures of a form."""
    return [baseline.predict(file.file.read()) for file in image]


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
