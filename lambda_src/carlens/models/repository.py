"""Models by name, read from a storage and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from carlens.models.manifest import (
    Manifest,
    ManifestError,
    ModelError,
    build_manifest,
    parse_manifest,
)
from carlens.storage import FileTooLarge, Storage, StorageError

# Larger than any real manifest or labels file; weights have their size in the manifest.
_MAX_TEXT_BYTES = 1_000_000


class RepositoryError(ModelError):
    """A file of a model cannot be read."""


class ModelRepository:
    """Models in a storage, each with `model.json`, its labels and its weights.

    Parameters
    ----------
    storage : Storage
        A file is at `<name>/<file>`, or at `<name>/<hash>/<file>` for a model with a hash.
    hashes : Mapping of str to str, optional
        By model name, the hash of the model's files; where it is part of the key, a deployed
        version is never overwritten by the next one.
    """

    def __init__(self, storage: Storage, hashes: Mapping[str, str] | None = None) -> None:
        self._storage = storage
        self._hashes = hashes or {}

    def manifest(self, name: str) -> Manifest:
        """Read and check the manifest of a model.

        Raises
        ------
        ManifestError
            The manifest is wrong; the message names the model and the field.
        RepositoryError
            A file is missing, too large or cannot be read.
        """
        try:
            document, labels = parse_manifest(self._text(name, "model.json"))
            manifest = build_manifest(document, self._text(name, labels))
        except ManifestError as error:
            raise ManifestError(f"{name}: {error}") from error
        except UnicodeDecodeError as error:
            raise ManifestError(f"{name}: model.json and its labels must be UTF-8") from error
        if manifest.name != name:
            raise ManifestError(
                f"{name}: name must match the model's folder, but is {manifest.name!r}"
            )
        return manifest

    def weights(self, manifest: Manifest) -> bytes:
        """Read a model's ONNX file and check it against its manifest.

        The file stays in memory; it is never written to disk, so it cannot be half-written.

        Raises
        ------
        ManifestError
            The size or the SHA-256 differs from the manifest's.
        RepositoryError
            The file is missing or cannot be read.
        """
        try:
            data = self._read(manifest.name, manifest.file, manifest.bytes)
        except FileTooLarge as error:
            raise ManifestError(
                f"{manifest.name}: bytes is {manifest.bytes}, but {error}"
            ) from error
        except StorageError as error:
            raise RepositoryError(f"{manifest.name}: {error}") from error
        check_weights(manifest, data)
        return data

    def _text(self, name: str, file: str) -> str:
        try:
            return self._read(name, file, _MAX_TEXT_BYTES).decode("utf-8")
        except StorageError as error:
            raise RepositoryError(f"{name}: {error}") from error

    def _read(self, name: str, file: str, max_bytes: int) -> bytes:
        key = "/".join(filter(None, (name, self._hashes.get(name), file)))
        return self._storage.read(key, max_bytes=max_bytes)


def check_weights(manifest: Manifest, data: bytes) -> None:
    """Compare an ONNX file with its manifest.

    Raises
    ------
    ManifestError
        The size or the SHA-256 differs.
    """
    if len(data) != manifest.bytes:
        raise ManifestError(
            f"{manifest.name}: bytes is {manifest.bytes}, but {manifest.file} has {len(data)} bytes"
        )
    if hashlib.sha256(data).hexdigest() != manifest.sha256:
        raise ManifestError(f"{manifest.name}: sha256 does not match {manifest.file}")
