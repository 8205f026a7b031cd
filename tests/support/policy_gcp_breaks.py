"""What each control of GCP must catch: one property of the good plan, broken."""

from __future__ import annotations

import json
from typing import Any

from support.policy import REMOVED, Break, breaks
from support.policy_gcp_records import ACCOUNT, KEY, PEOPLE, encrypted

EVERYBODY = "allUsers"
DEFAULT_ACCOUNT = "1-compute@developer.gserviceaccount.com"
KEY_URN = "urn:pulumi:prod::shop::gcp:kms/cryptoKey:CryptoKey::key"
WORLD = "0.0.0.0/0"
SHIELDED = ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")
IAM_POLICY = "policy policyData"
DELETE_ALL = {"action": {"type": "Delete"}, "condition": {"age": 90}}


def bindings(role: str, *members: str) -> str:
    """An IAM policy's document with one binding."""
    return json.dumps({"bindings": [{"role": role, "members": list(members)}]})


def with_record(control: str, type_: str, **inputs: Any) -> Break:
    """A break by one more resource."""
    return Break(control=control, added={"more": {"type": type_, "inputs": inputs}})


def hasty(*dependencies: str) -> dict[str, Any]:
    """A model that waits for these alone."""
    return {**encrypted("mlcloud:gcp:Model", {"kmsKeyName": KEY}), "dependencies": list(dependencies)}


STORAGE = [
    *breaks(
        "storage-public-access",
        ("bucket publicAccessPrevention", "inherited"),
        ("bucket publicAccessPrevention", REMOVED),
    ),
    *breaks(
        "storage-acls-off",
        ("bucket uniformBucketLevelAccess", False),
        ("bucket uniformBucketLevelAccess", REMOVED),
    ),
    *breaks(
        "storage-own-key",
        ("bucket encryption", REMOVED),
        ("bucket encryption defaultKmsKeyName", ""),
    ),
    *breaks("storage-versions", ("bucket versioning enabled", False), ("bucket versioning", REMOVED)),
    *breaks(
        "storage-soft-delete",
        ("bucket softDeletePolicy retentionDurationSeconds", 0),
        ("bucket softDeletePolicy", REMOVED),
    ),
    *breaks(
        "storage-lifecycle",
        ("bucket lifecycleRules", REMOVED),
        ("bucket lifecycleRules 0 action type", "SetStorageClass"),
        ("bucket lifecycleRules 1", DELETE_ALL),
        ("bucket lifecycleRules 1 condition daysSinceNoncurrentTime", REMOVED),
    ),
    *breaks(
        "storage-access-log",
        ("bucket logging", REMOVED),
        ("bucket logging logBucket", "data"),
        ("bucket logging logBucket", ""),
    ),
    *breaks(
        "storage-kept",
        ("bucket forceDestroy", True),
        ("bucket protect", False),
        ("bucket retainOnDelete", False),
    ),
]

REGISTRY_AND_KEYS = [
    *breaks(
        "registry-scan",
        ("repository vulnerabilityScanningConfig enablementConfig", "DISABLED"),
        ("scanner", REMOVED),
        ("scanner service", "compute.googleapis.com"),
    ),
    *breaks(
        "registry-immutable",
        ("repository dockerConfig immutableTags", False),
        ("repository dockerConfig", REMOVED),
    ),
    *breaks(
        "registry-lifecycle", ("repository cleanupPolicies", []), ("repository cleanupPolicies", REMOVED)
    ),
    Break(control="registry-lifecycle", at="repository cleanupPolicyDryRun", value=True),
    *breaks("registry-own-key", ("repository kmsKeyName", REMOVED), ("repository kmsKeyName", "")),
    *breaks("image-non-root", ("image target", "root"), ("image target", REMOVED)),
    *breaks(
        "keys-rotation",
        ("key rotationPeriod", "7776001s"),
        ("key rotationPeriod", "never"),
        ("key rotationPeriod", REMOVED),
    ),
    *breaks(
        "keys-deletion-window",
        ("key destroyScheduledDuration", "86400s"),
        ("key destroyScheduledDuration", REMOVED),
    ),
    *breaks("keys-kept", ("key protect", False), ("key retainOnDelete", False)),
    *breaks(
        "keys-granted-first",
        ("key-storage", REMOVED),
        ("key-vertex role", "roles/cloudkms.viewer"),
        ("key-logging member", f"serviceAccount:{ACCOUNT}"),
        ("key-artifact-registry", REMOVED),
    ),
    Break(control="keys-granted-first", added={"hasty": hasty(KEY_URN)}),
    Break(
        control="keys-granted-first",
        added={
            "idle-wait": {"type": "mlcloud:gcp:IamPropagation", "inputs": {"grants": [], "waitS": 420}},
            "hasty": hasty(KEY_URN, "urn:pulumi:prod::shop::mlcloud:gcp:IamPropagation::idle-wait"),
        },
    ),
]

