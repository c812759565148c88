"""What the owner of a stage should know before it is deployed; `cdk synth` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from infra.settings import Settings

# What Lambda keeps for functions without reserved concurrency.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED = 100


def reserved_concurrency(settings: Settings) -> int:
    """Return the concurrent executions that a stage reserves in total; 0 for none."""
    of_api = 2 * (settings.reserved_concurrency or 0)
    return of_api + (settings.batch_concurrency if settings.batch else 0)


def advice(settings: Settings) -> Iterator[str]:
    """Yield a sentence or two for each point."""
    reserved = reserved_concurrency(settings)
    if reserved:
        yield (
            f"This stage reserves {reserved} concurrent executions, so the account needs a quota of"
            f" at least {reserved + _UNRESERVED}. New accounts have 10: request more in Service"
            " Quotas, under Lambda, before the first deployment."
        )
    else:
        yield (
            "The functions may use the concurrency of the whole account: set reserved_concurrency"
            " to limit it, and the cost of an attack with it."
        )
    if not settings.api_key and not settings.waf and settings.authorizer == "none":
        yield (
            f"Anyone who knows the address can call this API, {settings.throttle_rate} times a"
            " second in total: set authorizer, api_key or waf to change that."
        )
    if settings.allowed_hosts and not settings.subnets:
        yield (
            "The functions run outside your VPC: they reach allowed_hosts only at public addresses."
            " Set subnets and security_groups to reach private ones."
        )
    if settings.subnets:
        yield (
            "The functions reach S3 only if the subnets have a gateway endpoint for S3 or a NAT"
            " gateway, and picture URLs only with a NAT gateway."
        )
    if settings.alarm_email:
        yield (
            f"AWS asks {settings.alarm_email} to confirm the subscription by e-mail after the first"
            " deployment; no alarm arrives before."
        )
