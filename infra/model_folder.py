"""Find the models of a stage in `models/`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.settings import SettingError, Settings

Task = Literal["detect", "classify", "redact"]


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model, and the hash of their content.

    Attributes
    ----------
    setting : str
        The setting that names the model.
    name : str
        Name of its folder.
    files : tuple of Path
        `model.json`, the labels and the weights.
    content_hash : str
        16 hexadecimal digits that change with any of the files.
    """

    setting: str
    name: str
    files: tuple[Path, ...]
    content_hash: str


# The setting of a stage that only detects.
NO_CLASSIFIER = "none"


def stage_models(settings: Settings, root: Path) -> tuple[ModelFiles, ...]:
    """Find the models of a stage.

    The first is the detector; unless the stage only detects, the classifier follows; if it
    anonymizes, those that find plates and faces do.

    Parameters
    ----------
    settings : Settings
        Settings of the stage.
    root : Path
        The folder with a folder for each model.

    Raises
    ------
    SettingError
        A model does not exist or is for another task, its weights do not match its manifest, or
        `applies_to` has a class that the detector does not have.
    """
    detector = _find_model("detector", settings.detector, "detect", root)
    _check_classes(settings, detector)
    models = [detector]
    if settings.classifier != NO_CLASSIFIER:
        models.append(_find_model("classifier", settings.classifier, "classify", root))
    if settings.anonymize:
        models.append(_find_model("plates", settings.plates, "redact", root))
        models.append(_find_model("faces", settings.faces, "redact", root))
    return tuple(models)


def _check_classes(settings: Settings, detector: ModelFiles) -> None:
    _, labels, _ = detector.files
    classes = [line.split("\t")[0].strip() for line in labels.read_text("utf-8").splitlines()]
    unknown = sorted(set(settings.applies_to) - set(classes))
    if unknown:
        raise SettingError(
            f"applies_to has {unknown[0]!r}, which is not a class of {detector.name}: "
            f"{', '.join(classes)}."
        )


def _find_model(setting: str, name: str, task: Task, root: Path) -> ModelFiles:
    path = root / name / "model.json"
    if not path.is_file():
        folders = sorted(manifest.parent.name for manifest in root.glob("*/model.json"))
        raise SettingError.of(setting, name, f"a folder in models/: {', '.join(folders)}")
    manifest = _manifest(path)
    if manifest["task"] != task:
        raise SettingError.of(setting, name, f"a model whose task is {task}")
    files = (path, path.with_name(manifest["labels"]), path.with_name(manifest["file"]))
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise SettingError(f"{setting} is {name!r}, but models/{name} has no {missing[0]}.")
    contents = [file.read_bytes() for file in files]
    if hashlib.sha256(contents[-1]).hexdigest() != manifest["sha256"].lower():
        raise SettingError(
            f"{setting} is {name!r}, but its {files[-1].name} does not match the hash in its "
            f"model.json; run `python -m models.seal models/{name}` to update it."
        )
    digest = hashlib.sha256()
    for content in contents:
        # With the length, moving bytes from one file to another changes the hash.
        digest.update(len(content).to_bytes(8, "big") + content)
    return ModelFiles(setting, name, files, digest.hexdigest()[:16])


def _manifest(path: Path) -> dict[str, str]:
    try:
        fields = json.loads(path.read_text("utf-8"))
        return {key: str(fields[key]) for key in ("task", "labels", "file", "sha256")}
    except (ValueError, KeyError, TypeError) as error:
        where = f"models/{path.parent.name}/model.json"
        raise SettingError(f"{where} cannot be read: {error!r}.") from error
