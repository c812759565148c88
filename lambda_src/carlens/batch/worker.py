"""The middle of a job: the photos of one part -> the lines of its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from carlens.aws.metrics import RequestStats
from carlens.batch.buckets import Writable
from carlens.batch.job import Job, job_parameters, read_job
from carlens.batch.keys import part_key
from carlens.batch.part import PartResult, open_part, out_of_time, part_sources
from carlens.errors import DeadlineExceeded, PictureError
from carlens.http.serializers import image_json, objects_json, vehicles_json
from carlens.result_lines import result_line
from carlens.services.analyze import STAGES, decoders, make_pipeline
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import Storage
from carlens.timing import Deadline, Stopwatch
from carlens.vision.pipeline import process_images


def write_part(
    state: Mapping[str, Any],
    app: RecognitionApp,
    open_photos: Callable[[str], Storage],
    results: Writable,
    deadline: Deadline,
) -> tuple[dict[str, Any], RequestStats]:
    """Process the photos of a part, and write all of its results at once.

    Redacted pictures are written before, one at a time; another attempt replaces them.

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
        No results were written; see `process_part`.
    """
    job = read_job(state["name"], state["input"])
    photos = open_photos(job.bucket)
    if job.operation == "anonymize":
        from carlens.batch.redaction import redact_part  # only redaction pays for the import

        done = redact_part(job, state["keys"], app, photos, results, deadline)
    else:
        done = process_part(job, state["keys"], app, photos, deadline)
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
    sources = part_sources(keys)
    with open_part(sources, photos, app.config.max_bytes) as readers:
        results = process_images(
            decoders(readers, app.limits, watch),
            make_pipeline(app, parameters, named=named),
            out_of_time=deadline.has_passed,
            watch=watch,
            decode_ahead=app.config.threads > 1,
        )
    if any(isinstance(result, DeadlineExceeded) for result in results):
        done = sum(not isinstance(result, DeadlineExceeded) for result in results)
        raise out_of_time(done, len(keys))
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
