"""Inputs and outputs of the traffic of an online endpoint of Azure ML."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.azure import checks
from mlcloud.provider.azure.addresses import MACHINE_LEARNING, stranger
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
DEFAULT_SMOKE_S: Final = 300.0
LONGEST_WAIT_S: Final = 3600
_LONGEST_NAME: Final = 63
# Mirrored shares "need to sum to utmost 50" (OnlineEndpointProperties.mirrorTraffic).
_MOST_MIRRORED: Final = 50
_RULES = [checks.resource_id("Microsoft.Insights", kind) for kind in ("metricAlerts", "scheduledQueryRules")]


def _online_name(what: str) -> Callable[[str], str | None]:
    """https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, online endpoints."""

    def check(value: str) -> str | None:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]", value):
            return None
        return f'"{value}" is not {what}: 3 to 32 of letters, digits and -, a letter first, no - at the end.'

    return check


def _rules(value: Sequence[str]) -> str | None:
    wrong = [rule for rule in value if all(check(rule) is not None for check in _RULES)]
    return " ".join(str(check(wrong[0])) for check in _RULES) if wrong else None


def _scoring_url(value: str) -> str | None:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value):
        return f'"{value}" is not an address: https://<host>/<path>. Tokens go over TLS alone.'
    return stranger(value, MACHINE_LEARNING)


@dataclass(frozen=True, kw_only=True)
class AzureTrafficInputs:
    """Where an endpoint's traffic goes, and how. Without canary or linear steps, all moves at once.

    Attributes:
        name: what it is called in messages: 1 to 63 of a-z, 0-9 and -.
        subscription: id of the subscription.
        resource_group: name of the workspace's resource group.
        workspace: name of the workspace.
        endpoint: name of the online endpoint, whose traffic is this resource's alone.
        deployment: name of the deployment that is to have all of it. Another one moves the traffic.
        scoring_url: where predictions are asked for. Default: what the endpoint says.
        model_uri: address of the folder in Blob Storage with the model that the deployment serves. Its
            manifest has the row that the deployment must answer before it gets any traffic. Default: no smoke
            prediction.
        model_sha256: SHA-256 of that model's manifest, which is compared before anything moves.
        alert_rules: ids of metric alerts and log alerts; one that fires rolls the move back.
        canary_percent: share of the traffic that moves first, 1 to 50. Default: no canary.
        linear_step_percent: share of the traffic in each step, 10 to 50. Default: no steps.
        mirror_percent: share of the traffic that is copied to the new deployment before it gets any, while
            what serves answers, 1 to 50. Default: none.
        wait_s: seconds that alerts are watched after each move of traffic, 0 to 3600. Default 0.
        termination_wait_s: seconds that the old deployment stays after the last move, 0 to 3600. Default 0.
        smoke_timeout_s: seconds within which the new deployment must answer the row, 1 to 3600. Default 300.
        timeout_s: seconds that Azure ML may take for one move, 1 to 28800. Default 3600.
        endpoint_inputs: a hash of what the endpoint is declared as. Azure ML sets an endpoint as a whole, so
            that a change of it may have left its traffic out: another hash sets the traffic again.
    """

    name: str = field(metadata=options(check=checks.name_of_at_most(_LONGEST_NAME)))
    subscription: str = field(metadata=options(replace=True, check=checks.subscription))
    resource_group: str = field(metadata=options(replace=True, check=checks.resource_group))
    workspace: str = field(metadata=options(replace=True, check=checks.workspace))
    endpoint: str = field(metadata=options(replace=True, check=_online_name("an endpoint")))
    deployment: str = field(metadata=options(check=_online_name("a deployment")))
    scoring_url: str | None = field(default=None, metadata=options(check=_scoring_url))
    model_uri: str | None = field(default=None, metadata=options(check=checks.blob_uri))
    model_sha256: str | None = field(default=None, metadata=options(check=common.sha256))
    alert_rules: list[str] = field(default_factory=list[str], metadata=options(check=_rules))
    canary_percent: int | None = field(default=None, metadata=options(check=checks.between(1, 50)))
    linear_step_percent: int | None = field(default=None, metadata=options(check=checks.between(10, 50)))
    mirror_percent: int | None = field(
        default=None, metadata=options(check=checks.between(1, _MOST_MIRRORED))
    )
    wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    termination_wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    smoke_timeout_s: float = field(default=DEFAULT_SMOKE_S, metadata=options(check=checks.between(1, 3600)))
    timeout_s: float = field(default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(1, 28800)))
    endpoint_inputs: str | None = None


@dataclass(frozen=True, kw_only=True)
class AzureTrafficOutputs:
    """Where an endpoint's traffic goes.

    Attributes:
        subscription: id of the subscription.
        resource_group: name of the workspace's resource group.
        workspace: name of the workspace.
        endpoint: name of the online endpoint.
        url: where predictions are asked for, with the caller's own Entra token.
        deployment: the deployment that serves.
        traffic: share of the traffic by deployment, in percent, as it was last seen.
        status: `serving`; anything else is mended by the next update.
    """

    subscription: str = field(metadata=options(stable=True))
    resource_group: str = field(metadata=options(stable=True))
    workspace: str = field(metadata=options(stable=True))
    endpoint: str = field(metadata=options(stable=True))
    url: str
    deployment: str
    traffic: dict[str, int]
    status: str
