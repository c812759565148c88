"""Delete old versions of a stage's functions, and the models that no version reads any more.

python -m operations.prune --stage prod --keep 3 --dry-run
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from operations import prices
from operations.stage import (
    Client,
    DeployedFunction,
    OperationError,
    Version,
    client_of,
    deployed_functions,
    errors_as_messages,
    existing_stack,
    output,
    resources,
    stack_name,
)

# Nothing younger is deleted: a deployment that is in progress may be about to use it.
_MIN_AGE = timedelta(days=1)


# The most objects that S3 deletes in one request.
_AT_ONCE = 1000


@dataclass(frozen=True)
class ModelFile:
    """A file of a model in the bucket.

    Attributes
    ----------
    key : str
        `models/<name>/<hash>/<file>`.
    size : int
        Bytes.
    modified : datetime
    """

    key: str
    size: int
    modified: datetime

    @property
    def folder(self) -> str:
        """The folder of its model, with a slash at the end."""
        return self.key.rpartition("/")[0] + "/"


@dataclass(frozen=True)
class Plan:
    """What to delete.

    Attributes
    ----------
    versions : tuple of Version
    files : tuple of ModelFile
    """

    versions: tuple[Version, ...]
    files: tuple[ModelFile, ...]

    @property
    def dollars_per_month(self) -> float:
        """What AWS charges at most for keeping these, at list prices."""
        gigabytes = sum(version.memory for version in self.versions if version.snap_start) / 1024
        snapshots = gigabytes * prices.HOURS_PER_MONTH * 3600 * prices.SNAPSHOT_GB_SECOND.each
        return snapshots + sum(file.size for file in self.files) / 1e9 * prices.STORAGE_GB.each

    def __str__(self) -> str:
        lines = [
            f"  version {version.number} of {version.function}, of {version.published:%Y-%m-%d}"
            for version in self.versions
        ]
        lines += [f"  model {folder}" for folder in sorted({file.folder for file in self.files})]
        return "\n".join(lines or ["  nothing"])


def make_plan(
    functions: Sequence[DeployedFunction],
    files: Iterable[ModelFile],
    *,
    placed: frozenset[str],
    keep: int,
    now: datetime,
) -> Plan:
    """Choose what to delete.

    Of each function, these versions stay: the newest, those that an alias calls, and for each of
    those the one before it, to which a rollback would go. A model stays while a remaining version
    reads it, a function would in its next version, or the model stack has placed it.

    Parameters
    ----------
    functions : sequence of DeployedFunction
        All functions that read models.
    files : iterable of ModelFile
    placed : frozenset of str
        Keys of the files that the model stack has placed.
    keep : int
        Number of newest versions that stay; at least 1.
    now : datetime
    """
    versions = [version for function in functions for version in _old_versions(function, keep, now)]
    used = {ModelFile(key, 0, now).folder for key in placed}
    for function in functions:
        used |= function.models
        used.update(*(v.models for v in function.versions if v not in versions))
    files = list(files)
    used |= {file.folder for file in files if _is_recent(file.modified, now)}
    return Plan(tuple(versions), tuple(file for file in files if file.folder not in used))


def _old_versions(function: DeployedFunction, keep: int, now: datetime) -> list[Version]:
    numbers = [version.number for version in function.versions]
    before = {max((n for n in numbers if n < called), default=0) for called in function.called}
    kept = {*function.called, *before, *numbers[-keep:]}
    return [
        version
        for version in function.versions
        if version.number not in kept and not _is_recent(version.published, now)
    ]


def _is_recent(time: datetime, now: datetime) -> bool:
    return now - time < _MIN_AGE


def read_plan(client: Client, stage: str, *, keep: int, now: datetime) -> Plan:
    """Read what is deployed, and choose what to delete; see `make_plan`.

    Raises
    ------
    OperationError
        The stage is not deployed, or the variables of a version cannot be read.
    """
    # Read before the functions, so that a model placed meanwhile is not in the list.
    files = _model_files(client, stage)
    placed = resources(client, stack_name(stage, "models"), "Custom::ModelFile").values()
    functions = deployed_functions(client, stage)
    return make_plan(functions, files, placed=frozenset(placed), keep=keep, now=now)


def _bucket(client: Client, stage: str) -> str:
    return output(existing_stack(client, stack_name(stage, "models")), "ModelBucketName")


def _model_files(client: Client, stage: str) -> list[ModelFile]:
    pages = client("s3").get_paginator("list_objects_v2")
    return [
        ModelFile(each["Key"], each["Size"], each["LastModified"])
        for page in pages.paginate(Bucket=_bucket(client, stage), Prefix="models/")
        for each in page.get("Contents", ())
    ]


def apply_plan(client: Client, stage: str, plan: Plan) -> None:
    """Delete what a plan lists: versions first, then models.

    The bucket keeps deleted files for 90 days more, as noncurrent versions.

    Raises
    ------
    OperationError
        S3 did not delete a file.
    """
    for version in plan.versions:
        client("lambda").delete_function(
            FunctionName=version.function, Qualifier=str(version.number)
        )
    keys = [{"Key": file.key} for file in plan.files]
    for start in range(0, len(keys), _AT_ONCE):
        answer = client("s3").delete_objects(
            Bucket=_bucket(client, stage),
            Delete={"Objects": keys[start : start + _AT_ONCE], "Quiet": True},
        )
        for error in answer.get("Errors", ()):
            raise OperationError(f"S3 did not delete {error['Key']}: {error['Message']}")


def main() -> None:
    """Run the command line; exit with a message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.prune", description=__doc__)
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--keep", type=int, default=3, help="newest versions to keep (default 3)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be deleted")
    arguments = parser.parse_args()
    if arguments.keep < 1:
        parser.error("--keep must be at least 1")
    with errors_as_messages():
        client = client_of(arguments.stage)
        plan = read_plan(client, arguments.stage, keep=arguments.keep, now=datetime.now(UTC))
        print(f"{'Would delete' if arguments.dry_run else 'Deleting'} from {arguments.stage}:")
        print(plan, flush=True)
        if not arguments.dry_run:
            apply_plan(client, arguments.stage, plan)
        print(
            f"{'Would save' if arguments.dry_run else 'Saved'} up to "
            f"${plan.dollars_per_month:.2f} a month (list prices of {prices.REGION})."
        )


if __name__ == "__main__":
    main()
