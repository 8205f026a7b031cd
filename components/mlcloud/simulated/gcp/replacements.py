"""Which changed inputs make a GCP resource anew: outside sources, never our own judgement.

`replacements.json` is made from what the APIs' discovery documents and pulumi-gcp's own documentation call
immutable. Both are silent on much; what they leave out comes from the Terraform provider that pulumi-gcp is
built on, where `ForceNew` says it.
"""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Final, cast

_TERRAFORM = "https://github.com/hashicorp/terraform-provider-google google/"
_MEMBER: Final = ("condition", "member", "role")
_MEMBER_SOURCE: Final = _TERRAFORM + "tpgiamresource/resource_iam_member.go"

TERRAFORM: Mapping[str, tuple[tuple[str, ...], str]] = {
    "gcp:artifactregistry/repository:Repository": (
        ("format", "kmsKeyName", "location", "mode", "project", "remoteRepositoryConfig", "repositoryId"),
        _TERRAFORM + "services/artifactregistry/resource_artifact_registry_repository.go",
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        ("location", "project", "repository", *_MEMBER),
        _MEMBER_SOURCE,
    ),
    "gcp:billing/budget:Budget": (
        ("billingAccount",),
        _TERRAFORM + "services/billingbudgets/resource_billing_budget.go",
    ),
    "gcp:compute/firewall:Firewall": (
        ("direction", "name", "params", "project"),
        _TERRAFORM + "services/compute/resource_compute_firewall.go",
    ),
    "gcp:compute/network:Network": (
        (
            *("autoCreateSubnetworks", "description", "internalIpv6Range", "name", "networkProfile"),
            *("params", "project"),
        ),
        _TERRAFORM + "services/compute/resource_compute_network.go",
    ),
    "gcp:compute/networkAttachment:NetworkAttachment": (
        ("connectionPreference", "name", "project", "region"),
        _TERRAFORM + "services/compute/resource_compute_network_attachment.go",
    ),
    "gcp:compute/route:Route": (
        (
            *("description", "destRange", "name", "network", "nextHopGateway", "nextHopIlb", "params"),
            *("nextHopInstance", "nextHopInstanceZone", "nextHopIp", "nextHopVpnTunnel", "priority"),
            *("project", "tags"),
        ),
        _TERRAFORM + "services/compute/resource_compute_route.go",
    ),
    "gcp:compute/subnetwork:Subnetwork": (
        (
            *("description", "externalIpv6Prefix", "internalIpv6Prefix", "name", "network", "params"),
            *("project", "region", "reservedInternalRange", "resolveSubnetMask"),
        ),
        _TERRAFORM + "services/compute/resource_compute_subnetwork.go",
    ),
    "gcp:dns/managedZone:ManagedZone": (
        ("dnsName", "name", "project", "visibility"),
        _TERRAFORM + "services/dns/resource_dns_managed_zone.go",
    ),
    "gcp:dns/recordSet:RecordSet": (
        ("managedZone", "name", "project", "routingPolicy.healthCheck"),
        _TERRAFORM + "services/dns/resource_dns_record_set.go",
    ),
    "gcp:kms/cryptoKey:CryptoKey": (
        (
            *("cryptoKeyBackend", "destroyScheduledDuration", "importOnly", "keyRing", "name", "purpose"),
            "versionTemplate.protectionLevel",
        ),
        _TERRAFORM + "services/kms/resource_kms_crypto_key.go",
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": (("cryptoKeyId", *_MEMBER), _MEMBER_SOURCE),
    "gcp:kms/keyRing:KeyRing": (
        ("location", "name", "project"),
        _TERRAFORM + "services/kms/resource_kms_key_ring.go",
    ),
    "gcp:logging/metric:Metric": (
        ("project",),
        _TERRAFORM + "services/logging/resource_logging_metric.go",
    ),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": (
        ("bucketId", "location", "project"),
        _TERRAFORM + "services/logging/resource_logging_project_bucket_config.go",
    ),
    "gcp:logging/projectSink:ProjectSink": (
        ("name", "project"),
        _TERRAFORM + "services/logging/resource_logging_project_sink.go",
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": (
        ("project",),
        _TERRAFORM + "services/monitoring/resource_monitoring_alert_policy.go",
    ),
    "gcp:monitoring/dashboard:Dashboard": (
        ("project",),
        _TERRAFORM + "services/monitoring/resource_monitoring_dashboard.go",
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": (
        ("project",),
        _TERRAFORM + "services/monitoring/resource_monitoring_notification_channel.go",
    ),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": (
        ("location", "name", "network", "project", "serviceClass"),
        _TERRAFORM
        + "services/networkconnectivityv1/resource_network_connectivity_service_connection_policy.go",
    ),
    "gcp:projects/iAMCustomRole:IAMCustomRole": (
        ("project", "roleId"),
        _TERRAFORM + "services/resourcemanager/resource_google_project_iam_custom_role.go",
    ),
    "gcp:projects/iAMMember:IAMMember": (("project", *_MEMBER), _MEMBER_SOURCE),
    "gcp:projects/service:Service": (
        ("project", "service"),
        _TERRAFORM + "services/resourcemanager/resource_google_project_service.go",
    ),
    "gcp:projects/serviceIdentity:ServiceIdentity": (
        ("project", "service"),
        _TERRAFORM + "services/resourcemanager/resource_project_service_identity.go",
    ),
    "gcp:serviceaccount/account:Account": (
        ("accountId", "project"),
        _TERRAFORM + "services/resourcemanager/resource_google_service_account.go",
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": (("serviceAccountId", *_MEMBER), _MEMBER_SOURCE),
    "gcp:storage/bucket:Bucket": (
        (
            *("customPlacementConfig.dataLocations", "enableObjectRetention", "hierarchicalNamespace"),
            *("location", "name", "project"),
        ),
        _TERRAFORM + "services/storage/resource_storage_bucket.go",
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": (("bucket", *_MEMBER), _MEMBER_SOURCE),
    "gcp:storage/bucketObject:BucketObject": (
        (
            *("bucket", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage"),
            *("contentType", "customerEncryption", "forceEmptyContentType", "kmsKeyName", "metadata"),
            *("name", "source", "storageClass"),
        ),
        _TERRAFORM + "services/storage/resource_storage_bucket_object.go",
    ),
    "gcp:vertex/aiEndpoint:AiEndpoint": (
        (
            *("encryptionSpec", "location", "name", "network", "project", "region"),
            "privateServiceConnectConfig.enablePrivateServiceConnect",
        ),
        _TERRAFORM + "services/vertexai/resource_vertex_ai_endpoint.go",
    ),
    "gcp:vertex/aiPersistentResource:AiPersistentResource": (
        (
            # The provider forces a new one on any change of the effective labels, too.
            *("encryptionSpec", "labels", "location", "name", "network", "project", "pscInterfaceConfig"),
            *("reservedIpRanges", "resourcePools[*].autoscalingSpec", "resourcePools[*].diskSpec"),
            *("resourcePools[*].id", "resourcePools[*].machineSpec", "resourceRuntimeSpec"),
        ),
        _TERRAFORM + "services/vertexai/resource_vertex_ai_persistent_resource.go",
    ),
}
"""Type token -> the paths that force a replacement, and where that is written."""


@functools.cache
def replaces(token: str) -> tuple[str, ...]:
    """The property paths whose change makes a resource of this type anew, with everything below them."""
    told, _source = TERRAFORM.get(token, ((), ""))
    return tuple(sorted({*_documented().get(token, ()), *told}))


def is_known(token: str) -> bool:
    """Whether a source was asked about the type."""
    return token in TERRAFORM or token in _documented()


@functools.cache
def _documented() -> Mapping[str, list[str]]:
    text = resources.files("mlcloud.simulated.gcp").joinpath("replacements.json").read_text(encoding="utf-8")
    return cast("Mapping[str, list[str]]", json.loads(text))
