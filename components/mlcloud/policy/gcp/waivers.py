"""What of the controls need not hold on GCP, each with its reason."""

from typing import Final

from mlcloud.policy.control import Waiver
from mlcloud.policy.gcp.endpoint import ENDPOINT, is_private_by_psc
from mlcloud.policy.gcp.monitoring import LOG_BUCKET
from mlcloud.policy.gcp.storage import BUCKET, takes_usage_logs
from mlcloud.policy.judging import is_true
from mlcloud.policy.resource import UNKNOWN, Declared, Resource


def _is_devs_own(endpoint: Resource, declared: Declared) -> bool:
    """Return whether an endpoint, outside of prod, has a public name that no other customer uses."""
    return (
        not declared.is_prod
        and is_true(endpoint.value("dedicatedEndpointEnabled"))
        and not any(endpoint.inputs.get(key) for key in ("network", "privateServiceConnectConfig"))
    )


WAIVERS: Final = (
    Waiver(
        control="endpoint-peered",
        resources="endpoints that Private Service Connect alone reaches",
        reason="Google recommends it; a peered endpoint serves one model, so that no traffic moves in steps.",
        types=[ENDPOINT],
        test=is_private_by_psc,
        adr="0014-private-service-connect-for-vertex-endpoints",
    ),
    Waiver(
        control="endpoint-peered",
        resources="outside of prod, endpoints with a public name of their own",
        reason="dev has no network. Google asks for credentials before such a name.",
        types=[ENDPOINT],
        test=_is_devs_own,
        adr="0014-private-service-connect-for-vertex-endpoints",
    ),
    Waiver(
        control="endpoint-private",
        resources="outside of prod, endpoints with a public name of their own",
        reason="dev has no network. Google asks for credentials before such a name.",
        types=[ENDPOINT],
        test=_is_devs_own,
        adr="0014-private-service-connect-for-vertex-endpoints",
    ),
    Waiver(
        control="endpoint-request-log",
        resources="all endpoints",
        reason="They hold what people asked; Vertex AI writes them to BigQuery, which no stack has yet.",
        test=lambda endpoint, _: not endpoint.inputs.get("predictRequestResponseLoggingConfig"),
    ),
    Waiver(
        control="storage-access-log",
        resources="buckets that take usage logs",
        reason="A bucket that took its own usage logs would fill itself (CKV_GCP_63).",
        types=[BUCKET],
        test=takes_usage_logs,
    ),
    Waiver(
        control="training-network",
        resources="outside of prod, stacks without a network",
        reason="What runs there is about tries, in Google's own network. `mlcloud:network` gives one.",
        test=lambda run, declared: (
            not declared.is_prod and not any(run.inputs.get(key) for key in _NETWORK_KEYS)
        ),
    ),
    Waiver(
        control="monitoring-log-retention",
        resources="outside of prod, what `mlcloud:monitoring.log_retention_days` says",
        reason="What dev logs is about tries, and is paid for by the month.",
        types=[LOG_BUCKET],
        test=lambda bucket, declared: not declared.is_prod and _kept_shorter(bucket),
    ),
    Waiver(
        control="monitoring-log-key",
        resources="outside of prod, log buckets",
        reason="dev's key goes with the stack; the log bucket stays, and could not be without a key again.",
        types=[LOG_BUCKET],
        test=lambda bucket, declared: not declared.is_prod and not bucket.inputs.get("cmekSettings"),
    ),
)
_NETWORK_KEYS: Final = ("networkAttachment", "network", "persistentResource", "pscInterfaceConfig")


def _kept_shorter(bucket: Resource) -> bool:
    days = bucket.value("retentionDays")
    return days != UNKNOWN and isinstance(days, (int, float)) and 1 <= days < 365
