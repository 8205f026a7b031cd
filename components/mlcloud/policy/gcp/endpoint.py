"""Controls of Vertex AI's models, endpoints and deployments."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.errors import Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import PROD, at_least, expect, is_given, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

ENDPOINT: Final = "gcp:vertex/aiEndpoint:AiEndpoint"
INDEX_ENDPOINT: Final = "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint"
MODEL: Final = "mlcloud:gcp:Model"
DEPLOYMENT: Final = "mlcloud:gcp:ModelDeployment"
_PRIVATE: Final = "privateServiceConnectConfig"


def is_private_by_psc(endpoint: Resource, _declared: Declared) -> bool:
    """Return whether Private Service Connect alone reaches an endpoint, from named projects."""
    on = endpoint.value(f"{_PRIVATE}.enablePrivateServiceConnect")
    return is_true(on) and _names_projects(endpoint.value(f"{_PRIVATE}.projectAllowlists"))


def _names_projects(value: Any) -> bool:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(listed) and not any(one in ("*", "", UNKNOWN) for one in listed)


def _private(endpoint: Resource, declared: Declared) -> Iterator[Problem]:
    network = endpoint.value("network")
    if is_private_by_psc(endpoint, declared) or (network != UNKNOWN and is_given(network)):
        return
    on = endpoint.value(f"{_PRIVATE}.enablePrivateServiceConnect")
    projects = endpoint.value(f"{_PRIVATE}.projectAllowlists")
    path, value = (f"{_PRIVATE}.projectAllowlists", projects) if is_true(on) else (_PRIVATE, on)
    if UNKNOWN in (network, on, projects) or (isinstance(projects, list) and UNKNOWN in projects):
        value = UNKNOWN
    fix = "give `enable_private_service_connect` and the projects that may; `mlcloud:network` does"
    yield problem(path, value, "Private Service Connect, for named projects", fix)


def _own_key(resource: Resource, declared: Declared) -> Iterator[Problem]:
    path = "kmsKeyName" if resource.type == MODEL else "encryptionSpec.kmsKeyName"
    yield from expect(path, is_given, "the name of a key of one's own")(resource, declared)


CONTROLS: Final = (
    Control(
        id="endpoint-private",
        sources=["CKV2_GCP_34", "own"],
        title="Endpoints are reached from named networks alone",
        severity="high",
        why="Whoever finds a credential asks from anywhere, beside other customers' requests.",
        types=[ENDPOINT, INDEX_ENDPOINT],
        judge=_private,
    ),
    Control(
        id="endpoint-peered",
        sources=["CKV2_GCP_33"],
        title="Endpoints are in a network that is peered with Google's",
        severity="high",
        why="Requests go over public addresses.",
        types=[ENDPOINT],
        judge=expect("network", is_given, "a peered network"),
    ),
    Control(
        id="endpoint-own-key",
        sources=["CKV2_GCP_24", "gcp.restrictNonCmekServices"],
        title="Models and endpoints are encrypted with a key of one's own",
        severity="medium",
        why="Nobody can withdraw access to the model at once, or see who decrypts.",
        types=[ENDPOINT, INDEX_ENDPOINT, MODEL],
        judge=_own_key,
    ),
    Control(
        id="endpoint-request-log",
        sources=["own"],
        title="Requests and answers are logged",
        severity="low",
        why="Nobody can say what the model was asked when it went wrong.",
        types=[ENDPOINT],
        judge=expect("predictRequestResponseLoggingConfig.enabled", is_true, "true"),
    ),
    Control(
        id="endpoint-machines",
        sources=["own"],
        title="In prod, two machines or more serve",
        severity="medium",
        why="One machine that fails is an endpoint that is down.",
        types=[DEPLOYMENT],
        judge=expect(
            "minReplicas", at_least(2), "2 or more", "set `mlcloud:endpoint.capacity.min` to 2 or more"
        ),
        environments=PROD,
    ),
)
