"""The beginning of a job: list the photos and divide them into parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

from carlens.batch.buckets import Listing, Writable
from carlens.batch.errors import NoPhotos
from carlens.batch.job import check_options, read_job
from carlens.batch.keys import plan_key
from carlens.photo_names import PHOTO_ENDINGS, is_photo
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline

# The input of a child is limited to 256 KiB. The keys leave room for the rest of it.
_MAX_PART_BYTES = 200_000
_MAX_PLAN_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Progress:
    """How far a job is planned.

    Attributes
    ----------
    rounds, parts, photos : int
        Planned so far.
    after : str
        The last planned key if there are more photos; the next round starts after it. Empty at
        the beginning and at the end.
    """

    rounds: int = 0
    parts: int = 0
    photos: int = 0
    after: str = ""


def plan_job(
    state: Mapping[str, Any],
    app: RecognitionApp,
    open_photos: Callable[[str], Listing],
    results: Writable,
    deadline: Deadline,
) -> dict[str, Any]:
    """Plan a round of a job, and write the plan.

    Parameters
    ----------
    state : Mapping
        The state of the execution: `name`, `input` and `progress`.
    app : RecognitionApp
    open_photos : callable
        Opens the bucket with this name.
    results : Writable
        The results bucket.
    deadline : Deadline

    Returns
    -------
    dict
        The next state: `input` with its defaults, `progress`, and the key of the `plan`.

    Raises
    ------
    InvalidInput
        The input is not allowed.
    NoPhotos
        There are no photos under the prefix.
    ModelsUnavailable
        The models cannot be loaded.
    StorageError
        The bucket cannot be listed, or the plan cannot be written.
    """
    job = read_job(state["name"], state["input"])
    check_options(job, app)  # a wrong option fails the job here, not each of its parts
    before = Progress(**state["progress"])
    files = open_photos(job.bucket).files(job.prefix, before.after)
    plan, progress = plan_round(
        (file.key for file in files),
        before,
        job.size,
        max_photos=app.config.plan_photos,
        out_of_time=deadline.has_passed,
    )
    if not progress.photos:
        raise NoPhotos(
            f"There are no photos under s3://{job.bucket}/{job.prefix}; their names must end in "
            f"{', '.join(PHOTO_ENDINGS)}."
        )
    key = plan_key(job.name, before.rounds)
    results.write(key, plan, "application/json")
    return {**state, "input": job.document(), "plan": key, "progress": asdict(progress)}


def plan_round(
    keys: Iterable[str],
    progress: Progress,
    size: int,
    *,
    max_photos: int,
    out_of_time: Callable[[], bool],
) -> tuple[BytesIO, Progress]:
    """Plan the next parts of a job.

    The parts depend only on the keys and `size`, not on where a round ends: another run of the
    job has the same parts.

    Parameters
    ----------
    keys : iterable of str
        The keys after `progress.after`, in the order of S3.
    progress : Progress
    size : int
        Photos in a part. A part with very long keys has fewer.
    max_photos : int
        The round ends with the part that reaches this number.
    out_of_time : callable
        Asked after each part; the round ends once it returns True.

    Returns
    -------
    plan : BytesIO
        A JSON array with `{"part": number, "keys": [key, …]}` for each part.
    progress : Progress
    """
    plan = _Plan(progress.parts)
    part: list[bytes] = []
    length, photos, last = 0, 0, ""
    for key in filter(is_photo, keys):
        text = json.dumps(key, ensure_ascii=False).encode()
        if part and (len(part) == size or length + len(text) > _MAX_PART_BYTES):
            plan.add(part)
            photos += len(part)
            part, length = [], 0
            if photos >= max_photos or plan.is_full() or out_of_time():
                break
        part.append(text)
        length += len(text) + 1
        last = key
    else:
        last = ""
        if part:
            plan.add(part)
            photos += len(part)
    return plan.close(), Progress(progress.rounds + 1, plan.end, progress.photos + photos, last)


class _Plan:
    """The JSON of a plan, written part by part, because its keys would take several times more."""

    def __init__(self, first: int) -> None:
        self.end = first
        self._file = BytesIO()
        self._separator = b"["

    def add(self, keys: list[bytes]) -> None:
        self._file.write(
            b'%s\n{"part":%d,"keys":[%s]}' % (self._separator, self.end, b",".join(keys))
        )
        self._separator = b","
        self.end += 1

    def is_full(self) -> bool:
        return self._file.tell() >= _MAX_PLAN_BYTES

    def close(self) -> BytesIO:
        self._file.write(b"\n]\n" if self._file.tell() else b"[]\n")
        self._file.seek(0)
        return self._file
