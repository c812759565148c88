"""The answers of the API as frozen dataclasses.

Members that a class does not know are ignored, so that newer servers can add some.
"""

from __future__ import annotations

import functools
import types
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from dataclasses import field as member
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from carlens_client.errors import PictureFailed, UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ItemError:
    """Why a picture or a row failed.

    Attributes
    ----------
    code : str
        One of `PictureErrorCode` or `RowErrorCode`, or a newer one; the code of the request if the
        picture's own request failed; `upload_failed` if the store of uploads refused it.
    message : str
        For people to read; what is wrong and how to fix it.
    """

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class FoundObject:
    """An object in a picture.

    Attributes
    ----------
    x1, y1, x2, y2 : int
        The bounding box in pixels, from the top left corner of the upright picture.
    class_name : str
        The class, such as `car`.
    confidence : float
        The confidence of the detector, 0..1.
    label : str
        The class and the confidence, such as `car: 0.95`. From `/predict` it has the first name and
        its probability instead, certain or not; show `Vehicle.display` to people.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    class_name: str
    confidence: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """The most probable make or model of a vehicle, with its probability, 0..1."""

    name: str
    prob: float
    certain: bool


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A make and model of the catalog table `europe`."""

    make: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Vehicle(FoundObject):
    """A vehicle with its names.

    Attributes
    ----------
    display : str
        What to show a person: the finest name that is certain, or the class.
    certain : bool
        Whether the model or the full name is certain.
    pred, prob : tuple
        The most probable full names, best first, certain or not, and their probabilities, 0..1.
        Empty if the vehicle was not named.
    make, model : Level or None
        The most probable make and model; None if the classifier does not know them.
    reference : CatalogEntry or None
        The entry of the catalog table `europe` for the first name.
    """

    display: str
    certain: bool
    pred: tuple[str, ...]
    prob: tuple[float, ...]
    make: Level | None
    model: Level | None
    reference: CatalogEntry | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The answer for one picture.

    Attributes
    ----------
    index : int
        The place of the picture among those that were passed, from 0.
    field : str
        How it was sent, such as `image` or `url`.
    name : str or None
        Its file name, or its URL without the query.
    width, height : int or None
        The size in pixels of the upright picture; None if the picture failed.
    error : ItemError or None
        Why it failed; None if it did not.
    raw : Mapping
        The entry as JSON, with the members that this version of the client does not know.
    """

    index: int
    field: str
    name: str | None
    width: int | None
    height: int | None
    error: ItemError | None
    raw: Mapping[str, Any] = member(repr=False, compare=False)

    def raise_for_error(self) -> None:
        """Raise the error of the picture, if it has one.

        Raises
        ------
        PictureFailed
            The picture failed.
        """
        if self.error:
            raise PictureFailed(self.error.code, self.error.message, self.name)


@dataclass(frozen=True, kw_only=True)
class Prediction(Entry):
    """The vehicles of a picture, by confidence; empty if it failed.

    `passes` is how often the detector ran for the picture; None if it failed, or if the server is
    of an earlier version.
    """

    objects: tuple[Vehicle, ...]
    passes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Detection(Entry):
    """The objects of a picture, by confidence; empty if it failed.

    `passes` is how often the detector ran for the picture; None if it failed, or if the server is
    of an earlier version.
    """

    objects: tuple[FoundObject, ...]
    passes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Region:
    """A rectangle of a picture that is redacted.

    Attributes
    ----------
    x1, y1, x2, y2 : int
        In pixels, from the top left corner of the upright picture, margin included.
    kind : str
        `plate`, `face` or `person`.
    confidence : float
        The confidence of the model, 0..1.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    kind: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Redaction(Entry):
    """A redacted picture.

    Attributes
    ----------
    regions : tuple of Region or None
        What is redacted; None if the picture failed, which is not the same as nothing found.
    media_type : str or None
        That of the redacted picture, such as `image/jpeg`.
    picture : str or None
        The redacted picture in base64; None if it failed, or if the response had no room for it.
    picture_url : str or None
        Where it can be fetched for 15 minutes, if the response had no room for it.
    """

    regions: tuple[Region, ...] | None
    media_type: str | None
    picture: str | None
    picture_url: str | None

    @property
    def file(self) -> bytes | None:
        """The redacted picture, if the response had room for it."""
        return None if self.picture is None else b64decode(self.picture)


