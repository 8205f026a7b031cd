"""Open alerts of Cloud Monitoring: what stops and rolls back a move of traffic.

`projects.alerts.list` of the Monitoring API v3
(https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alerts), for whom the role
`monitoring.alertViewer` is enough.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from mlcloud.provider.gcp.clients import Clients, short_name

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