IDENTITY = [
    *breaks(
        "identity-not-public",
        ("member member", EVERYBODY),
        ("binding members 1", "allAuthenticatedUsers"),
        ("folder-binding members", [EVERYBODY]),
        ("acl roleEntities", ["READER:allUsers"]),
        ("object-acl entity", "allAuthenticatedUsers"),
        (IAM_POLICY, bindings("roles/artifactregistry.reader", PEOPLE, EVERYBODY)),
    ),
    with_record(
        "identity-not-public", "gcp:storage/defaultObjectACL:DefaultObjectACL", predefinedAcl="publicRead"
    ),
    with_record(
        "identity-not-public",
        "gcp:kms/keyRingIAMBinding:KeyRingIAMBinding",
        role="roles/cloudkms.cryptoKeyDecrypter",
        members=[EVERYBODY],
    ),
    *breaks(
        "identity-no-basic-roles",
        ("member role", "roles/editor"),
        ("binding role", "roles/owner"),
        ("folder-binding role", "roles/viewer"),
        (IAM_POLICY, bindings("roles/owner", PEOPLE)),
    ),
    *breaks(
        "identity-no-wide-impersonation",
        ("member role", "roles/iam.serviceAccountUser"),
        ("folder-binding role", "roles/iam.serviceAccountTokenCreator"),
    ),
    with_record(
        "identity-no-wide-impersonation",
        "gcp:projects/iAMPolicy:IAMPolicy",
        policyData=bindings("roles/iam.workloadIdentityUser", PEOPLE),
    ),
    *breaks(
        "identity-no-admin-accounts",
        ("member role", "roles/storage.admin"),
        ("folder-binding role", "roles/compute.networkAdmin"),
    ),
    *breaks(
        "identity-no-default-accounts",
        ("member member", f"serviceAccount:{DEFAULT_ACCOUNT}"),
        ("binding members 0", "serviceAccount:shop@appspot.gserviceaccount.com"),
    ),
    with_record("identity-no-keys", "gcp:serviceaccount/key:Key", serviceAccountId=ACCOUNT),
    with_record("identity-no-keys", "gcp:storage/hmacKey:HmacKey", serviceAccountEmail=ACCOUNT),
    *breaks(
        "identity-own-account",
        ("run serviceAccount", REMOVED),
        ("run serviceAccount", DEFAULT_ACCOUNT),
        ("deployment serviceAccount", REMOVED),
    ),
]

NETWORK = [
    *breaks(
        "network-ingress",
        ("in sourceRanges 0", WORLD),
        ("in sourceRanges", ["10.0.0.0/8", "::/0"]),
        ("in sourceRanges", REMOVED),
    ),
    *breaks(
        "network-egress",
        ("out destinationRanges 0", WORLD),
        ("out destinationRanges", REMOVED),
        ("out-nothing-else", REMOVED),
        ("out-nothing-else disabled", True),
        ("out-nothing-else network", "projects/shop/global/networks/another"),
        ("out-nothing-else denies 0 protocol", "tcp"),
        ("out-nothing-else destinationRanges", ["10.0.0.0/8"]),
        ("out-nothing-else direction", "INGRESS"),
    ),
    *breaks(
        "network-no-default",
        ("network autoCreateSubnetworks", True),
        ("network autoCreateSubnetworks", REMOVED),
        ("project autoCreateNetwork", REMOVED),
    ),
    *breaks("network-flow-logs", ("subnet logConfig", REMOVED), ("subnet logConfig flowSampling", 0)),
    *breaks("network-private-apis", ("subnet privateIpGoogleAccess", False)),
]