@dataclass(frozen=True, kw_only=True)
class Measurement(Entry):
    """The channels and the bytes of a picture; None if they could not be read."""

    channels: int | None
    bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Name:
    """A make and a model."""

    make: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Alternative(Name):
    """Another entry of the table, with its score, 0..100, and why it is one.

    Attributes
    ----------
    reason : str
        `similar_model`, `same_model` of another make, or `similar_make`.
    """

    score: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Match(Name):
    """The entry of a catalog table for a written make and model.

    Attributes
    ----------
    make, model : str
        As the table spells them; empty if there is no match.
    score_make, score_model, score : int
        The similarity to what was written, 0..100, of each and of both together.
    alternatives : tuple of Alternative
        Other entries, best first; empty unless `top_k` is above 1.
    kind : str
        What else the text names: a `motorcycle`, `truck`, `bus`, `tractor`, `caravan`, `trailer`,
        or a `car` that the table lacks; empty if nothing is known.
    error : ItemError or None
        Why the row failed; None if it did not.
    """

    score_make: int
    score_model: int
    score: int
    alternatives: tuple[Alternative, ...] = ()
    kind: str = ""
    error: ItemError | None = None


@dataclass(frozen=True, kw_only=True)
class ModelNames:
    """The names of the models in use; no classifier in a deployment that only detects."""

    detector: str
    classifier: str | None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the server accepts; the defaults are for servers that do not tell.

    Attributes
    ----------
    picture_bytes, picture_pixels : int
        The largest picture.
    pictures : int
        The most pictures in a request.
    request_bytes : int
        The largest body of a request.
    """

    picture_bytes: int = 20 * 1024 * 1024
    picture_pixels: int = 50_000_000
    pictures: int = 32
    request_bytes: int = 4_500_000


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the server can do; the defaults are for servers that do not tell."""

    uploads: bool = False
    urls: bool = True
    anonymize: bool = False
    batch: bool = False


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether the server can answer (`status` is `ok` or `unavailable`), and its limits."""

    status: str
    version: str
    models: ModelNames
    limits: Limits = Limits()
    features: Features = Features()


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The settings of a model; those that its task has are given."""

    confidence: float
    make: float | None = None
    model: float | None = None
    iou: float | None = None
    merge_iou: float | None = None
    min_area: float | None = None
    slices: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class InputSize:
    """The size in pixels to which pictures are scaled for a model."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Make:
    """A make that a classifier was taught, and its models without the make."""

    name: str
    models: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The description of a model.

    Attributes
    ----------
    name, version, task : str
        The task is `detect`, `classify` or `redact`.
    license, source, trained_on, limits : str
        For people to read; `limits` says what the model cannot recognize.
    classes : tuple of str
        All class names.
    thresholds : Thresholds
        Its settings.
    input : InputSize
        The size to which pictures are scaled.
    makes : tuple of Make
        The makes and models that a classifier was taught.
    """

    name: str
    version: str
    task: str
    license: str
    source: str
    trained_on: str
    limits: str
    classes: tuple[str, ...]
    thresholds: Thresholds
    input: InputSize
    makes: tuple[Make, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PredictClasses:
    """The classes that `/predict` accepts, and those that it finds by default."""

    classes: tuple[str, ...]
    default_classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models in use, and the classes of `/predict`.

    Attributes
    ----------
    detector : Model
    classifier : Model or None
        None in a deployment that only detects.
    predict : PredictClasses or None
        None if `/predict` is not available, or the server does not tell.
    plates, faces : Model or None
        What `/anonymize` uses; None if the server does not redact, or does not tell.
    """

    detector: Model
    classifier: Model | None
    predict: PredictClasses | None = None
    plates: Model | None = None
    faces: Model | None = None


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """A presigned POST form for one picture, and the key under which it is stored."""

    url: str
    fields: Mapping[str, str]
    key: str
    expires: str


@dataclass(frozen=True, kw_only=True)
class UploadForms:
    """The answer of `POST /uploads`."""

    uploads: tuple[UploadForm, ...]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The answer of `GET /norm`."""

    tables: tuple[str, ...]


def parse(kind: type[T], document: object) -> T:
    """Read JSON as a dataclass of this module.

    Raises
    ------
    UnexpectedAnswer
        A member is missing or has another type; the message names it.
    """
    read: T = _read(kind, document, kind.__name__)
    return read


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        kinds = get_args(kind)
        return value if type(value) in kinds else _read(kinds[0], value, where)
    if is_dataclass(kind) and isinstance(value, Mapping):
        make: Any = kind
        return make(**_members(kind, value, where))
    if origin is tuple and isinstance(value, list):
        item = get_args(kind)[0]
        return tuple(_read(item, each, f"{where}[{n}]") for n, each in enumerate(value))
    if origin is Mapping and isinstance(value, Mapping):
        return value
    if kind is float and type(value) in (int, float):
        return value
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise UnexpectedAnswer(f"{where} of the answer has an unexpected type.")


def _members(kind: Any, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    members = {}
    for name, (hint, required) in _fields(kind).items():
        if name == "raw":
            members[name] = value
        elif name in value:
            members[name] = _read(hint, value[name], f"{where}.{name}")
        elif required:
            raise UnexpectedAnswer(f"{where}.{name} is missing in the answer.")
    return members


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it is required."""
    hints = get_type_hints(kind)
    return {each.name: (hints[each.name], each.default is MISSING) for each in fields(kind)}
