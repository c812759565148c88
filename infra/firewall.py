"""AWS WAF: a rate limit for each IP address, and AWS's common rules."""

from __future__ import annotations

from aws_cdk import ArnFormat, Aws, Fn, Stack
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.logs import log_group
from infra.settings import Settings

# These rules search bodies for attacks in text, and the first blocks bodies over 8 KB. Photos would
# be blocked, so these rules only count.
_BODY_RULES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
)

_SECRET_HEADERS = ("authorization", "cookie", "x-amz-security-token", "x-api-key")


class Firewall(Construct):
    """A web ACL for a stage of the API, with its log."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, stage_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            name=f"carlens-{settings.stage}",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_metric("carlens"),
            rules=[_rate_rule(settings.waf_rate), _common_rule()],
            data_protection_config=wafv2.CfnWebACL.DataProtectionConfigProperty(
                data_protections=[
                    wafv2.CfnWebACL.DataProtectProperty(field=field, action="SUBSTITUTION")
                    for field in _hidden_fields()
                ]
            ),
        )
        wafv2.CfnWebACLAssociation(
            self, "Association", resource_arn=stage_arn, web_acl_arn=acl.attr_arn
        )
        # AWS WAF requires this prefix. The ID of the stack avoids a conflict with the log group of
        # an earlier stack of the same name.
        stack_guid = Fn.select(2, Fn.split("/", Aws.STACK_ID))
        logs = log_group(self, "Logs", settings=settings, name=f"aws-waf-logs-{stack_guid}")
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            # The ARN attribute of the group ends in ":*", which AWS WAF refuses.
            log_destination_configs=[
                Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=logs.log_group_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
                *(
                    wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                    for name in _SECRET_HEADERS
                ),
            ],
        )


def _hidden_fields() -> list[wafv2.CfnWebACL.FieldToProtectProperty]:
    """Return what AWS WAF also hides in samples of requests and in the details of rules.

    The redaction of the log covers neither.
    https://docs.aws.amazon.com/waf/latest/developerguide/logging.html
    """
    return [
        wafv2.CfnWebACL.FieldToProtectProperty(field_type="QUERY_STRING"),
        wafv2.CfnWebACL.FieldToProtectProperty(field_type="BODY"),
        wafv2.CfnWebACL.FieldToProtectProperty(
            field_type="SINGLE_HEADER", field_keys=list(_SECRET_HEADERS)
        ),
    ]


def _rate_rule(limit: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name="rate",
        priority=0,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=limit, evaluation_window_sec=300
            )
        ),
        visibility_config=_metric("rate"),
    )


def _common_rule() -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name="common",
        priority=1,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name="AWSManagedRulesCommonRuleSet",
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
                    )
                    for rule in _BODY_RULES
                ],
            )
        ),
        visibility_config=_metric("common"),
    )


def _metric(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
