"""The settings of one stage: read from the CDK context, validated and typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ValidationError, model_validator

from infra.setting_types import (
    Account,
    Buckets,
    CertificateArn,
    Classes,
    Domain,
    Email,
    Flag,
    Hosts,
    KeyArn,
    ModelName,
    Origins,
    OrNone,
    PolicyArn,
    Region,
    Scopes,
    SecurityGroups,
    StageName,
    Subnets,
    UserPools,
    number,
    one_of,
    whole,
)

Architecture = Literal["x86_64", "arm64"]
Authorizer = Literal["none", "iam", "cognito"]
Removal = Literal["retain", "destroy"]
# The names of CodeDeploy's deployment configurations, without their prefix.
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

# The retention periods of CloudWatch Logs that Carlens offers, in days.
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653)

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MB_PER_VCPU = 1769

# The CDK's own context keys contain a colon, a slash or an @.
_OUR_KEY = re.compile(r"[^:/@]+")


class SettingError(Exception):
    """A setting is unknown or has a value that is not allowed; the message says what is."""

    @classmethod
    def of(cls, name: str, value: object, allowed: str) -> SettingError:
        """Return an error for a value of `name` that is not allowed."""
        return cls(f"{name} is {value!r}; it must be {allowed}.")


class Settings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """The settings of one stage, with their types, ranges and defaults.

    Raises
    ------
    ValidationError
        A value is not allowed.
    SettingError
        Two values contradict each other.
    """

    stage: StageName
    """Name of the stage; part of the names of its stacks."""

    account: OrNone[Account] = None
    """AWS account to deploy to; by default that of the caller's credentials."""

    region: OrNone[Region] = None
    """AWS region to deploy to; by default that of the caller's credentials."""

    architecture: Annotated[Architecture, one_of(*get_args(Architecture))] = "x86_64"
    """Processor architecture of the functions; onnxruntime is tested on x86_64."""

    memory: Annotated[int, whole(1280, 10_240)] = _MB_PER_VCPU
    """Memory of the recognition function in MB; every 1,769 MB add one vCPU.

    The most demanding request takes 1,040 MB (SECURITY.md).
    """

    timeout: Annotated[int, whole(5, 29)] = 29
    """Timeout of the functions in seconds; API Gateway waits at most 29."""

    snap_start: Flag = True
    """Whether functions start from a snapshot that holds the loaded models and tables."""

    reserved_concurrency: OrNone[Annotated[int, whole(1, 100_000)]] = None
    """Concurrent executions reserved for each of the API's two functions, which is also its limit.

    AWS keeps 100 unreserved, so it refuses any reservation in an account with a quota of 10.
    """

    catalog_memory: Annotated[int, whole(256, 10_240)] = 512
    """Memory of the catalog function in MB."""

    tables: Flag = False
    """Whether the catalog function reads your own tables from `tables/` in the model bucket."""

    detector: ModelName = "ssdlite-mobilenet-v2-coco"
    """Folder of the detector in `models/`."""

    classifier: ModelName = "efficientnet-lite0-cars"
    """Folder of the classifier in `models/`; `none` for detection alone."""

    anonymize: Flag = False
    """Whether the API redacts plates, faces and people: `POST /anonymize`."""

    plates: ModelName = "plates-fcn"
    """Folder in `models/` of the model that finds plates, if `anonymize` is true."""

    faces: ModelName = "centerface"
    """Folder in `models/` of the model that finds faces, if `anonymize` is true."""

    applies_to: Classes = ()
    """Classes of the detector that `/predict` names, in place of the classifier's manifest."""

    confidence: OrNone[Annotated[float, number(0, 1)]] = None
    """Confidence threshold, in place of the one in the detector's manifest."""

    min_area: OrNone[Annotated[float, number(0, 1)]] = None
    """Smallest object, as a share of the picture, in place of the detector's manifest."""

    slices: OrNone[Annotated[int | str, one_of("auto", 1, 2, 3)]] = None
    """Tiles along each side of a picture, or `auto`, in place of the detector's manifest."""

    max_pictures: Annotated[int, whole(1, 1000)] = 32
    """Pictures allowed in one request."""

    urls: Flag = True
    """Whether pictures may be named by URL."""

    allowed_hosts: Hosts = ()
    """Private hosts that picture URLs may point to, as name or name:port; they need a VPC."""

    uploads: Flag = False
    """Whether pictures can be uploaded to a bucket before a request."""

    uploads_key: Flag = True
    """Whether `POST /uploads` needs an API key, even if `api_key` is false."""

    uploads_rate: Annotated[int, whole(1, 10_000)] = 5
    """Requests per second to `POST /uploads`, over all callers; each gives at most 32 forms."""

    uploads_burst: Annotated[int, whole(1, 5_000)] = 10
    """Size of a burst of requests to `POST /uploads`, over all callers."""

    cors_origins: Origins = ("*",)
    """Origins whose pages may call the API; `*` for all."""

    throttle_rate: Annotated[int, whole(1, 10_000)] = 20
    """Requests per second, over all callers."""

    throttle_burst: Annotated[int, whole(1, 5_000)] = 40
    """Size of a burst of requests, over all callers."""

    api_key: Flag = False
    """Whether callers need an API key."""

    authorizer: Annotated[Authorizer, one_of(*get_args(Authorizer))] = "none"
    """Who may call: everyone, AWS identities (`iam`), or users of `user_pools` (`cognito`)."""

    user_pools: UserPools = ()
    """Cognito user pools whose tokens the authorizer accepts."""

    scopes: Scopes = ()
    """OAuth scopes of which an access token must have one; without scopes, ID tokens are needed."""

    monthly_quota: OrNone[Annotated[int, whole(1, 1_000_000_000)]] = None
    """Requests per month that the API key allows."""

    waf: Flag = False
    """Whether AWS WAF protects the API."""

    waf_rate: Annotated[int, whole(10, 2_000_000_000)] = 1000
    """Requests in five minutes above which AWS WAF blocks an IP address; needs `waf`."""

    domain_name: OrNone[Domain] = None
    """Custom domain of the API; needs `certificate_arn`."""

    certificate_arn: OrNone[CertificateArn] = None
    """Certificate of the custom domain, in the region of the API."""

    subnets: Subnets = ()
    """Subnets of your VPC that the functions run in; by default they run outside of it."""

    security_groups: SecurityGroups = ()
    """Security groups of the functions in `subnets`."""

    permissions_boundary: OrNone[PolicyArn] = None
    """Managed policy that bounds the permissions of all roles."""

    asset_key: OrNone[KeyArn] = None
    """KMS key that encrypts the bucket of `cdk bootstrap`, if it is your own."""

    gateway_log_role: Flag = True
    """Whether to set the role with which API Gateway writes logs, one for the account and region.

    It replaces the role of other APIs: set it to false where there is one already.
    """

    batch: Flag = False
    """Whether the stage runs batch jobs over buckets of photos, in a stack of its own."""

    photo_buckets: Buckets = ()
    """Buckets that batch jobs may list and read."""

    batch_concurrency: Annotated[int, whole(1, 10_000)] = 200
    """Parts that batch jobs process at once; reserved from the account's concurrency."""

    rollout: Annotated[Rollout, one_of(*get_args(Rollout))] = "AllAtOnce"
    """How CodeDeploy shifts the alias to a new version."""

    log_retention: Annotated[int, one_of(*RETENTIONS)] = 30
    """Days that logs are kept."""

    alarm_email: OrNone[Email] = None
    """Address that receives the alarms, after its reader confirms a message from AWS."""

    monthly_budget: OrNone[Annotated[int, whole(1, 1_000_000)]] = None
    """US dollars a month; AWS Budgets notifies the alarm topic at 80%, and at 100% by forecast."""

    budget_by_tags: Flag = False
    """Whether the budget counts only what has the tags of the stage.

    Otherwise it counts what the account spends on the services that Carlens uses. The tags
    `application` and `stage` must first be activated as cost allocation tags.
    """

    canary_minutes: OrNone[Annotated[int, whole(1, 60)]] = None
    """Minutes between two checks of the API with a photo and a name; by default there are none."""

    removal: Annotated[Removal, one_of(*get_args(Removal))] = "retain"
    """Whether models and logs are kept when their stack is deleted."""

    @model_validator(mode="after")
    def _check_combinations(self) -> Settings:
        for name, wrong, allowed in self._combinations():
            if wrong:
                raise SettingError.of(name, getattr(self, name), allowed)
        return self

    def _combinations(self) -> Iterator[tuple[str, bool, str]]:
        """Yield each setting that depends on others, whether it is wrong, and what is allowed."""
        certificate, pools = self.certificate_arn, bool(self.user_pools)
        alone = (self.domain_name is None) != (certificate is None)
        yield "certificate_arn", alone, "set together with domain_name"
        elsewhere = certificate is not None and self.region not in {None, self.certificate_region}
        yield "certificate_arn", elsewhere, f"the ARN of a certificate in {self.region}"
        waf_rate = "waf_rate" in self.model_fields_set
        yield "waf_rate", waf_rate and not self.waf, "left out unless waf is true"
        alone = bool(self.subnets) != bool(self.security_groups)
        yield "security_groups", alone, "set together with subnets"
        cognito = self.authorizer == "cognito"
        yield "user_pools", cognito and not pools, "set if authorizer is cognito"
        yield "user_pools", pools and not cognito, "left out unless authorizer is cognito"
        yield "scopes", bool(self.scopes) and not pools, "left out unless user_pools is set"
        by_tags = self.budget_by_tags and self.monthly_budget is None
        yield "budget_by_tags", by_tags, "left out unless monthly_budget is set"
        canary = self.canary_minutes is not None and self.authorizer != "none"
        yield "canary_minutes", canary, "left out unless authorizer is none"
        quota = self.monthly_quota is not None
        yield "monthly_quota", quota and not self.api_key, "left out unless api_key is true"
        photos = bool(self.photo_buckets)
        yield "batch", self.batch and not photos, "set together with photo_buckets"
        yield "photo_buckets", photos and not self.batch, "left out unless batch is true"

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Settings:
        """Read the settings of the selected stage.

        Parameters
        ----------
        context : Mapping
            `stage`; `stages`, with a block of settings for each stage; and single settings that
            override the block. The CDK's own keys are ignored.

        Raises
        ------
        SettingError
            A value is not allowed, or a name is unknown.
        """
        stage, block = _select_stage(context)
        ours = {name: value for name, value in context.items() if _OUR_KEY.fullmatch(name)}
        known = cls.model_fields.keys() - {"stage"}
        _refuse_unknown(block, known, f"stages.{stage}.")
        _refuse_unknown(ours, {"stage", "stages", *known}, "")
        overrides = {name: value for name, value in ours.items() if name in known}
        try:
            return cls(stage=stage, **{**block, **overrides})
        except ValidationError as error:
            raise SettingError("\n".join(map(_describe, error.errors()))) from None

    @property
    def keyed_uploads(self) -> bool:
        """Whether there are uploads that need an API key."""
        return self.uploads and self.uploads_key

    @property
    def certificate_region(self) -> str | None:
        """Region of the certificate of the custom domain, if there is one."""
        return self.certificate_arn and self.certificate_arn.split(":")[3]

    @property
    def reservations(self) -> dict[str, int]:
        """Concurrent executions that the stage reserves in its account, by function."""
        of_api = dict.fromkeys(("recognition", "catalog"), self.reserved_concurrency or 0)
        of_batch = {"batch worker": self.batch_concurrency} if self.batch else {}
        return {name: count for name, count in (of_api | of_batch).items() if count}

    @property
    def threads(self) -> int:
        """Number of vCPUs that come with `memory`, rounded; at least 1."""
        return max(1, round(self.memory / _MB_PER_VCPU))


def _select_stage(context: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    stage, stages = context.get("stage"), context.get("stages")
    if not isinstance(stages, Mapping) or not all(isinstance(s, Mapping) for s in stages.values()):
        raise SettingError.of("stages", stages, "a block of settings for each stage, in cdk.json")
    if not isinstance(stage, str) or stage not in stages:
        raise SettingError.of("stage", stage, f"one of {', '.join(stages)}, the stages in cdk.json")
    return stage, stages[stage]


def _refuse_unknown(given: Collection[str], known: Collection[str], prefix: str) -> None:
    for name in given:
        if name not in known:
            nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)[0]
            raise SettingError(f"{prefix}{name} is not a setting; did you mean {nearest}?")


def _describe(error: Mapping[str, Any]) -> str:
    return str(SettingError.of(error["loc"][0], error["input"], error["msg"]))
