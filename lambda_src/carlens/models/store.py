"""Where models lie: a folder, with one folder a model."""

from __future__ import annotations

import hashlib
from pathlib import Path

from carlens.models.manifest import Manifest, ManifestError, build_manifest, parse_manifest


class FolderStore:
    """Models in a folder.

    Parameters
    ----------
    root : Path
        Holds `<name>/model.json` with its labels and weights beside it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def manifest(self, name: str) -> Manifest:
        """Read and check the manifest of model `name`.

        Raises
        ------
        ManifestError
            Absent or wrong; the message names the model and the field.
        """
        folder = self._root / name
        try:
            document, labels = parse_manifest((folder / "model.json").read_text("utf-8"))
            manifest = build_manifest(document, (folder / labels).read_text("utf-8"))
        except ManifestError as error:
            raise ManifestError(f"{name}: {error}") from error
        except UnicodeDecodeError as error:
            raise ManifestError(f"{name}: model.json and its labels must be UTF-8") from error
        except OSError as error:
            raise ManifestError(f"{name}: cannot read {error.filename}") from error
        if manifest.name != name:
            raise ManifestError(f"{name}: name must be the folder's, not {manifest.name!r}")
        return manifest

    def weights(self, manifest: Manifest) -> bytes:
        """Read a model's ONNX file, checked against its manifest.

        Raises
        ------
        ManifestError
            Absent, or not the file that the manifest tells of.
        """
        try:
            data = (self._root / manifest.name / manifest.file).read_bytes()
        except OSError as error:
            raise ManifestError(f"{manifest.name}: cannot read {error.filename}") from error
        check_weights(manifest, data)
        return data


def check_weights(manifest: Manifest, data: bytes) -> None:
    """Compare an ONNX file with its manifest.

    Raises
    ------
    ManifestError
        `bytes` or `sha256` is not that of `data`.
    """
    if len(data) != manifest.bytes:
        raise ManifestError(
            f"{manifest.name}: bytes is {manifest.bytes}, but {manifest.file} has {len(data)}"
        )
    if hashlib.sha256(data).hexdigest() != manifest.sha256:
        raise ManifestError(f"{manifest.name}: sha256 is not that of {manifest.file}")
