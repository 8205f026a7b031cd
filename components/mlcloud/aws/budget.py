"""What a stack on AWS may cost: a budget over the stack's own tags, and who hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import budgets

from mlcloud.core.args import one_of, validate, within
from mlcloud.core.errors import ABSENT, Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# Bills are in dollars, in China in yuan
# (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Spend.html).
CURRENCIES = ("USD", "CNY")
# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
_ALERTS_MAX, _EMAILS_MAX = 10, 10
_STACK_TAGS = ("mlcloud-project", "mlcloud-stack")


@dataclass(frozen=True, kw_only=True)
class AwsBudgetArgs:
    """What the budget of a stack on AWS is made from.

    Attributes:
        scope: Whose it is; its tags `mlcloud-project` and `mlcloud-stack` say which costs count. They count
            from the day on which they are activated as cost allocation tags in the account's billing.
        monthly: Expected cost of a month, above 0.
        currency: `USD`, in China `CNY`. Default `USD`.
        alert_percents: Shares of `monthly` that raise an alert, in percent, 1 to 10 of them.
            Default 80 and 100.
        emails: Addresses that hear of it, at most 10. Default: none.
        topic_arn: A topic of SNS that hears of it. Default: none; one of both is needed.
    """

    scope: Scope
    monthly: float
    currency: str = "USD"
    alert_percents: Sequence[float] = (80, 100)
    emails: Sequence[str] = ()
    topic_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        untold = not self.emails and self.topic_arn is None
        fix = "add an address to `monitoring.notify`"
        nobody = Problem(path="emails", value=ABSENT, allowed="an address or a topic", fix=fix)
        missing = ", ".join(tag for tag in _STACK_TAGS if tag not in self.scope.tags)
        fix = "make the scope with `StackContext.scope`, or add them to its tags"
        untagged = Problem(path="scope.tags", value=ABSENT, allowed=f"with {missing}", fix=fix)
        validate(
            "The budget",
            within("monthly", self.monthly, low=0.01),
            one_of("currency", self.currency, CURRENCIES),
            within("alert_percents", len(self.alert_percents), low=1, high=_ALERTS_MAX),
            within("emails", len(self.emails), high=_EMAILS_MAX),
            nobody if untold else None,
            untagged if missing else None,
        )


class AwsBudget(pulumi.ComponentResource):
    """A monthly budget that warns and stops nothing."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: AwsBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsBudget", name, {}, opts)
        scope = args.scope
        budget = budgets.Budget(
            f"{name}-monthly",
            name=scope.name("aws-budget"),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.monthly:.2f}",
            limit_unit=args.currency,
            # Both tags: a stack's name alone is not unique in an account.
            filter_expression=budgets.BudgetFilterExpressionArgs(
                ands=[
                    budgets.BudgetFilterExpressionAndArgs(
                        tags=budgets.BudgetFilterExpressionAndTagsArgs(
                            key=tag, values=[scope.tags[tag]], match_options=["EQUALS"]
                        )
                    )
                    for tag in _STACK_TAGS
                ]
            ),
            metrics="UnblendedCost",
            notifications=[_alert(args, percent) for percent in args.alert_percents],
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
        )
        self.id = budget.id
        self.name = budget.name
        self.register_outputs({"id": self.id, "name": self.name})


def _alert(args: AwsBudgetArgs, percent: float) -> budgets.BudgetNotificationArgs:
    return budgets.BudgetNotificationArgs(
        notification_type="ACTUAL",
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=list(args.emails) or None,
        subscriber_sns_topic_arns=None if args.topic_arn is None else [args.topic_arn],
    )
