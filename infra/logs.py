"""Log groups, as every part of Carlens has them."""

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
    """Say whether what holds data stays when its stack goes."""
    return RemovalPolicy.RETAIN if settings.removal == "retain" else RemovalPolicy.DESTROY


def log_group(
    scope: Construct, construct_id: str, *, settings: Settings, name: str | None = None
) -> LogGroup:
    """Make a log group that keeps what it holds for as long as the stage says.

    Parameters
    ----------
    name : str or None
        Only where AWS asks for a certain one.
    """
    return LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_DAYS[settings.log_retention],
        removal_policy=removal_policy(settings),
    )
