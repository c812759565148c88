"""Write the size and the SHA-256 of a model's ONNX file into its manifest.

Carlens checks both when it loads the model.

Usage, from the project root: ``python -m models.seal models/my-detector``
"""

import argparse
import hashlib
import json
from pathlib import Path


def seal(folder: Path) -> None:
    """Update `bytes` and `sha256` in a model's manifest.

    Parameters
    ----------
    folder : Path
        Contains `model.json` and the file that its field `file` names.
    """
    manifest = folder / "model.json"
    fields = json.loads(manifest.read_text("utf-8"))
    weights = (folder / fields["file"]).read_bytes()
    fields["sha256"] = hashlib.sha256(weights).hexdigest()
    fields["bytes"] = len(weights)
    manifest.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the model's folder, with model.json")
    seal(parser.parse_args().folder)


if __name__ == "__main__":
    main()
