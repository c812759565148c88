"""Alarms and a dashboard for the functions and the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_cdk import Aws, CfnOutput, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.api_function import ApiFunction
from infra.budget import monthly_budget
from infra.canary import Canary
from infra.function import METRICS_NAMESPACE
from infra.layers import FunctionName
from infra.settings import Settings

# Metrics that lambda_src/carlens/aws/metrics.py writes; Failures also has the dimension Code.
COUNTS = ("Pictures", "Objects", "FailedPictures")
TIMES = ("ReadTime", "DecodeTime", "DetectTime", "ClassifyTime")
# Only of requests to /anonymize.
REDACT_TIME = "RedactTime"

_PERIOD = Duration.minutes(5)
# A canary of CodeDeploy lasts five minutes: its alarms must fire within them.
_ROLLBACK_PERIOD = Duration.minutes(1)

# A failed start, as logged by Lambda or by Carlens.
_START_FAILURE = logs.FilterPattern.literal(
    '{ ($.type = "platform.initReport" && $.record.status != "success")'
    ' || ($.type = "platform.restoreReport" && $.record.status != "success")'
    ' || ($.message = "models cannot be loaded*") }'
)

_REMEDIES: dict[FunctionName, str] = {
    "recognition": "increase memory, or lower slices or max_pictures.",
    "catalog": "increase catalog_memory.",
}


class Monitoring(Construct):
    """Alarms and a dashboard.

    Attributes
    ----------
    rollback_alarms : dict
        For each function, the alarms that roll back its deployment.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        functions: Sequence[ApiFunction],
        api_stage: apigateway.Stage,
        canary: Canary | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._api_stage = api_stage
        self._recognition = next(each for each in functions if each.name == "recognition")
        start_failures = {
            function: function.logs.add_metric_filter(
                "StartFailures",
                filter_pattern=_START_FAILURE,
                metric_namespace=METRICS_NAMESPACE,
                metric_name=f"{function.node.id}StartFailures-{settings.stage}",
                metric_value="1",
            ).metric(statistic="Sum", period=_PERIOD)
            for function in functions
        }
        alarms = [self._api_alarm(), *([self._canary_alarm(canary)] if canary else [])]
        self.rollback_alarms: dict[FunctionName, list[cloudwatch.Alarm]] = {}
        for function in functions:
            failures = self._failure_alarms(function, start_failures[function])
            self.rollback_alarms[function.name] = failures
            alarms += [*failures, *self._load_alarms(function)]
        self._notify(alarms)
        self._dashboard(alarms, start_failures)

    def _api_alarm(self) -> cloudwatch.Alarm:
        return self._alarm(
            "ServerErrors",
            self._api_stage.metric_server_error(period=_PERIOD, statistic="Sum"),
            5,
            "The API answered requests with a status of 500 or more.",
        )

    def _canary_alarm(self, canary: Canary) -> cloudwatch.Alarm:
        return self._alarm(
            "CanaryFailures",
            canary.failures,
            1,
            "Twice in a row, the API did not find a vehicle in the photo of the canary, or the "
            "canary did not run.",
            evaluation_periods=2,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )

    def _failure_alarms(
        self, function: ApiFunction, start_failures: cloudwatch.Metric
    ) -> list[cloudwatch.Alarm]:
        return [
            self._alarm(
                f"{function.node.id}Errors",
                function.alias.metric_errors(period=_ROLLBACK_PERIOD),
                1,
                "An invocation crashed, timed out or ran out of memory; the function answers all "
                "other failures itself.",
            ),
            self._alarm(
                f"{function.node.id}StartFailures",
                start_failures.with_(period=_ROLLBACK_PERIOD),
                1,
                # An invalid table of the user does not count, as a rollback would not help.
                "An execution environment failed to start or to load the models.",
            ),
            self._alarm(
                f"{function.node.id}ServerErrors",
                # Of one version: failures of the old one must not stop the deployment that fixes
                # them.
                _server_errors(function, function.alias.version.version, _ROLLBACK_PERIOD),
                1,
                "The latest version answered a request with a status of 500 or more.",
            ),
        ]

    def _load_alarms(self, function: ApiFunction) -> list[cloudwatch.Alarm]:
        timeout = self._settings.timeout
        return [
            self._alarm(
                f"{function.node.id}Throttles",
                function.alias.metric_throttles(period=_PERIOD),
                1,
                "Requests exceeded the concurrency limit: increase reserved_concurrency or the "
                "limit of the account.",
            ),
            self._alarm(
                f"{function.node.id}SlowCalls",
                function.alias.metric_duration(period=_PERIOD, statistic="p99"),
                0.8 * timeout * 1000,
                f"One invocation in a hundred takes more than 80% of the timeout of {timeout} s: "
                f"{_REMEDIES[function.name]}",
            ),
        ]

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        description: str,
        **options: Any,
    ) -> cloudwatch.Alarm:
        usual: dict[str, Any] = {
            "evaluation_periods": 1,
            # A period without requests is not a failure.
            "treat_missing_data": cloudwatch.TreatMissingData.NOT_BREACHING,
        }
        return cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"carlens-{self._settings.stage}-{name}",
            alarm_description=f"{description} Runbook: docs/operations.md, {name}.",
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            **{**usual, **options},
        )

    def _notify(self, alarms: Iterable[cloudwatch.Alarm]) -> None:
        settings = self._settings
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        senders = ["cloudwatch.amazonaws.com"]
        if settings.monthly_budget is not None:
            senders.append("budgets.amazonaws.com")
            budget = monthly_budget(
                self, "Budget", settings=settings, dollars=settings.monthly_budget, topic=topic
            )
            budget.node.add_dependency(topic)  # AWS Budgets checks that it may publish
        # `enforce_ssl` replaces the default policy, which lets CloudWatch publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(sender) for sender in senders],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if settings.alarm_email is not None:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        CfnOutput(
            self,
            "AlarmTopicArn",
            value=topic.topic_arn,
            description="SNS topic of the alarms and the budget; subscribe to receive them.",
        ).override_logical_id("AlarmTopicArn")
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(topic))
            alarm.add_ok_action(actions.SnsAction(topic))

    def _dashboard(
        self,
        alarms: list[cloudwatch.Alarm],
        functions: Mapping[ApiFunction, cloudwatch.Metric],
    ) -> None:
        stage = self._api_stage
        percentiles = ("p50", "p90", "p99")
        times = (*TIMES, REDACT_TIME) if self._settings.anonymize else TIMES
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            # Dashboards are global in an account: without the region, the same stage in another
            # region would overwrite this one.
            dashboard_name=f"carlens-{self._settings.stage}-{Aws.REGION}",
            default_interval=Duration.days(1),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=24, height=3)],
                [
                    _graph(
                        "Requests",
                        stage.metric_count(period=_PERIOD),
                        stage.metric_client_error(period=_PERIOD, statistic="Sum"),
                        stage.metric_server_error(period=_PERIOD, statistic="Sum"),
                        width=12,
                    ),
                    _graph(
                        "Latency, milliseconds",
                        *(stage.metric_latency(period=_PERIOD, statistic=p) for p in percentiles),
                        width=12,
                    ),
                ],
                [
                    graph
                    for function, start_failures in functions.items()
                    for graph in (
                        _graph(
                            f"{function.node.id} duration, milliseconds",
                            *(
                                function.alias.metric_duration(period=_PERIOD, statistic=p)
                                for p in percentiles
                            ),
                            width=6,
                        ),
                        _graph(
                            f"{function.node.id} failures",
                            function.alias.metric_errors(period=_PERIOD),
                            function.alias.metric_throttles(period=_PERIOD),
                            start_failures,
                            _server_errors(function),
                            width=6,
                        ),
                    )
                ],
                [
                    _graph("Pictures", *(self._carlens_metric(name) for name in COUNTS)),
                    _graph("Failed pictures by code", self._failures_by_code()),
                    _graph(
                        "Milliseconds per step",
                        *(self._carlens_metric(name, statistic="Average") for name in times),
                    ),
                ],
                [
                    cloudwatch.LogQueryWidget(
                        title="Latest errors",
                        log_group_names=[function.logs.log_group_name for function in functions],
                        query_lines=[
                            "fields @timestamp, level, message, requestId",
                            'filter level in ["ERROR", "CRITICAL"]',
                            "sort @timestamp desc",
                            "limit 20",
                        ],
                        width=24,
                    ),
                ],
            ],
        )

    def _carlens_metric(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"Function": self._recognition.alias.lambda_.function_name},
            statistic=statistic,
            period=_PERIOD,
        )

    def _failures_by_code(self) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression=(
                f'SEARCH(\'{{{METRICS_NAMESPACE},Function,Code}} MetricName="Failures" '
                f"Function=\"{self._recognition.alias.lambda_.function_name}\"', 'Sum', 300)"
            ),
            using_metrics={},
            label="",
            period=_PERIOD,
        )


def _server_errors(
    function: ApiFunction, version: str | None = None, period: Duration = _PERIOD
) -> cloudwatch.Metric:
    """Return the responses of status 500 or more, of a version or of all."""
    of_function = {"Function": function.alias.lambda_.function_name}
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name="ServerErrors",
        dimensions_map={**of_function, **({"Version": version} if version else {})},
        statistic="Sum",
        period=period,
    )


def _graph(title: str, *left: cloudwatch.IMetric, width: float = 8) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), width=width, height=6)
