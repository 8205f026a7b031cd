"""What a stack on Azure may cost: a budget over the stack's own resource group, and who hears of it."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import consumption

from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update: five notifications, 0 to 1000 %.
_ALERTS_MAX: Final = 5
_PERCENT_MAX: Final = 1000


@dataclass(frozen=True, kw_only=True)
class AzureBudgetArgs:
    """What the budget of a stack on Azure is made from.

    Attributes:
        scope: Whose it is.
        resource_group_id: Resource id of the resource group whose costs count.
        monthly: Expected cost of a month, above 0, in the currency in which the subscription is billed.
        alert_percents: Shares of `monthly` that raise an alert, in percent, 1 to 5 of them.
            Default 80 and 100.
        action_group: Resource id of the action group that hears of it.
        starts: First day of a month, `2026-11-01`, from which costs count; Azure takes the current month and
            those to come. Default: the current month when the budget is made.
    """

    scope: Scope
    resource_group_id: pulumi.Input[str]
    monthly: float
    alert_percents: Sequence[float] = (80, 100)
    action_group: pulumi.Input[str]
    starts: str | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        starts = Problem(
            path="starts",
            value=self.starts,
            allowed="the first day of a month",
            fix="write it as 2026-11-01",
        )
        first = self.starts is None or re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-01", self.starts)
        validate(
            "The budget",
            within("monthly", self.monthly, low=0.01),
            within("alert_percents", len(self.alert_percents), low=1, high=_ALERTS_MAX),
            *(
                within(f"alert_percents[{index}]", percent, low=0, high=_PERCENT_MAX)
                for index, percent in enumerate(self.alert_percents)
            ),
            None if first else starts,
        )


class AzureBudget(pulumi.ComponentResource):
    """A monthly budget that warns and stops nothing."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: AzureBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureBudget", name, {}, opts)
        scope = args.scope
        today = datetime.datetime.now(datetime.UTC).date()
        budget = consumption.Budget(
            f"{name}-monthly",
            budget_name=scope.name("azure-budget"),
            scope=args.resource_group_id,
            category="Cost",
            amount=args.monthly,
            time_grain="Monthly",
            time_period=consumption.BudgetTimePeriodArgs(
                start_date=f"{args.starts or today.replace(day=1).isoformat()}T00:00:00Z"
            ),
            notifications={
                f"actual-{percent:g}-percent": consumption.NotificationArgs(
                    enabled=True,
                    operator="GreaterThanOrEqualTo",
                    threshold=percent,
                    threshold_type="Actual",
                    contact_emails=[],
                    contact_groups=[args.action_group],
                )
                for percent in args.alert_percents
            },
            opts=child_options(
                self,
                environment=scope.environment,
                # The month in which it was made is not the month of a later update.
                extra=pulumi.ResourceOptions(ignore_changes=["timePeriod"]),
            ),
        )
        self.id = budget.id
        self.name = budget.name
        self.register_outputs({"id": self.id, "name": self.name})