MACHINES = [
    *breaks(
        "cluster-own-account",
        ("template serviceAccount", REMOVED),
        ("template serviceAccount email", "default"),
        ("instance serviceAccount email", DEFAULT_ACCOUNT),
    ),
    *breaks(
        "cluster-logins",
        ("template metadata enable-oslogin", "FALSE"),
        ("template metadata block-project-ssh-keys", REMOVED),
        ("instance metadata", REMOVED),
    ),
    Break(control="cluster-logins", at="template metadata serial-port-enable", value="TRUE"),
    *breaks("cluster-no-forwarding", ("template canIpForward", True)),
    *breaks(
        "cluster-encrypted-disks",
        ("template disks 0 diskEncryptionKey", REMOVED),
        ("template disks 0 diskEncryptionKey kmsKeySelfLink", ""),
        ("instance bootDisk kmsKeySelfLink", REMOVED),
    ),
    *breaks("cluster-shielded", *((f"template shieldedInstanceConfig {key}", False) for key in SHIELDED)),
    *breaks("cluster-shielded", ("instance shieldedInstanceConfig", REMOVED)),
    Break(control="cluster-no-public-address", at="template networkInterfaces 0 accessConfigs", value=[{}]),
    Break(control="cluster-no-public-address", at="instance networkInterfaces 0 accessConfigs", value=[{}]),
    Break(
        control="cluster-no-public-address", at="template networkInterfaces 0 ipv6AccessConfigs", value=[{}]
    ),
]

GKE = [
    *breaks(
        "cluster-gke-private-nodes",
        ("gke privateClusterConfig enablePrivateNodes", False),
        ("gke privateClusterConfig", REMOVED),
    ),
    *breaks(
        "cluster-gke-private",
        ("gke masterAuthorizedNetworksConfig", REMOVED),
        ("gke masterAuthorizedNetworksConfig cidrBlocks", []),
        ("gke masterAuthorizedNetworksConfig cidrBlocks 0 cidrBlock", WORLD),
    ),
    Break(
        control="cluster-gke-certificates",
        at="gke masterAuth",
        value={"clientCertificateConfig": {"issueClientCertificate": True}},
    ),
    *breaks("cluster-gke-identity", ("gke workloadIdentityConfig", REMOVED)),
    *breaks(
        "cluster-gke-metadata",
        ("gke nodeConfig workloadMetadataConfig", REMOVED),
        ("pool nodeConfig workloadMetadataConfig mode", "GCE_METADATA"),
    ),
    *breaks(
        "cluster-gke-own-account",
        ("gke nodeConfig serviceAccount", REMOVED),
        ("pool nodeConfig serviceAccount", "default"),
    ),
    *breaks(
        "cluster-gke-shielded-nodes",
        ("gke nodeConfig shieldedInstanceConfig", REMOVED),
        ("pool nodeConfig shieldedInstanceConfig enableSecureBoot", False),
        ("pool nodeConfig shieldedInstanceConfig enableIntegrityMonitoring", False),
    ),
    *breaks("cluster-gke-shielded", ("gke enableShieldedNodes", False)),
    *breaks(
        "cluster-gke-signed-images",
        ("gke binaryAuthorization evaluationMode", "DISABLED"),
        ("gke binaryAuthorization", REMOVED),
    ),
    *breaks(
        "cluster-gke-secrets",
        ("gke databaseEncryption", REMOVED),
        ("gke databaseEncryption state", "DECRYPTED"),
        ("gke databaseEncryption keyName", REMOVED),
    ),
    *breaks(
        "cluster-gke-supported",
        ("gke releaseChannel", REMOVED),
        ("gke releaseChannel channel", "UNSPECIFIED"),
    ),
    *breaks("cluster-gke-flow-logs", ("gke enableIntranodeVisibility", REMOVED)),
    *breaks("cluster-gke-kept", ("gke deletionProtection", False)),
]

