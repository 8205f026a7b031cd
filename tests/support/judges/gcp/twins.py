"""Which schema of Google's is the twin of which declared type, and where names differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROVIDERS_OWN = "an option of pulumi-gcp's own: no API has it"
_LOCATION = "projects/{project}/locations/{location}"


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Where a type's inputs are judged.

    Attributes:
        document: The discovery document.
        schema: The schema of the body.
        place: The resource's path, of inputs; a parameter of the document must allow it.
        parameters: Input to the parameter of a path that it is, where a path has several parts.
        names: Path of inputs to the path in the schema, where they are not alike; `*` is any key of a map.
        without: Input to the reason why it is not judged.
        given: Properties of the schema that the provider fills in.
    """

    document: str
    schema: str
    place: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


_COMPUTE = {"project": "project"}
_BINDING = {"member": "members"}

TWINS: Mapping[str, Twin] = {
    "gcp:artifactregistry/repository:Repository": Twin(
        document="artifactregistry.v1",
        schema="Repository",
        place=_LOCATION + "/repositories/{repositoryId}",
        names={"cleanupPolicies": "cleanupPolicies.*"},
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": Twin(
        document="artifactregistry.v1",
        schema="Binding",
        place=_LOCATION + "/repositories/{repository}",
        names=_BINDING,
    ),
    "gcp:billing/budget:Budget": Twin(
        document="billingbudgets.v1",
        schema="GoogleCloudBillingBudgetsV1Budget",
        place="billingAccounts/{billingAccount}",
        names={"allUpdatesRule": "notificationsRule", "budgetFilter.labels": "budgetFilter.labels.*"},
        without={"budgetFilter.labels": "the API has a list of one value for each label"},
    ),
    "gcp:compute/firewall:Firewall": Twin(
        document="compute.v1",
        schema="Firewall",
        parameters=_COMPUTE,
        names={
            "allows": "allowed",
            "allows.protocol": "allowed.IPProtocol",
            "denies": "denied",
            "denies.protocol": "denied.IPProtocol",
        },
    ),
    "gcp:compute/network:Network": Twin(
        document="compute.v1",
        schema="Network",
        parameters=_COMPUTE,
        names={"routingMode": "routingConfig.routingMode"},
        without={"deleteDefaultRoutesOnCreate": PROVIDERS_OWN},
    ),
    "gcp:compute/networkAttachment:NetworkAttachment": Twin(
        document="compute.v1", schema="NetworkAttachment", parameters={**_COMPUTE, "region": "region"}
    ),
    "gcp:compute/route:Route": Twin(document="compute.v1", schema="Route", parameters=_COMPUTE),
    "gcp:compute/subnetwork:Subnetwork": Twin(
        document="compute.v1", schema="Subnetwork", parameters={**_COMPUTE, "region": "region"}
    ),
    "gcp:dns/managedZone:ManagedZone": Twin(
        document="dns.v1", schema="ManagedZone", parameters={"project": "project"}
    ),
    "gcp:dns/recordSet:RecordSet": Twin(
        document="dns.v1",
        schema="ResourceRecordSet",
        parameters={"project": "project", "managedZone": "managedZone"},
    ),
    "gcp:kms/cryptoKey:CryptoKey": Twin(
        document="cloudkms.v1", schema="CryptoKey", place="{keyRing}/cryptoKeys/{name}"
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": Twin(
        document="cloudkms.v1", schema="Binding", place="{cryptoKeyId}", names=_BINDING
    ),
    "gcp:kms/keyRing:KeyRing": Twin(
        document="cloudkms.v1", schema="KeyRing", place=_LOCATION + "/keyRings/{name}"
    ),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": Twin(
        document="logging.v2", schema="LogBucket", place=_LOCATION + "/buckets/{bucketId}"
    ),
    "gcp:logging/projectSink:ProjectSink": Twin(
        document="logging.v2",
        schema="LogSink",
        place="projects/{project}",
        without={"uniqueWriterIdentity": "a parameter of the call, not of the sink"},
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": Twin(
        document="monitoring.v3", schema="AlertPolicy", place="projects/{project}"
    ),
    "gcp:monitoring/dashboard:Dashboard": Twin(
        document="monitoring.v1", schema="Dashboard", place="projects/{project}", names={"dashboardJson": ""}
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": Twin(
        document="monitoring.v3", schema="NotificationChannel", place="projects/{project}"
    ),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": Twin(
        document="networkconnectivity.v1",
        schema="ServiceConnectionPolicy",
        place=_LOCATION + "/serviceConnectionPolicies/{name}",
    ),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Twin(
        document="iam.v1",
        schema="Role",
        place="projects/{project}/roles/{roleId}",
        names={"permissions": "includedPermissions"},
    ),
    "gcp:projects/iAMMember:IAMMember": Twin(
        document="cloudresourcemanager.v3", schema="Binding", place="projects/{project}", names=_BINDING
    ),
    "gcp:projects/service:Service": Twin(
        document="serviceusage.v1",
        schema="EnableServiceRequest",
        place="projects/{project}/services/{service}",
        without={"disableOnDestroy": PROVIDERS_OWN},
    ),
    "gcp:projects/serviceIdentity:ServiceIdentity": Twin(
        document="serviceusage.v1beta1", schema="Empty", place="projects/{project}/services/{service}"
    ),
    "gcp:serviceaccount/account:Account": Twin(
        document="iam.v1",
        schema="ServiceAccount",
        place="projects/{project}/serviceAccounts/{accountId}",
    ),
    "gcp:storage/bucket:Bucket": Twin(
        document="storage.v1",
        schema="Bucket",
        parameters={},
        names={
            "uniformBucketLevelAccess": "iamConfiguration.uniformBucketLevelAccess.enabled",
            "publicAccessPrevention": "iamConfiguration.publicAccessPrevention",
            "lifecycleRules": "lifecycle.rule",
        },
        without={
            "forceDestroy": PROVIDERS_OWN,
            "lifecycleRules.condition.withState": "pulumi-gcp's word for `isLive`",
            "project": "a parameter of the call, not of the bucket",
        },
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": Twin(
        document="cloudresourcemanager.v3",
        schema="Binding",
        names=_BINDING,
        without={"bucket": "a parameter of the call, without a form in the document"},
    ),
    "gcp:storage/bucketObject:BucketObject": Twin(
        document="storage.v1", schema="Object", without={"source": "the object's content"}
    ),
    "gcp:vertex/aiEndpoint:AiEndpoint": Twin(
        document="aiplatform.v1",
        schema="GoogleCloudAiplatformV1Endpoint",
        place=_LOCATION + "/endpoints/{name}",
    ),
    "gcp:vertex/aiPersistentResource:AiPersistentResource": Twin(
        document="aiplatform.v1",
        schema="GoogleCloudAiplatformV1PersistentResource",
        place=_LOCATION + "/persistentResources/{name}",
    ),
    "mlcloud:gcp:Model": Twin(
        document="aiplatform.v1",
        schema="GoogleCloudAiplatformV1Model",
        place="projects/{project}/locations/{region}/models/{modelId}",
        names={
            "args": "containerSpec.args",
            "imageUri": "containerSpec.imageUri",
            "kmsKeyName": "encryptionSpec.kmsKeyName",
            "livenessRoute": "containerSpec.livenessProbe.httpGet.path",
            "startupS": "containerSpec.startupProbe.periodSeconds",
        },
        without={"env": "the API has a list of names and values"},
    ),
    "mlcloud:gcp:ModelDeployment": Twin(
        document="aiplatform.v1",
        schema="GoogleCloudAiplatformV1DeployedModel",
        place="{endpoint}",
        names={
            "acceleratorCount": "dedicatedResources.machineSpec.acceleratorCount",
            "acceleratorType": "dedicatedResources.machineSpec.acceleratorType",
            "accessLogs": "enableAccessLogging",
            "machineType": "dedicatedResources.machineSpec.machineType",
            "maxReplicas": "dedicatedResources.maxReplicaCount",
            "minReplicas": "dedicatedResources.minReplicaCount",
            "name": "displayName",
            "spot": "dedicatedResources.spot",
        },
        without=dict.fromkeys(
            (
                *("alertPolicies", "canaryPercent", "containerLogs", "linearStepPercent", "modelSha256"),
                *("modelUri", "project", "region", "scaling", "terminationWaitS", "waitS"),
            ),
            "what our provider does with it is judged where it sends requests",
        ),
    ),
}

WITHOUT: Mapping[str, str] = {
    "docker-build:index:Image": "Google has no API of a build on this machine",
    "mlcloud:gcp:TrainingRun": "its requests are judged where the provider sends them",
}
"""Types that have no twin, and why."""

ASKS_NOTHING = frozenset({"mlcloud:gcp:IamPropagation"})
"""Types of our own that send Google nothing: what they are given is not declared to Google."""
