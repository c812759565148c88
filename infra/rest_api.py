"""The REST API, which routes the paths of the contract to the functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws, CfnOutput, Size
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.api_definition import UPLOADS, Access, api_definition
from infra.api_function import ApiFunction
from infra.firewall import Firewall
from infra.logs import log_group
from infra.nag import acknowledge
from infra.settings import Settings

# Without values that clients choose freely, such as the user agent: they could break the JSON.
_ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "api_key_id": "$context.identity.apiKeyId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "function_milliseconds": "$context.integrationLatency",
    "function_status": "$context.integrationStatus",
    "function_request_id": "$context.integration.requestId",
    "gateway_error": "$context.error.responseType",
    "waf_status": "$context.waf.status",
}

_COMPRESSED_FROM = "x-amazon-apigateway-minimum-compression-size"


class RestApi(Construct):
    """The API with its logs, limits, API key, firewall and domain.

    Attributes
    ----------
    stage : Stage
        The stage of the API, named like the stage of the settings.
    url : str
        The address of the API.
    canary_key_id : str or None
        The API key of the canary, if there is one that needs it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        contract: Mapping[str, Any],
        functions: Sequence[ApiFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._api = self._make_api(contract, functions)
        self.stage = self._api.deployment_stage
        for function in functions:
            function.alias.add_permission(
                "InvokedByApi",
                principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
                source_arn=self._api.arn_for_execute_api("*", "/*", settings.stage),
            )
        if settings.api_key or settings.keyed_uploads:
            self._add_key()
        if settings.waf:
            Firewall(self, "Firewall", settings=settings, stage_arn=self.stage.stage_arn)
        self.canary_key_id = self._canary_key() if settings.canary_minutes else None
        self.url = self._add_domain_or_url()
        self._acknowledge()

    def _make_api(
        self, contract: Mapping[str, Any], functions: Sequence[ApiFunction]
    ) -> apigateway.SpecRestApi:
        settings = self._settings
        definition = api_definition(
            contract,
            function_uris={
                function.name: (
                    f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}:lambda:path/2015-03-31/functions/"
                    f"{function.alias.function_arn}/invocations"
                )
                for function in functions
            },
            cors_origins=settings.cors_origins,
            access=Access(
                api_key=settings.api_key,
                uploads_key=settings.keyed_uploads,
                authorizer=settings.authorizer,
                user_pools=settings.user_pools,
                scopes=settings.scopes,
            ),
        )
        access_log = log_group(self, "AccessLog", settings=settings)
        watched: dict[str, Any] = {
            "logging_level": apigateway.MethodLoggingLevel.ERROR,
            "data_trace_enabled": False,
            # Those of the stage are free. Those of each method are billed, and nothing reads them.
            "metrics_enabled": False,
        }
        own_throttle = apigateway.MethodDeploymentOptions(
            throttling_rate_limit=settings.uploads_rate,
            throttling_burst_limit=settings.uploads_burst,
            **watched,  # the settings of a method replace all those of the stage
        )
        api = apigateway.SpecRestApi(
            self,
            "Api",
            rest_api_name=f"carlens-{settings.stage}",
            api_definition=apigateway.ApiDefinition.from_inline(definition),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # Without it, importing a body makes an edge-optimized API.
            parameters={"endpointConfigurationTypes": "REGIONAL"},
            # See GatewayLogStack.
            cloud_watch_role=False,
            min_compression_size=Size.bytes(contract[_COMPRESSED_FROM]),
            deploy_options=apigateway.StageOptions(
                stage_name=settings.stage,
                throttling_rate_limit=settings.throttle_rate,
                throttling_burst_limit=settings.throttle_burst,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
                method_options={f"{UPLOADS}/POST": own_throttle} if settings.uploads else None,
                tracing_enabled=True,
                **watched,
            ),
        )
        # Otherwise API Gateway creates this group, without a retention.
        errors = log_group(
            self,
            "ErrorLog",
            settings=settings,
            name=f"API-Gateway-Execution-Logs_{api.rest_api_id}/{settings.stage}",
        )
        api.deployment_stage.node.add_dependency(errors)
        # Replaced by the output ApiUrl.
        api.node.try_remove_child("Endpoint")
        return api

    def _add_key(self) -> None:
        settings = self._settings
        quota = settings.monthly_quota
        plan = self._usage_plan(
            "UsagePlan",
            name=f"carlens-{settings.stage}",
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.throttle_rate, burst_limit=settings.throttle_burst
            ),
            quota=apigateway.QuotaSettings(limit=quota, period=apigateway.Period.MONTH)
            if quota
            else None,
        )
        key = apigateway.ApiKey(self, "Key", description=f"Carlens, stage {settings.stage}")
        plan.add_api_key(key)
        CfnOutput(
            self,
            "ApiKeyId",
            value=key.key_id,
            description="Show the key: aws apigateway get-api-key --include-value --api-key ID",
        ).override_logical_id("ApiKeyId")

    def _canary_key(self) -> str | None:
        """Make a key for the canary, whose requests do not count towards the quota of others."""
        settings = self._settings
        if not settings.api_key:
            return None
        plan = self._usage_plan(
            "CanaryPlan",
            name=f"carlens-{settings.stage}-canary",
            throttle=apigateway.ThrottleSettings(rate_limit=1, burst_limit=5),
        )
        key = apigateway.ApiKey(
            self, "CanaryKey", description=f"Carlens, canary of stage {settings.stage}"
        )
        plan.add_api_key(key)
        return key.key_id

    def _usage_plan(self, construct_id: str, **limits: Any) -> apigateway.UsagePlan:
        stages = [apigateway.UsagePlanPerApiStage(api=self._api, stage=self.stage)]
        return apigateway.UsagePlan(self, construct_id, api_stages=stages, **limits)

    def _add_domain_or_url(self) -> str:
        settings = self._settings
        url = self.stage.url_for_path("/")
        if settings.domain_name is not None and settings.certificate_arn is not None:
            domain = apigateway.DomainName(
                self,
                "Domain",
                domain_name=settings.domain_name,
                certificate=acm.Certificate.from_certificate_arn(
                    self, "Certificate", settings.certificate_arn
                ),
                endpoint_type=apigateway.EndpointType.REGIONAL,
                security_policy=apigateway.SecurityPolicy.TLS_1_2,
            )
            domain.add_base_path_mapping(self._api, stage=self.stage)
            url = f"https://{settings.domain_name}/"
            CfnOutput(
                self,
                "DomainTarget",
                value=domain.domain_name_alias_domain_name,
                description=f"Point a CNAME or alias record of {settings.domain_name} here.",
            ).override_logical_id("DomainTarget")
        CfnOutput(
            self, "ApiUrl", value=url, description="Address of the page, and base URL of the API."
        ).override_logical_id("ApiUrl")
        return url

    def _acknowledge(self) -> None:
        acknowledge(
            self._api,
            {
                "AwsSolutions-APIG2": (
                    "The imported definition contains the validator, where the rule does not look; "
                    "bodies are pictures, which only the function can validate."
                ),
            },
        )
        if not self._settings.waf:
            acknowledge(
                self.stage,
                {
                    "AwsSolutions-APIG3": (
                        "The setting waf is false: a firewall has a monthly price, and throttling "
                        "and the limits on requests apply without it."
                    )
                },
            )
