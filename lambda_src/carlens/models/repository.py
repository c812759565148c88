"""Where models lie: in a folder, or in the S3 model bucket."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from carlens.aws import s3
from carlens.models.manifest import (
    Manifest,
    ManifestError,
    ModelError,
    build_manifest,
    parse_manifest,
)

# Beyond any manifest or labels file; weights have their size in the manifest.
_MAX_TEXT_BYTES = 1_000_000


class RepositoryError(ModelError):
    """A model's file cannot be read now."""


class ModelRepository(ABC):
    """Models by name, each with `model.json`, its labels and its weights."""

    @abstractmethod
    def _read(self, name: str, file: str, max_bytes: int) -> bytes:
        """Read a file of model `name`, of at most `max_bytes`.

        Raises
        ------
        RepositoryError
            It is absent, larger or cannot be read.
        """

    def manifest(self, name: str) -> Manifest:
        """Read and check the manifest of model `name`.

        Raises
        ------
        ManifestError
            It is wrong; the message names the model and the field.
        RepositoryError
            It cannot be read.
        """
        try:
            document, labels = parse_manifest(self._text(name, "model.json"))
            manifest = build_manifest(document, self._text(name, labels))
        except ManifestError as error:
            raise ManifestError(f"{name}: {error}") from error
        except UnicodeDecodeError as error:
            raise ManifestError(f"{name}: model.json and its labels must be UTF-8") from error
        if manifest.name != name:
            raise ManifestError(f"{name}: name must be the folder's, not {manifest.name!r}")
        return manifest

    def weights(self, manifest: Manifest) -> bytes:
        """Read a model's ONNX file, checked against its manifest.

        It stays in memory: what is never written is never half-written.

        Raises
        ------
        ManifestError
            It is not the file that the manifest tells of.
        RepositoryError
            It cannot be read.
        """
        data = self._read(manifest.name, manifest.file, manifest.bytes)
        check_weights(manifest, data)
        return data

    def _text(self, name: str, file: str) -> str:
        return self._read(name, file, _MAX_TEXT_BYTES).decode("utf-8")


class FolderRepository(ModelRepository):
    """Models in a folder.

    Parameters
    ----------
    root : Path
        Holds `<name>/model.json` with its labels and weights beside it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def _read(self, name: str, file: str, max_bytes: int) -> bytes:
        try:
            return (self._root / name / file).read_bytes()
        except OSError as error:
            raise RepositoryError(f"{name}: cannot read {error.filename}") from error


class S3Repository(ModelRepository):
    """Models in a bucket, each under a key that carries the hash of its files.

    Parameters
    ----------
    address : str
        `s3://bucket/prefix`; a file lies at `prefix/<name>/<hash>/<file>`.
    hashes : Mapping
        The hash of each model, by name.
    client : boto3 S3 client, optional
        Made when it is not given.
    """

    def __init__(self, address: str, hashes: Mapping[str, str], client: Any = None) -> None:
        self._bucket, self._prefix = s3.split(address)
        self._hashes = hashes
        self._client = client or s3.client(read_timeout=2)  # three tries fit into init

    def _read(self, name: str, file: str, max_bytes: int) -> bytes:
        key = "/".join(filter(None, (self._prefix, name, self._hashes[name], file)))
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
            with closing(found["Body"]) as body:
                if found["ContentLength"] > max_bytes:
                    raise RepositoryError(
                        f"{name}: s3://{self._bucket}/{key} has {found['ContentLength']} bytes, "
                        f"not at most {max_bytes}"
                    )
                data: bytes = body.read()
        except RepositoryError:
            raise
        except Exception as error:  # botocore's and urllib3's errors share no base class
            raise RepositoryError(
                f"{name}: cannot read s3://{self._bucket}/{key}: {error}"
            ) from error
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
