"""A synthetic canary: sends a photo and a name to the API every few minutes."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.function import Function, FunctionProps, SharedProps
from infra.rest_api import RestApi


class Canary(Function):
    """A scheduled function that fails if the API does not answer as it should.

    Attributes
    ----------
    failures : Metric
        Failed runs; no data means that it did not run.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: SharedProps,
        api: RestApi,
        minutes: int,
    ) -> None:
        key_id = api.canary_key_id
        super().__init__(
            scope,
            construct_id,
            shared=shared,
            props=FunctionProps(
                description=f"Sends a photo and a name to the API every {minutes} minutes.",
                handler="carlens.functions.canary.lambda_handler",
                memory=256,
                timeout=90,
                # It comes from outside, like a user.
                in_vpc=False,
                environment={
                    "CARLENS_CANARY_URL": api.url,
                    **({"CARLENS_CANARY_KEY_ID": key_id} if key_id else {}),
                },
                allow={"ReadOwnKey": _read_key(key_id)} if key_id else {},
            ),
        )
        # A failed run is not repeated: the next one tells more.
        self.resource.configure_async_invoke(retry_attempts=0)
        every = Duration.minutes(minutes)
        events.Rule(
            self,
            "Schedule",
            description="Runs the canary of Carlens.",
            schedule=events.Schedule.rate(every),
            targets=[targets.LambdaFunction(self.resource, retry_attempts=0)],
        )
        self.failures: cloudwatch.Metric = self.resource.metric_errors(period=every)


def _read_key(key_id: str) -> iam.PolicyStatement:
    key = f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}::/apikeys/{key_id}"
    return iam.PolicyStatement(actions=["apigateway:GET"], resources=[key])
