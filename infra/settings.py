"""What one stage of Carlens is like: read from the CDK context, checked, and typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from infra.rules import Rule, SettingError, flag, items, number, one_of, optional, text, whole

Architecture = Literal["x86_64", "arm64"]
Removal = Literal["retain", "destroy"]
# How CodeDeploy calls them.
Rollout = Literal[
    "AllAtOnce",
    "Canary10Percent5Minutes",
    "Canary10Percent10Minutes",
    "Canary10Percent15Minutes",
    "Canary10Percent30Minutes",
    "Linear10PercentEvery1Minute",
    "Linear10PercentEvery2Minutes",
    "Linear10PercentEvery3Minutes",
    "Linear10PercentEvery10Minutes",
]

# Days that CloudWatch Logs can keep logs for.
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653)

# 1,769 MB come with one vCPU.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MB_PER_VCPU = 1769

_STAGE = re.compile(r"[a-z][a-z0-9]{0,15}")
# The CDK's own context keys hold a colon, a slash or an @.
_OURS = re.compile(r"[^:/@]+")

_ACCOUNT = text(r"\d{12}", "12 digits")
_REGION = text(r"[a-z]{2}(-[a-z]+)+-\d", "a region such as eu-west-3")
_MODEL = text(r"[a-z0-9][a-z0-9._-]{0,63}", "the name of a folder in models/")
_EMAIL = text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
_DOMAIN = text(r"([a-z0-9-]+\.)+[a-z]{2,}", "a domain such as cars.example.com")
_CERTIFICATE = text(
    r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
    "the ARN of an ACM certificate in the region of the API",
)
_HOSTS = items(r"[A-Za-z0-9.-]+(:\d{1,5})?", "a list of hosts, each name or name:port")
_ORIGINS = items(
    r"https?://[a-z0-9.-]+(:\d{1,5})?|\*", "* or a list of origins such as https://www.example.com"
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stage; beside the type of each value stands how it is read.

    Attributes
    ----------
    stage : str
        Its name; part of the names of its stacks.
    account, region : str or None
        Where it is deployed; None for wherever the caller's credentials lead.
    architecture : str
        Of the processor; x86_64 is where onnxruntime is known to run.
    memory : int
        MB, 1,024 to 10,240, of the function of pictures; a vCPU comes with every 1,769. The
        hungriest request takes 860 (SECURITY.md).
    timeout : int
        Seconds, 5 to 29: the gateway waits no longer.
    snap_start : bool
        Whether new copies start from a snapshot that holds the models and tables.
    reserved_concurrency : int or None
        Copies of each function that may run at once; None for what the account has left.
    catalog_memory : int
        MB, 256 to 10,240, of the function of written names.
    tables : bool
        Whether that function has reference tables of yours, from `tables/` of the model bucket.
    detector, classifier : str
        Folders in `models/`.
    confidence, min_area : float or None
        0..1; override the detector's manifest.
    slices : int or None
        1..3; overrides the detector's manifest.
    max_pictures : int
        Pictures a request may carry.
    allowed_hosts : tuple of str
        Private hosts, by name or name:port, that a picture URL may name.
    cors_origins : tuple of str
        Origins that browsers may call from; `("*",)` for any.
    throttle_rate, throttle_burst : int
        Requests a second, and at once, of all callers together.
    api_key : bool
        Whether callers need a key.
    monthly_quota : int or None
        Requests a month that the key is good for.
    waf : bool
        Whether a firewall stands before the API.
    waf_rate : int
        Requests in five minutes from which the firewall blocks an address.
    domain_name, certificate_arn : str or None
        A domain of one's own and its certificate; both or neither.
    rollout : str
        How the alias moves to a new version.
    log_retention : int
        Days that logs are kept.
    alarm_email : str or None
        Who hears of alarms.
    removal : str
        Whether models and logs stay when their stack goes.
    """

    stage: str
    account: Annotated[str | None, optional(_ACCOUNT)] = None
    region: Annotated[str | None, optional(_REGION)] = None
    architecture: Annotated[Architecture, one_of(*get_args(Architecture))] = "x86_64"
    memory: Annotated[int, whole(1024, 10_240)] = _MB_PER_VCPU
    timeout: Annotated[int, whole(5, 29)] = 29
    snap_start: Annotated[bool, flag()] = True
    reserved_concurrency: Annotated[int | None, optional(whole(1, 100_000))] = None
    catalog_memory: Annotated[int, whole(256, 10_240)] = 512
    tables: Annotated[bool, flag()] = False
    detector: Annotated[str, _MODEL] = "ssdlite-mobilenet-v2-coco"
    classifier: Annotated[str, _MODEL] = "efficientnet-lite0-stanford-cars"
    confidence: Annotated[float | None, optional(number(0, 1))] = None
    min_area: Annotated[float | None, optional(number(0, 1))] = None
    slices: Annotated[int | None, optional(whole(1, 3))] = None
    max_pictures: Annotated[int, whole(1, 1000)] = 32
    allowed_hosts: Annotated[tuple[str, ...], _HOSTS] = ()
    cors_origins: Annotated[tuple[str, ...], _ORIGINS] = ("*",)
    throttle_rate: Annotated[int, whole(1, 10_000)] = 20
    throttle_burst: Annotated[int, whole(1, 5_000)] = 40
    api_key: Annotated[bool, flag()] = False
    monthly_quota: Annotated[int | None, optional(whole(1, 1_000_000_000))] = None
    waf: Annotated[bool, flag()] = False
    waf_rate: Annotated[int, whole(10, 2_000_000_000)] = 1000
    domain_name: Annotated[str | None, optional(_DOMAIN)] = None
    certificate_arn: Annotated[str | None, optional(_CERTIFICATE)] = None
    rollout: Annotated[Rollout, one_of(*get_args(Rollout))] = "AllAtOnce"
    log_retention: Annotated[int, one_of(*RETENTIONS)] = 30
    alarm_email: Annotated[str | None, optional(_EMAIL)] = None
    removal: Annotated[Removal, one_of(*get_args(Removal))] = "retain"

    def __post_init__(self) -> None:
        """Check what one setting asks of another."""
        if not self.cors_origins or ("*" in self.cors_origins and len(self.cors_origins) > 1):
            raise SettingError.of("cors_origins", self.cors_origins, _ORIGINS.allowed)
        if (self.domain_name is None) != (self.certificate_arn is None):
            raise SettingError.of(
                "certificate_arn", self.certificate_arn, "given together with domain_name"
            )
        if self.monthly_quota is not None and not self.api_key:
            raise SettingError.of(
                "monthly_quota", self.monthly_quota, "left out unless api_key is true"
            )

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Settings:
        """Read the stage that the context asks for.

        Parameters
        ----------
        context : Mapping
            `stage`; `stages`, with a block of settings for each; and settings by their own
            names, which override the block. The CDK's own keys are passed over.

        Raises
        ------
        SettingError
            A value is not allowed, or a name is unknown.
        """
        rules: dict[str, Rule] = {
            name: hint.__metadata__[0]
            for name, hint in get_type_hints(cls, include_extras=True).items()
            if hasattr(hint, "__metadata__")
        }
        stage, block = _stage(context)
        overrides = {name: value for name, value in context.items() if _OURS.fullmatch(name)}
        _refuse_unknown(block, rules, f"stages.{stage}.")
        _refuse_unknown(overrides, {"stage", "stages", *rules}, "")
        given = {**block, **overrides}
        return cls(
            stage=stage,
            **{name: rule.read(name, given[name]) for name, rule in rules.items() if name in given},
        )

    @property
    def threads(self) -> int:
        """The vCPUs of `memory`, rounded; at least 1."""
        return max(1, round(self.memory / _MB_PER_VCPU))


def _stage(context: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    stage, stages = context.get("stage"), context.get("stages")
    if not isinstance(stages, Mapping) or not all(isinstance(s, Mapping) for s in stages.values()):
        raise SettingError.of("stages", stages, "a block of settings for each stage, in cdk.json")
    if not isinstance(stage, str) or stage not in stages:
        raise SettingError.of("stage", stage, f"one of {', '.join(stages)}, the stages in cdk.json")
    if not _STAGE.fullmatch(stage):
        raise SettingError.of("stage", stage, "1 to 16 small letters and digits, a letter first")
    return stage, stages[stage]


def _refuse_unknown(given: Collection[str], known: Collection[str], where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise SettingError(f"{where}{name} is no setting; the nearest is {near[0]}.")
