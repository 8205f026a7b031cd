"""Controls of GKE's clusters and of their machines."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.gcp.identity import is_own_account
from mlcloud.policy.judging import PROD, each, expect, is_given, is_not_true, is_one_of, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_CLUSTER: Final = "gcp:container/cluster:Cluster"
_POOL: Final = "gcp:container/nodePool:NodePool"
_WORLD: Final = ("0.0.0.0/0", "::/0")
_SHIELDED: Final = "nodeConfig.shieldedInstanceConfig"


def _has_own_nodes(resource: Resource, _declared: Declared) -> bool:
    """Return whether machines are declared: Google looks after Autopilot's, and node pools have their own."""
    flags = [resource.value(key) for key in ("enableAutopilot", "removeDefaultNodePool")]
    return resource.type == _POOL or not any(map(is_true, flags))


def _is_standard(cluster: Resource, _declared: Declared) -> bool:
    """Return whether people choose what Autopilot always has."""
    return not is_true(cluster.value("enableAutopilot"))


def _named_addresses(cluster: Resource, _declared: Declared) -> Iterator[Problem]:
    if is_true(cluster.value("privateClusterConfig.enablePrivateEndpoint")):
        return
    fix = "set `privateClusterConfig.enablePrivateEndpoint` to true, or name the addresses"
    for at, value in cluster.values("masterAuthorizedNetworksConfig.cidrBlocks[*].cidrBlock"):
        if value in (ABSENT, UNKNOWN, *_WORLD):
            yield problem(at, value, "named addresses", fix)


CONTROLS: Final = (
    Control(
        id="cluster-gke-private-nodes",
        sources=["CKV_GCP_25", "CKV_GCP_64"],
        title="A GKE cluster's machines have no public address",
        severity="high",
        why="Every port of a training machine is on the internet.",
        types=[_CLUSTER],
        judge=expect("privateClusterConfig.enablePrivateNodes", is_true, "true"),
    ),
    Control(
        id="cluster-gke-private",
        sources=["CKV_GCP_18", "CKV_GCP_20"],
        title="The API of a GKE cluster is private, or open to named addresses",
        severity="high",
        why="Whoever finds a credential uses it from anywhere.",
        types=[_CLUSTER],
        judge=_named_addresses,
    ),
    Control(
        id="cluster-gke-certificates",
        sources=["CKV_GCP_13"],
        title="Nobody logs in to a GKE cluster with a certificate",
        severity="high",
        why="A client's certificate cannot be taken back.",
        types=[_CLUSTER],
        # Off is GKE's default (https://cloud.google.com/kubernetes-engine/docs/how-to/api-server-authentication).
        judge=expect("masterAuth.clientCertificateConfig.issueClientCertificate", is_not_true, "false"),
    ),
    Control(
        id="cluster-gke-identity",
        sources=["CKV_GCP_69"],
        title="What runs in a GKE cluster has an identity of its own, not its machine's",
        severity="high",
        why="Every container gets the credentials of its machine.",
        types=[_CLUSTER],
        judge=expect("workloadIdentityConfig.workloadPool", is_given, "`<project>.svc.id.goog`"),
        applies=_is_standard,
    ),
    Control(
        id="cluster-gke-metadata",
        sources=["CKV_GCP_69"],
        title="A GKE cluster's machines hide their metadata from containers",
        severity="high",
        why="A server that can be made to fetch an address gives the machine's credentials away.",
        types=[_CLUSTER, _POOL],
        judge=expect("nodeConfig.workloadMetadataConfig.mode", is_one_of("GKE_METADATA"), "`GKE_METADATA`"),
        applies=_has_own_nodes,
    ),
    Control(
        id="cluster-gke-own-account",
        sources=["CKV2_GCP_1"],
        title="A GKE cluster's machines work as an account of their own",
        severity="high",
        why="Google's default account may read every bucket of the project.",
        types=[_CLUSTER, _POOL],
        judge=expect("nodeConfig.serviceAccount", is_own_account, "a service account of their own"),
        applies=_has_own_nodes,
    ),
    Control(
        id="cluster-gke-shielded-nodes",
        sources=["CKV_GCP_68", "CKV_GCP_72"],
        title="A GKE cluster's machines start what is signed, and say when that changes",
        severity="high",
        why="What changed the machine's start stays there unseen.",
        types=[_CLUSTER, _POOL],
        judge=each(
            expect(f"{_SHIELDED}.enableSecureBoot", is_true, "true"),
            expect(f"{_SHIELDED}.enableIntegrityMonitoring", is_true, "true"),
        ),
        applies=_has_own_nodes,
    ),
    Control(
        id="cluster-gke-shielded",
        sources=["CKV_GCP_71"],
        title="A GKE cluster knows its machines by their signature",
        severity="high",
        why="A machine that somebody else runs joins the cluster.",
        types=[_CLUSTER],
        # On is GKE's default (https://cloud.google.com/kubernetes-engine/docs/how-to/shielded-gke-nodes).
        judge=expect("enableShieldedNodes", lambda value: value is ABSENT or is_true(value), "true"),
    ),
    Control(
        id="cluster-gke-signed-images",
        sources=["CKV_GCP_66"],
        title="A GKE cluster runs images that its policy admits",
        severity="high",
        why="Whoever may start a container runs any image.",
        types=[_CLUSTER],
        judge=expect(
            "binaryAuthorization.evaluationMode",
            is_one_of("PROJECT_SINGLETON_POLICY_ENFORCE"),
            "`PROJECT_SINGLETON_POLICY_ENFORCE`",
        ),
    ),
    Control(
        id="cluster-gke-secrets",
        sources=["own"],
        title="A GKE cluster's secrets are encrypted with a key of one's own",
        severity="high",
        why="A copy of the cluster's database holds every password.",
        types=[_CLUSTER],
        judge=each(
            expect("databaseEncryption.state", is_one_of("ENCRYPTED"), "`ENCRYPTED`"),
            expect("databaseEncryption.keyName", is_given, "the name of a key of one's own"),
        ),
    ),
    Control(
        id="cluster-gke-supported",
        sources=["CKV_GCP_70"],
        title="A GKE cluster is in a release channel",
        severity="high",
        why="Holes in an old version are not mended.",
        types=[_CLUSTER],
        # https://cloud.google.com/kubernetes-engine/docs/concepts/release-channels
        judge=expect(
            "releaseChannel.channel",
            is_one_of("RAPID", "REGULAR", "STABLE", "EXTENDED"),
            "`RAPID`, `REGULAR`, `STABLE` or `EXTENDED`",
        ),
    ),
    Control(
        id="cluster-gke-flow-logs",
        sources=["CKV_GCP_61"],
        title="Who talks to whom on one machine of a GKE cluster is logged, too",
        severity="high",
        why="After a break-in nobody can say what it reached.",
        types=[_CLUSTER],
        judge=expect("enableIntranodeVisibility", is_true, "true"),
    ),
    Control(
        id="cluster-gke-kept",
        sources=["own"],
        title="In prod, a GKE cluster is not deleted by mistake",
        severity="high",
        why="One command stops everything that runs in it.",
        types=[_CLUSTER],
        # On is the provider's default.
        judge=expect("deletionProtection", lambda value: value is ABSENT or is_true(value), "true"),
        environments=PROD,
    ),
)
