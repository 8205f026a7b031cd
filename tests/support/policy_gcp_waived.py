"""Plans that GCP's waivers are for, and plans just beside them."""

from __future__ import annotations

from typing import Any

from support.policy import REMOVED, Records, Waived

LOGGED: Records = {
    "sender": {
        "type": "gcp:storage/bucket:Bucket",
        "inputs": {"name": "other", "logging": {"logBucket": "data"}},
    }
}


def endpoint(**inputs: Any) -> Records:
    """One more endpoint, which no peered network reaches."""
    return {"more": {"type": "gcp:vertex/aiEndpoint:AiEndpoint", "inputs": inputs}}


def by_psc(*projects: str) -> Records:
    """An endpoint that Private Service Connect reaches, from some projects."""
    on = {"enablePrivateServiceConnect": True, "projectAllowlists": list(projects)}
    return endpoint(privateServiceConnectConfig=on)


OWN_NAME = endpoint(dedicatedEndpointEnabled=True)
SHARED_NAME = endpoint(dedicatedEndpointEnabled=False)
LOGGED_REQUESTS = "endpoint predictRequestResponseLoggingConfig"

# Control, environment, what is wrong, and whether it is waived.
WAIVED: list[Waived] = [
    ("endpoint-peered", "prod", "", REMOVED, by_psc("shop"), True),
    ("endpoint-peered", "prod", "", REMOVED, by_psc("*"), False),
    ("endpoint-peered", "prod", "", REMOVED, by_psc(), False),
    ("endpoint-peered", "prod", "endpoint network", REMOVED, {}, False),
    ("endpoint-peered", "dev", "", REMOVED, OWN_NAME, True),
    ("endpoint-peered", "prod", "", REMOVED, OWN_NAME, False),
    ("endpoint-peered", "dev", "", REMOVED, SHARED_NAME, False),
    ("endpoint-private", "dev", "", REMOVED, OWN_NAME, True),
    ("endpoint-private", "prod", "", REMOVED, OWN_NAME, False),
    ("endpoint-private", "dev", "", REMOVED, SHARED_NAME, False),
    ("endpoint-private", "dev", "", REMOVED, by_psc("*"), False),
    ("endpoint-request-log", "prod", LOGGED_REQUESTS, REMOVED, {}, True),
    ("endpoint-request-log", "prod", f"{LOGGED_REQUESTS} enabled", False, {}, False),
    ("storage-access-log", "prod", "bucket logging", REMOVED, LOGGED, True),
    ("storage-access-log", "prod", "bucket logging", REMOVED, {}, False),
    ("storage-access-log", "prod", "bucket logging logBucket", "data", {}, False),
    ("training-network", "dev", "run networkAttachment", REMOVED, {}, True),
    ("training-network", "prod", "run networkAttachment", REMOVED, {}, False),
    ("training-network", "dev", "machines pscInterfaceConfig networkAttachment", "", {}, False),
    ("monitoring-log-retention", "dev", "log-bucket retentionDays", 30, {}, True),
    ("monitoring-log-retention", "prod", "log-bucket retentionDays", 30, {}, False),
    ("monitoring-log-retention", "dev", "log-bucket retentionDays", REMOVED, {}, False),
    ("monitoring-log-key", "dev", "log-bucket cmekSettings", REMOVED, {}, True),
    ("monitoring-log-key", "prod", "log-bucket cmekSettings", REMOVED, {}, False),
    ("monitoring-log-key", "dev", "log-bucket cmekSettings kmsKeyName", "", {}, False),
]
