"""A monthly budget that notifies the topic of the alarms."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

# The services that a stage uses, as AWS names them on the bill. A filter by the tag of the stage
# would be exact, but sees nothing until someone activates the tag in the billing console.
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


def monthly_budget(
    scope: Construct, construct_id: str, *, dollars: int, topic: sns.ITopic
) -> budgets.CfnBudget:
    """Make a budget for the services of a stage.

    It counts what other applications in the account spend on these services too.

    Parameters
    ----------
    scope, construct_id
        As for any construct.
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
            cost_filters={"Service": list(_SERVICES)},
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
