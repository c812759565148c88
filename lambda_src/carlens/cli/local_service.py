"""Recognize pictures with the cores of this computer."""

from __future__ import annotations

import os

from carlens.cli.errors import WrongUsage
from carlens.cli.predict import Job, OpenService
from carlens.cli.workers import Workers
from carlens.config import Config


def local_service(job: Job, workers: int | None) -> OpenService:
    """Return what opens the workers of a job, at most one for each picture.

    Parameters
    ----------
    job : Job
    workers : int or None
        The number of processes; None for one for each core.

    Raises
    ------
    WrongUsage
        A setting in the environment has a value that is not allowed.
    """
    try:
        config = Config.from_env()
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    size = workers or cores()

    def open_service(pictures: int) -> Workers:
        return Workers(max(1, min(size, pictures)), config, job.task, job.annotate)

    return open_service


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
