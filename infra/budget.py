"""A monthly budget that notifies the topic of the alarms."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.settings import Settings

# The services that a stage uses, as AWS names them on the bill.
_SERVICES = (
    "AWS Lambda",
    "Amazon API Gateway",
    "Amazon Simple Storage Service",
    "AmazonCloudWatch",
    "AWS Step Functions",
    "AWS WAF",
    "AWS X-Ray",
)

# Share of the budget, in percent, of what was spent and of what the month will cost.
_NOTIFY = {"ACTUAL": 80, "FORECASTED": 100}


def stage_tags(settings: Settings) -> dict[str, str]:
    """Return the tags of all resources of a stage."""
    return {"application": "carlens", "stage": settings.stage}


def monthly_budget(
    scope: Construct, construct_id: str, *, settings: Settings, dollars: int, topic: sns.ITopic
) -> budgets.CfnBudget:
    """Make the budget of a stage.

    By default it counts the services that a stage uses, also for other applications in the
    account: a budget by tags counts nothing until somebody activates the tags. It has no name,
    because CloudFormation could not replace a named one when its notifications change.

    Parameters
    ----------
    scope, construct_id
        As for any construct.
    settings : Settings
        Settings of the stage.
    dollars : int
        US dollars a month.
    topic : ITopic
        The topic to notify; its policy must let `budgets.amazonaws.com` publish.
    """
    return budgets.CfnBudget(
        scope,
        construct_id,
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=dollars, unit="USD"),
            metrics=["UnblendedCost"],
            filter_expression=_by_tags(settings) if settings.budget_by_tags else _by_services(),
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(
                        subscription_type="SNS", address=topic.topic_arn
                    )
                ],
            )
            for kind, percent in _NOTIFY.items()
        ],
    )


def _by_services() -> budgets.CfnBudget.ExpressionProperty:
    return budgets.CfnBudget.ExpressionProperty(
        dimensions=budgets.CfnBudget.ExpressionDimensionValuesProperty(
            key="SERVICE", values=list(_SERVICES)
        )
    )


def _by_tags(settings: Settings) -> budgets.CfnBudget.ExpressionProperty:
    return budgets.CfnBudget.ExpressionProperty(
        and_=[
            budgets.CfnBudget.ExpressionProperty(
                tags=budgets.CfnBudget.TagValuesProperty(key=key, values=[value])
            )
            for key, value in stage_tags(settings).items()
        ]
    )
