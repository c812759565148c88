"""What the owner of a stage should know before it is deployed; `cdk synth` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from infra.settings import Settings

# What Lambda keeps for functions without reserved concurrency.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED = 100


def advice(settings: Settings) -> Iterator[str]:
    """Yield a sentence or two for each point."""
    yield from _access(settings)
    yield from _concurrency(settings)
    yield from _notifications(settings)
    yield from _network(settings)
    yield from _account(settings)


def _access(settings: Settings) -> Iterator[str]:
    if settings.authorizer != "none":
        return
    if not settings.api_key:
        firewall = "" if settings.waf else ", and waf is false"
        yield (
            f"Anyone who knows the address can call this API, {settings.throttle_rate} times per "
            f"second and route: api_key is false, authorizer is none{firewall}."
        )
    if settings.uploads and not settings.uploads_key and not settings.api_key:
        yield "Anyone can store pictures in this account: uploads_key is false."


def _concurrency(settings: Settings) -> Iterator[str]:
    reservations = settings.reservations
    if reservations:
        total = sum(reservations.values())
        each = ", ".join(f"{name} {count}" for name, count in reservations.items())
        yield (
            f"This stage reserves {total} concurrent executions ({each}). Lambda keeps "
            f"{_UNRESERVED} unreserved, so the quota of the account must be at least "
            f"{total + _UNRESERVED}, plus what other functions reserve. New accounts may have 10: "
            "`aws lambda get-account-settings` shows yours, and Service Quotas raises it."
        )
    if settings.reserved_concurrency is None:
        yield (
            "The API may use the concurrency of the whole account: reserved_concurrency limits it, "
            "and the cost of an attack."
        )


def _notifications(settings: Settings) -> Iterator[str]:
    if settings.alarm_email is not None:
        yield (
            f"AWS SNS asks {settings.alarm_email} to confirm by e-mail. Until then, alarms reach "
            "nobody."
        )
    else:
        yield "Alarms reach nobody: set alarm_email, or subscribe to the output AlarmTopicArn."
    if settings.budget_by_tags:
        yield (
            "The budget counts nothing until the tags application and stage are activated as cost "
            "allocation tags (docs/deploy.md)."
        )


def _network(settings: Settings) -> Iterator[str]:
    if settings.subnets:
        yield (
            "The functions reach S3, with the models, only if their subnets have a gateway "
            "endpoint for S3 or a NAT gateway, and picture URLs on the internet only with a NAT "
            "gateway."
        )
    elif settings.allowed_hosts:
        yield (
            "The functions cannot reach the private hosts in allowed_hosts without a VPC: set "
            "subnets and security_groups."
        )


def _account(settings: Settings) -> Iterator[str]:
    if settings.certificate_region is not None and settings.region is None:
        yield (
            f"The certificate is in {settings.certificate_region}: deploy this stage to that "
            "region, or set region."
        )
    if settings.gateway_log_role:
        yield (
            "The stack carlens-gateway-logs sets the role with which API Gateway writes logs, for "
            "all APIs of the account and region. If there is one already, set gateway_log_role to "
            "false."
        )
