"""What a stack on GCP may cost: a budget over the stack's own labels, and who hears of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import billing

from mlcloud.core.args import validate, within
from mlcloud.core.errors import ABSENT, Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# ThresholdRule and AllUpdatesRule in the discovery document of billingbudgets v1.
_ALERTS_MAX: Final = 100
CHANNELS_MAX: Final = 5
# A budget filters by one label (Filter.labels), and a stack's name is its own within a project.
_STACK_LABEL: Final = "mlcloud-stack"
_NANOS: Final = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class GcpBudgetArgs:
    """What the budget of a stack on GCP is made from.

    Attributes:
        scope: Whose it is; its label `mlcloud-stack` says which costs of the project count.
        project_number: The project's number, which costs are filed under.
        billing_account: The account that pays, `012345-6789AB-CDEF01`.
        monthly: Expected cost of a month, above 0.
        currency: The billing account's own currency, as ISO 4217 has it. Default `USD`.
        alert_percents: Shares of `monthly` that raise an alert, in percent, 1 to 100 of them.
            Default 80 and 100.
        channels: Channels of Cloud Monitoring that hear of it, 1 to 5; whoever administers the billing
            account hears of it, too.
    """

    scope: Scope
    project_number: pulumi.Input[str]
    billing_account: str
    monthly: float
    currency: str = "USD"
    alert_percents: Sequence[float] = (80, 100)
    channels: Sequence[pulumi.Input[str]]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        account = Problem(
            path="billing_account",
            value=self.billing_account,
            allowed="a billing account such as 012345-6789AB-CDEF01",
            fix="`gcloud billing accounts list` shows yours",
        )
        currency = Problem(
            path="currency",
            value=self.currency,
            allowed="the ISO 4217 code of the billing account's currency",
            fix="write three capital letters, such as USD",
        )
        fix = "make the scope with `StackContext.scope`, or add it to its tags"
        untagged = Problem(path="scope.tags", value=ABSENT, allowed=f"with {_STACK_LABEL}", fix=fix)
        validate(
            "The budget",
            None if re.fullmatch(r"[0-9A-F]{6}(-[0-9A-F]{6}){2}", self.billing_account) else account,
            within("monthly", self.monthly, low=0.01),
            None if re.fullmatch(r"[A-Z]{3}", self.currency) else currency,
            within("alert_percents", len(self.alert_percents), low=1, high=_ALERTS_MAX),
            within("channels", len(self.channels), low=1, high=CHANNELS_MAX),
            None if _STACK_LABEL in self.scope.tags else untagged,
        )


class GcpBudget(pulumi.ComponentResource):
    """A monthly budget that warns and stops nothing."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: GcpBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpBudget", name, {}, opts)
        scope = args.scope
        units, nanos = divmod(round(args.monthly * _NANOS), _NANOS)
        budget = billing.Budget(
            f"{name}-monthly",
            billing_account=args.billing_account,
            display_name=scope.name("gcp-display-name"),
            amount=billing.BudgetAmountArgs(
                specified_amount=billing.BudgetAmountSpecifiedAmountArgs(
                    currency_code=args.currency, units=str(units), nanos=nanos or None
                )
            ),
            budget_filter=billing.BudgetBudgetFilterArgs(
                projects=[pulumi.Output.concat("projects/", args.project_number)],
                calendar_period="MONTH",
                credit_types_treatment="INCLUDE_ALL_CREDITS",
                labels={_STACK_LABEL: scope.tags[_STACK_LABEL]},
            ),
            threshold_rules=[
                billing.BudgetThresholdRuleArgs(threshold_percent=percent / 100, spend_basis="CURRENT_SPEND")
                for percent in args.alert_percents
            ],
            all_updates_rule=billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=list(args.channels), disable_default_iam_recipients=False
            ),
            opts=child_options(self, environment=scope.environment),
        )
        self.id = budget.id
        self.name = pulumi.Output.from_input(scope.name("gcp-display-name"))
        self.register_outputs({"id": self.id, "name": self.name})
