"""The middle of a job that redacts: the photos of one part -> redacted pictures and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carlens.batch.buckets import Writable
from carlens.batch.job import Job, job_redactor
from carlens.batch.keys import redacted_key
from carlens.batch.part import PartResult, open_part, out_of_time, part_sources
from carlens.errors import DeadlineExceeded, KeyRefused, PictureError
from carlens.http.serializers import stored_json
from carlens.result_lines import result_line
from carlens.services.anonymize import Redacted, redact_each, redaction_stats
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import Storage
from carlens.timing import Deadline, Stopwatch

# Bytes that a key of S3 may have.
_MAX_KEY_BYTES = 1024


def redact_part(
    job: Job,
    keys: Sequence[str],
    app: RecognitionApp,
    photos: Storage,
    results: Writable,
    deadline: Deadline,
) -> PartResult:
    """Redact the photos of a part, and write the redacted pictures.

    Parameters
    ----------
    job : Job
    keys : sequence of str
    app : RecognitionApp
    photos : Storage
        The bucket of the photos.
    results : Writable
        The results bucket.
    deadline : Deadline

    Raises
    ------
    PartOutOfTime
        The deadline passed before the last photo.
    InvalidInput
        An option of the job is not allowed, or the operation is off.
    ModelsUnavailable
        The models cannot be loaded.
    StorageError
        A photo could not be read for a reason that has nothing to do with it, or a redacted
        picture could not be written.
    """
    watch = Stopwatch()
    redactor = job_redactor(job, app)
    sources = part_sources(keys)
    done: list[Redacted | PictureError] = []
    lines: list[str] = []
    with open_part(sources, photos, app.config.max_bytes) as readers:
        redacted = redact_each(readers, redactor, deadline, watch, files=True)
        for index, (source, key, result) in enumerate(zip(sources, keys, redacted, strict=True)):
            if isinstance(result, DeadlineExceeded):
                raise out_of_time(len(done), len(keys))
            kept, written = _store(result, job.name, key, results)
            done.append(kept)
            lines.append(result_line(stored_json(index, source, kept, written)))
    return PartResult("".join(lines), redaction_stats(done, watch))


def _store(
    result: Redacted | PictureError, job: str, photo: str, results: Writable
) -> tuple[Redacted | PictureError, str | None]:
    """Write a redacted picture, and return the result without its bytes, and the picture's key."""
    if isinstance(result, PictureError):
        return result, None
    key = redacted_key(job, photo, result.format)
    if len(key.encode()) > _MAX_KEY_BYTES:
        message = "The key of the redacted picture would exceed the 1,024 bytes that S3 allows."
        return KeyRefused(message), None
    results.write(key, result.file, f"image/{result.format}")
    return replace(result, file=b""), key
