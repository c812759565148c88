"""Compute the cost of a batch job, or run one on LocalStack.

    python -m benchmarks.batch price [--ms 41] [--memory 1769] [--size 100] [--copies 200]
    python -m benchmarks.batch run [--photos 1500] [--size 100]

`run` deploys the stack with the real CDK, layers and models, and needs what `make test SLOW=yes`
installs. It takes minutes: LocalStack processes two parts at once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from operations import prices

# The start, the task and the end of a child.
TRANSITIONS_PER_PART = 3
KEYS_PER_LIST = 1000

PHOTOS = 1_000_000


@dataclass(frozen=True)
class Price:
    """What a job costs, in US dollars, and the minutes that it takes."""

    compute: float
    reading: float
    listing: float
    writing: float
    states: float
    minutes: float

    @property
    def total(self) -> float:
        """The sum in US dollars."""
        return self.compute + self.reading + self.listing + self.writing + self.states


def price(ms: float, memory: int, size: int, copies: int, photos: int = PHOTOS) -> Price:
    """Compute the cost and the time of a job.

    Parameters
    ----------
    ms : float
        Milliseconds for each photo.
    memory : int
        Memory of the worker in MB.
    size : int
        Photos in a part.
    copies : int
        Parts that are processed at once.
    photos : int
    """
    parts = photos / size
    seconds = photos * ms / 1000
    return Price(
        compute=seconds * memory / 1024 * prices.GB_SECOND.each + parts * prices.INVOCATION.each,
        reading=photos * prices.GET.each,
        listing=photos / KEYS_PER_LIST * prices.PUT_OR_LIST.each,
        writing=parts * prices.PUT_OR_LIST.each,
        states=parts * TRANSITIONS_PER_PART * prices.TRANSITION.each,
        minutes=seconds / copies / 60,
    )


def row(ms: float, memory: int, size: int, copies: int) -> str:
    """Return the line of the table in docs/batch.md for a million photos."""
    found = price(ms, memory, size, copies)
    dollars = (
        *(found.compute, found.reading, found.listing, found.writing, found.states),
        found.total,
    )
    cells = (
        *(f"{ms:g}", f"{memory:,}", str(copies)),
        *(f"${each:.2f}" for each in dollars),
        f"{found.minutes:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def run(photos: int, size: int) -> None:
    """Run a job on LocalStack, and check its results.

    Raises
    ------
    AssertionError
        The job failed, or its results are not complete.
    """
    from tests.integration.batch_jobs import PHOTOS as BUCKET
    from tests.integration.batch_jobs import PREFIX, deploy_batch, photo_keys, put_photos
    from tests.integration.localstack import running_localstack

    start = time.monotonic()
    with running_localstack() as cloud, tempfile.TemporaryDirectory() as folder:
        put_photos(cloud, photos)
        stage = deploy_batch(cloud, Path(folder))
        print(f"deployed after {time.monotonic() - start:.0f} s", flush=True)
        given = {"bucket": BUCKET, "prefix": PREFIX, "operation": "predict", "size": size}
        done = stage.run("benchmark", **given)
        assert done.status == "SUCCEEDED", f"{done.error}: {done.cause}"
        lines = stage.lines("benchmark")
        assert [line["name"] for line in lines] == photo_keys(photos)
        assert [line["name"] for line in lines if line["error"]] == []
        rate = photos / done.seconds
        print(
            f"{photos} photos in {done.output['parts']} parts: {done.seconds:.0f} s, {rate:.1f}/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    pricing = commands.add_parser("price", help="compute the cost of a million photos")
    pricing.add_argument("--ms", type=float, default=41, help="milliseconds for each photo")
    pricing.add_argument("--memory", type=int, default=1769, help="memory of the worker in MB")
    pricing.add_argument("--size", type=int, default=100, help="photos in a part")
    pricing.add_argument("--copies", type=int, default=200, help="parts processed at once")
    running = commands.add_parser("run", help="run a job on LocalStack")
    running.add_argument("--photos", type=int, default=1500)
    running.add_argument("--size", type=int, default=100)
    given = parser.parse_args()
    if given.command == "price":
        print(row(given.ms, given.memory, given.size, given.copies))
        return
    from tests.integration.tools import UnavailableError

    try:
        run(given.photos, given.size)
    except UnavailableError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
