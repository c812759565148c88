"""The middle of a job: the photos of one part -> the lines of its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from carlens.aws.metrics import RequestStats
from carlens.batch.buckets import Writable
from carlens.batch.errors import PartOutOfTime
from carlens.batch.job import Job, job_parameters, read_job
from carlens.batch.keys import part_key
from carlens.batch.photos import read_photo
from carlens.errors import DeadlineExceeded, PictureError
from carlens.http.serializers import image_json, objects_json, vehicles_json
from carlens.inputs.sources import PictureSource, Reader, SourceField, open_sources
from carlens.result_lines import result_line
from carlens.services.analyze import STAGES, decoders, make_pipeline
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import Storage
from carlens.timing import Deadline, Stopwatch
from carlens.vision.pipeline import process_images


@dataclass(frozen=True)
class PartResult:
    """The results of a part.

    Attributes
    ----------
    lines : str
        A line for each photo, in the order of the keys.
    stats : RequestStats
    """

    lines: str
    stats: RequestStats


def write_part(
    state: Mapping[str, Any],
    app: RecognitionApp,
    open_photos: Callable[[str], Storage],
    results: Writable,
    deadline: Deadline,
) -> tuple[dict[str, Any], RequestStats]:
    """Analyze the photos of a part, and write all of its results at once.

    Parameters
    ----------
    state : Mapping
        `name` and `input` of the job, and `part` and `keys` from its plan.
    app : RecognitionApp
    open_photos : callable
        Opens the bucket with this name.
    results : Writable
        The results bucket.
    deadline : Deadline

    Returns
    -------
    summary : dict
        The output of the child execution.
    stats : RequestStats

    Raises
    ------
    Exception
        Nothing was written; see `process_part`.
    """
    job = read_job(state["name"], state["input"])
    done = process_part(job, state["keys"], app, open_photos(job.bucket), deadline)
    key = part_key(job.name, state["part"])
    results.write(key, done.lines.encode(), "application/jsonl")
    stats = done.stats
    summary = {
        "part": state["part"],
        "key": key,
        "photos": stats.pictures,
        "objects": stats.objects,
        "failed": dict(sorted(Counter(stats.failures).items())),
        "ms": stats.stages,
    }
    return summary, stats


def process_part(
    job: Job, keys: Sequence[str], app: RecognitionApp, photos: Storage, deadline: Deadline
) -> PartResult:
    """Analyze the photos of a part.

    Parameters
    ----------
    job : Job
    keys : sequence of str
    app : RecognitionApp
    photos : Storage
        The bucket of the photos.
    deadline : Deadline

    Raises
    ------
    PartOutOfTime
        The deadline passed before the last photo.
    InvalidInput
        An option of the job is not allowed.
    ModelsUnavailable
        The models cannot be loaded.
    StorageError
        A photo could not be read for a reason that has nothing to do with it.
    """
    watch = Stopwatch()
    parameters = job_parameters(job, app)
    named = job.operation == "predict"
    sources = [PictureSource("image", key, key) for key in keys]
    with _open(sources, app, photos) as readers:
        results = process_images(
            decoders(readers, app.limits, watch),
            make_pipeline(app, parameters, named=named),
            out_of_time=deadline.has_passed,
            watch=watch,
            decode_ahead=app.config.threads > 1,
        )
    if any(isinstance(result, DeadlineExceeded) for result in results):
        done = sum(not isinstance(result, DeadlineExceeded) for result in results)
        raise PartOutOfTime(
            f"The time was enough for {done} of {len(keys)} photos; start the job with a smaller "
            "size."
        )
    references = app.models().references if named else None
    objects = [
        vehicles_json(result, references) if named else objects_json(result) for result in results
    ]
    entries = (
        image_json(index, *described)
        for index, described in enumerate(zip(sources, results, objects, strict=True))
    )
    stats = RequestStats(
        pictures=len(keys),
        objects=sum(map(len, objects)),
        failures=tuple(result.code for result in results if isinstance(result, PictureError)),
        stages=watch.stop(STAGES),
    )
    return PartResult("".join(map(result_line, entries)), stats)


def _open(
    sources: Sequence[PictureSource], app: RecognitionApp, photos: Storage
) -> AbstractContextManager[Iterator[Reader]]:
    """Provide a reader for each photo, while the next ones are read."""
    limit = app.config.max_bytes

    def fetch(_: SourceField, key: str) -> bytes:
        return read_photo(photos, key, limit)

    return open_sources(sources, fetch)
