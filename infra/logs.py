"""Log groups with the retention and removal policy of the stage."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import LogGroup, RetentionDays
from constructs import Construct

from infra.settings import RETENTIONS, Settings

_DAYS = dict(
    zip(
        RETENTIONS,
        (
            RetentionDays.ONE_DAY,
            RetentionDays.THREE_DAYS,
            RetentionDays.FIVE_DAYS,
            RetentionDays.ONE_WEEK,
            RetentionDays.TWO_WEEKS,
            RetentionDays.ONE_MONTH,
            RetentionDays.TWO_MONTHS,
            RetentionDays.THREE_MONTHS,
            RetentionDays.SIX_MONTHS,
            RetentionDays.ONE_YEAR,
            RetentionDays.TWO_YEARS,
            RetentionDays.FIVE_YEARS,
            RetentionDays.TEN_YEARS,
        ),
        strict=True,
    )
)


def removal_policy(settings: Settings) -> RemovalPolicy:
    """Return the removal policy of resources that hold data.

    A resource that a failed deployment created holds none, and is deleted with either.
    """
    if settings.removal == "retain":
        return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    return RemovalPolicy.DESTROY


def log_group(
    scope: Construct, construct_id: str, *, settings: Settings, name: str | None = None
) -> LogGroup:
    """Make a log group with the retention of the stage.

    Parameters
    ----------
    scope, construct_id
        As for any construct.
    settings : Settings
        Settings of the stage.
    name : str or None
        Name of the group, where AWS requires a certain one.
    """
    return LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_DAYS[settings.log_retention],
        removal_policy=removal_policy(settings),
    )