TRAINING = [
    *breaks(
        "training-network",
        ("run networkAttachment", REMOVED),
        ("machines pscInterfaceConfig", REMOVED),
        ("machines pscInterfaceConfig networkAttachment", ""),
    ),
    *breaks(
        "training-own-key",
        ("run kmsKeyName", REMOVED),
        ("machines encryptionSpec", REMOVED),
        ("aiDataset encryptionSpec", REMOVED),
        ("aiFeatureStore encryptionSpec kmsKeyName", ""),
        ("aiMetadataStore encryptionSpec", REMOVED),
        ("aiTensorboard encryptionSpec", REMOVED),
    ),
    *breaks("training-time-limit", ("run timeoutS", REMOVED), ("run timeoutS", 0)),
]

PSC = "index-endpoint privateServiceConnectConfig"
SERVING = [
    *breaks(
        "endpoint-private",
        (PSC, REMOVED),
        (f"{PSC} enablePrivateServiceConnect", False),
        (f"{PSC} projectAllowlists", []),
        (f"{PSC} projectAllowlists 0", "*"),
    ),
    Break(
        control="endpoint-peered",
        added={
            "by-psc": encrypted(
                "gcp:vertex/aiEndpoint:AiEndpoint",
                {
                    "privateServiceConnectConfig": {
                        "enablePrivateServiceConnect": True,
                        "projectAllowlists": ["shop"],
                    },
                    "encryptionSpec": {"kmsKeyName": KEY},
                    "predictRequestResponseLoggingConfig": {"enabled": True},
                },
            )
        },
    ),
    *breaks(
        "endpoint-own-key",
        ("endpoint encryptionSpec", REMOVED),
        ("index-endpoint encryptionSpec kmsKeyName", ""),
        ("model kmsKeyName", REMOVED),
    ),
    *breaks(
        "endpoint-request-log",
        ("endpoint predictRequestResponseLoggingConfig", REMOVED),
        ("endpoint predictRequestResponseLoggingConfig enabled", False),
    ),
    Break(control="environment-no-secrets", at="model env MODEL", value=f"AIza{'x' * 35}", literal=True),
    *breaks(
        "environment-no-secrets",
        ("model env DB_PASSWORD", "hunter2"),
        ("deployment envs", [{"name": "API_TOKEN", "value": "abc"}]),
    ),
    *breaks("endpoint-machines", ("deployment minReplicas", 1), ("deployment minReplicas", REMOVED)),
    *breaks(
        "monitoring-log-retention", ("log-bucket retentionDays", 30), ("log-bucket retentionDays", REMOVED)
    ),
    *breaks("monitoring-log-key", ("log-bucket cmekSettings", REMOVED)),
    *breaks(
        "monitoring-alerts",
        ("alert notificationChannels", []),
        ("alert notificationChannels", REMOVED),
        ("alert enabled", False),
    ),
    *breaks("monitoring-channels", ("channel enabled", False)),
    *breaks(
        "workbench-no-public-address",
        ("notebook gceSetup disablePublicIp", False),
        ("notebook gceSetup disablePublicIp", REMOVED),
    ),
    *breaks(
        "workbench-shielded",
        *((f"notebook gceSetup shieldedInstanceConfig {key}", False) for key in SHIELDED),
        ("notebook gceSetup shieldedInstanceConfig", REMOVED),
    ),
    *breaks(
        "workbench-own-key",
        ("notebook gceSetup bootDisk", REMOVED),
        ("notebook gceSetup dataDisks kmsKey", ""),
    ),
    *breaks(
        "workbench-root",
        ("notebook gceSetup metadata notebook-disable-root", "false"),
        ("notebook gceSetup metadata", REMOVED),
    ),
]

BREAKS = [
    *STORAGE,
    *REGISTRY_AND_KEYS,
    *IDENTITY,
    *NETWORK,
    *MACHINES,
    *GKE,
    *TRAINING,
    *SERVING,
]
