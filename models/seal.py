"""Write a model file's size and SHA-256 into its manifest, which the loader checks them against.

Usage, from the project root: ``python -m models.seal models/my-detector``
"""

import argparse
import hashlib
import json
from pathlib import Path


def seal(folder: Path) -> None:
    """Bring `bytes` and `sha256` of `folder`/model.json up to date with the file it names.

    Parameters
    ----------
    folder : Path
        Holds `model.json` and the file its field `file` names.
    """
    manifest = folder / "model.json"
    fields = json.loads(manifest.read_text("utf-8"))
    weights = (folder / fields["file"]).read_bytes()
    fields["sha256"] = hashlib.sha256(weights).hexdigest()
    fields["bytes"] = len(weights)
    manifest.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    seal(parser.parse_args().folder)


if __name__ == "__main__":
    main()
