"""The end of a job: compare the planned parts with the written ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from carlens.batch.buckets import Listing
from carlens.batch.errors import PartsMissing, PartsUnplanned
from carlens.batch.keys import part_number, results_prefix
from carlens.storage import ListedFile

# The most ranges of parts that a message names.
_MAX_RANGES = 50


def finish_job(state: Mapping[str, Any], results: Listing, bucket: str) -> dict[str, Any]:
    """Check the results of a job.

    Parameters
    ----------
    state : Mapping
        The state of the execution: `name`, `started` and `progress`.
    results : Listing
        The results bucket.
    bucket : str
        Its name.

    Returns
    -------
    dict
        The output of the execution.

    Raises
    ------
    PartsMissing, PartsUnplanned
        See `check_parts`.
    StorageError
        The results cannot be listed.
    """
    job, progress = state["name"], state["progress"]
    folder = results_prefix(job)
    started = datetime.fromisoformat(state["started"])
    check_parts(progress["parts"], results.files(folder), started)
    return {
        "job": job,
        "photos": progress["photos"],
        "parts": progress["parts"],
        "results": f"s3://{bucket}/{folder}",
    }


def check_parts(planned: int, files: Iterable[ListedFile], started: datetime) -> None:
    """Check that each planned part, and no other, was written.

    Parameters
    ----------
    planned : int
        Number of planned parts.
    files : iterable of ListedFile
        The results of the job.
    started : datetime
        When the execution started. Older parts belong to an earlier job of the same name.

    Raises
    ------
    PartsMissing
        Parts were not written; the message names them.
    PartsUnplanned
        There are parts that were not planned; the message names them.
    """
    # S3 gives the time of a file in whole seconds.
    since = started.replace(microsecond=0)
    modified = {part_number(file.key): file.modified for file in files}
    written = {part for part, time in modified.items() if part is not None and time >= since}
    missing = sorted(set(range(planned)) - written)
    if missing:
        raise PartsMissing(f"{len(missing)} of {planned} parts have no results: {ranges(missing)}.")
    unplanned = sorted({part for part in modified if part is not None} - set(range(planned)))
    if unplanned:
        raise PartsUnplanned(
            f"The results contain parts of an earlier job of this name: {ranges(unplanned)}. "
            "Delete them, or start the job under another name."
        )


def ranges(numbers: Sequence[int]) -> str:
    """Write sorted numbers as text, such as `3, 7-9`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    texts = [f"{a}" if a == b else f"{a}-{b}" for a, b in found[:_MAX_RANGES]]
    more = len(found) - len(texts)
    return ", ".join(texts) + (f" and {more} more ranges" if more else "")
