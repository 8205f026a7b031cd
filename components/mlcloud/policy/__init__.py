"""Controls as pure functions over declared resources: what a stack must declare, whichever tool asks.

Nothing here imports Pulumi or a cloud's SDK: a preview, a policy pack and a test judge the same records.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mlcloud.policy.catalogue import catalogue_of
from mlcloud.policy.control import Control, Finding, Waiver
from mlcloud.policy.report import Report, judge
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

__all__ = ["UNKNOWN", "Control", "Declared", "Finding", "Report", "Resource", "Waiver", "check"]


def check(resources: Iterable[Mapping[str, Any]], environment: str) -> Report:
    """Judge a plan by the controls of the clouds that it declares resources of.

    Args:
        resources: The `resources` of `mlcloud preview STACK --json`.
        environment: `dev`, `staging` or `prod`: some controls are demanded in prod alone.
    """
    declared = Declared.of(resources, environment)
    found = catalogue_of(declared)
    return judge(declared, found.controls, found.waivers)
