"""Alarms and a dashboard, built from the function and the API that they watch."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.settings import Settings

# What lambda_src/carlens/telemetry.py writes, with the dimension Function; Failures with Code too.
METRICS_NAMESPACE = "Carlens"
COUNTS = ("Pictures", "Objects", "FailedPictures")
TIMES = ("ReadTime", "DecodeTime", "DetectTime", "ClassifyTime")

_PERIOD = Duration.minutes(5)

# A start that failed, in Lambda's own words or in the runtime's.
_START_FAILURE = logs.FilterPattern.literal(
    '{ ($.type = "platform.initReport" && $.record.status != "success")'
    ' || ($.type = "platform.restoreReport" && $.record.status != "success")'
    ' || ($.message = "models cannot be loaded*") }'
)


class Monitoring(Construct):
    """What tells a person, and a rollout, that something is wrong.

    Attributes
    ----------
    rollback : list of Alarm
        Those that speak of the function itself; a rollout goes back on them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        alias: lambda_.Alias,
        function_logs: logs.LogGroup,
        api_stage: apigateway.Stage,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._alias = alias
        self._start_failures = self._start_failure_metric(function_logs)
        self._api_stage = api_stage
        alarms = self._alarms()
        self.rollback = [alarms["Errors"], alarms["StartFailures"]]
        if settings.alarm_email is not None:
            self._mail(alarms, settings.alarm_email)
        self._dashboard(alarms, function_logs)

    def _start_failure_metric(self, function_logs: logs.LogGroup) -> cloudwatch.Metric:
        return function_logs.add_metric_filter(
            "StartFailures",
            filter_pattern=_START_FAILURE,
            metric_namespace=METRICS_NAMESPACE,
            metric_name=f"StartFailures-{self._settings.stage}",
            metric_value="1",
        ).metric(statistic="Sum", period=_PERIOD)

    def _alarms(self) -> dict[str, cloudwatch.Alarm]:
        timeout, alias, stage = self._settings.timeout, self._alias, self._api_stage
        watched: dict[str, tuple[cloudwatch.IMetric, float, str]] = {
            "Errors": (
                alias.metric_errors(period=_PERIOD),
                1,
                "A call of the function crashed, or ran out of memory or of time: it answers all "
                "other failures itself.",
            ),
            "Throttles": (
                alias.metric_throttles(period=_PERIOD),
                1,
                "More calls than copies may run: raise reserved_concurrency, or the account's.",
            ),
            "SlowCalls": (
                alias.metric_duration(period=_PERIOD, statistic="p99"),
                0.8 * timeout * 1000,
                f"One call in a hundred takes more than 80 % of the {timeout} s that it has: "
                "raise memory, or lower slices or max_pictures.",
            ),
            "ServerErrors": (
                stage.metric_server_error(period=_PERIOD, statistic="Sum"),
                5,
                "Callers got answers with a status of 500 or more.",
            ),
            "StartFailures": (
                self._start_failures,
                1,
                "A copy of the function could not start, or could not load its models.",
            ),
        }
        return {
            name: cloudwatch.Alarm(
                self,
                name,
                alarm_name=f"carlens-{self._settings.stage}-{name}",
                alarm_description=meaning,
                metric=metric,
                threshold=threshold,
                evaluation_periods=1,
                comparison_operator=(
                    cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                ),
                # Nobody calls at night; that is no fault.
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            for name, (metric, threshold, meaning) in watched.items()
        }

    def _mail(self, alarms: Mapping[str, cloudwatch.Alarm], address: str) -> None:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A policy of the topic's own takes the place of the one that lets alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(address))
        for alarm in alarms.values():
            alarm.add_alarm_action(actions.SnsAction(topic))
            alarm.add_ok_action(actions.SnsAction(topic))

    def _dashboard(
        self, alarms: Mapping[str, cloudwatch.Alarm], function_logs: logs.LogGroup
    ) -> None:
        alias, stage = self._alias, self._api_stage
        percentiles = ("p50", "p90", "p99")
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"carlens-{self._settings.stage}",
            default_interval=Duration.days(1),
            widgets=[
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms", alarms=list(alarms.values()), width=24, height=3
                    )
                ],
                [
                    _graph(
                        "Requests",
                        stage.metric_count(period=_PERIOD),
                        stage.metric_client_error(period=_PERIOD, statistic="Sum"),
                        stage.metric_server_error(period=_PERIOD, statistic="Sum"),
                    ),
                    _graph(
                        "Answer time, milliseconds",
                        *(stage.metric_latency(period=_PERIOD, statistic=p) for p in percentiles),
                    ),
                    _graph(
                        "Function time, milliseconds",
                        *(alias.metric_duration(period=_PERIOD, statistic=p) for p in percentiles),
                    ),
                ],
                [
                    _graph(
                        "Function failures",
                        alias.metric_errors(period=_PERIOD),
                        alias.metric_throttles(period=_PERIOD),
                        self._start_failures,
                    ),
                    _graph("Pictures", *(self._own(name) for name in COUNTS)),
                    _graph("Failed pictures by code", self._failures_by_code()),
                ],
                [
                    _graph(
                        "Milliseconds a step",
                        *(self._own(name, statistic="Average") for name in TIMES),
                    ),
                    cloudwatch.LogQueryWidget(
                        title="Latest errors",
                        log_group_names=[function_logs.log_group_name],
                        query_lines=[
                            "fields @timestamp, level, message, requestId",
                            'filter level in ["ERROR", "CRITICAL"]',
                            "sort @timestamp desc",
                            "limit 20",
                        ],
                        width=16,
                    ),
                ],
            ],
        )

    def _own(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"Function": self._alias.lambda_.function_name},
            statistic=statistic,
            period=_PERIOD,
        )

    def _failures_by_code(self) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression=(
                f'SEARCH(\'{{{METRICS_NAMESPACE},Function,Code}} MetricName="Failures" '
                f"Function=\"{self._alias.lambda_.function_name}\"', 'Sum', 300)"
            ),
            using_metrics={},
            label="",
            period=_PERIOD,
        )


def _graph(title: str, *left: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), width=8, height=6)
