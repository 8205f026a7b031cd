"""Open alerts of Cloud Monitoring: what stops and rolls back a move of traffic.

`projects.alerts.list` of the Monitoring API v3
(https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alerts), for whom the role
`monitoring.alertViewer` is enough.
"""

import time
from collections.abc import Sequence
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp.clients import Clients, short_name
from mlcloud.provider.resource import Context

# Conditions are evaluated about twice a minute.
_POLL_S: Final = 10.0
_OPEN: Final = "OPEN"


def open_alerts(clients: Clients, policies: Sequence[str]) -> dict[str, str]:
    """The policies' open alerts: display name of the policy by name of the alert."""
    if not policies:
        return {}
    # Names of alerts have the project's number where policies may have its identifier.
    wanted = {short_name(policy) for policy in policies}
    found: dict[str, str] = {}
    path = f"v3/projects/{clients.project}/alerts"
    for alert in clients.pages("monitoring", path, "alerts", filter=f'state="{_OPEN}"'):
        policy = cast("dict[str, Any]", alert.get("policy", {}))
        name = short_name(str(policy.get("name", "")))
        if alert.get("state") == _OPEN and name in wanted:
            found[str(alert["name"])] = str(policy.get("displayName") or name)
    return found


def watch(
    context: Context, clients: Clients, policies: Sequence[str], known: dict[str, str], wait_s: float
) -> None:
    """Watch alerts for a time; without policies, wait for it.

    Args:
        context: says when to stop.
        clients: Google's APIs.
        policies: names of the alert policies.
        known: alerts that were open before anything moved: they say nothing of the new version.
        wait_s: seconds; the state is looked at once in any case.

    Raises:
        ResourceError: an alert was opened.
        Cancelled: the engine asked to stop.
    """
    deadline = time.monotonic() + wait_s
    while True:
        opened = [name for alert, name in open_alerts(clients, policies).items() if alert not in known]
        if opened:
            raise ResourceError(f"the alert {', '.join(opened)} was opened")
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return
        context.pause(min(left_s, _POLL_S))
