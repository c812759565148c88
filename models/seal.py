"""Write the size and the SHA-256 of a model's ONNX file into its manifest.

Carlens checks both when it loads the model.

Usage, from the project root: ``python -m models.seal models/my-detector``
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path


def seal(folder: Path) -> None:
    """Update `bytes` and `sha256` in a model's manifest.

    Parameters
    ----------
    folder : Path
        Contains `model.json` and the file that its field `file` names.

    Raises
    ------
    ValueError
        One of these is missing, or the manifest cannot be read; the message says which.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; name the folder of a model.")
    manifest = folder / "model.json"
    if not manifest.is_file():
        raise ValueError(
            f"{folder} has no model.json; `python -m carlens.models.check {folder}` drafts one."
        )
    try:
        fields = json.loads(manifest.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{manifest} is not JSON: {error}.") from error
    name = fields.get("file") if isinstance(fields, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError(f"{manifest} does not name the ONNX file; add the field `file`.")
    if not (folder / name).is_file():
        raise ValueError(f"{folder} has no {name}, which its model.json names as `file`.")
    weights = (folder / name).read_bytes()
    fields["sha256"] = hashlib.sha256(weights).hexdigest()
    fields["bytes"] = len(weights)
    manifest.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the model's folder, with model.json")
    try:
        seal(parser.parse_args().folder)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
