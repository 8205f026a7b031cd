"""How GCP resources look: identifiers as the Terraform provider imports them, names as the APIs give them.

Sources: https://registry.terraform.io/providers/hashicorp/google/latest/docs (each resource's "Attributes
Reference" and "Import"); the formats of names in the APIs' discovery documents
(https://www.googleapis.com/discovery/v1/apis).
"""

from collections.abc import Callable, Mapping
from typing import Any

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.cloud import Facts, Looks
from mlcloud.simulated.gcp.functions import number_of

_MADE_AT = "2025-01-01T00:00:00Z"
_PROJECT = "projects/{project}"
_LOCATION = _PROJECT + "/locations/{location}"
_COMPUTE = "https://www.googleapis.com/compute/v1/"


def _at(path: str, **outputs: str) -> Looks:
    """A resource whose identifier is its path."""
    return Looks(id=path, outputs=outputs)


def _compute(path: str, **outputs: str) -> Looks:
    """A resource of Compute Engine: its link is its path below the service's address."""
    return Looks(id=path, outputs={"selfLink": _COMPUTE + path, **outputs})


LOOKS: Mapping[str, Looks] = {
    "gcp:projects/service:Service": _at("{project}/{service}"),
    "gcp:projects/serviceIdentity:ServiceIdentity": _at(_PROJECT + "/services/{service}"),
    "gcp:projects/iAMMember:IAMMember": _at("{project}/{role}/{member}"),
    "gcp:projects/iAMCustomRole:IAMCustomRole": _at(
        _PROJECT + "/roles/{roleId}", name=_PROJECT + "/roles/{roleId}"
    ),
    "gcp:kms/keyRing:KeyRing": _at(_LOCATION + "/keyRings/{name}"),
    "gcp:kms/cryptoKey:CryptoKey": _at("{keyRing}/cryptoKeys/{name}"),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": _at("{cryptoKeyId}/{role}/{member}"),
    "gcp:storage/bucket:Bucket": Looks(
        id="{name}",
        outputs={
            "selfLink": "https://www.googleapis.com/storage/v1/b/{name}",
            "url": "gs://{name}",
        },
    ),
    "gcp:storage/bucketObject:BucketObject": Looks(
        id="{bucket}-{name}",
        outputs={
            "mediaLink": "https://storage.googleapis.com/download/storage/v1/b/{bucket}/o/{name}",
            "outputName": "{name}",
            "selfLink": "https://www.googleapis.com/storage/v1/b/{bucket}/o/{name}",
        },
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": _at("b/{bucket}/{role}/{member}"),
    "gcp:artifactregistry/repository:Repository": _at(
        _LOCATION + "/repositories/{repositoryId}",
        name="{repositoryId}",
        registryUri="{location}-docker.pkg.dev/{project}/{repositoryId}",
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": _at(
        _LOCATION + "/repositories/{repository}/{role}/{member}"
    ),
    "gcp:serviceaccount/account:Account": _at(
        _PROJECT + "/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
        email="{accountId}@{project}.iam.gserviceaccount.com",
        member="serviceAccount:{accountId}@{project}.iam.gserviceaccount.com",
        name=_PROJECT + "/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": _at("{serviceAccountId}/{role}/{member}"),
    "gcp:vertex/aiEndpoint:AiEndpoint": _at(_LOCATION + "/endpoints/{name}"),
    "gcp:vertex/aiPersistentResource:AiPersistentResource": _at(_LOCATION + "/persistentResources/{name}"),
    "gcp:compute/network:Network": _compute(_PROJECT + "/global/networks/{name}"),
    "gcp:compute/subnetwork:Subnetwork": _compute(
        _PROJECT + "/regions/{region}/subnetworks/{name}",
    ),
    "gcp:compute/firewall:Firewall": _compute(_PROJECT + "/global/firewalls/{name}"),
    "gcp:compute/route:Route": _compute(_PROJECT + "/global/routes/{name}"),
    "gcp:compute/networkAttachment:NetworkAttachment": _compute(
        _PROJECT + "/regions/{region}/networkAttachments/{name}"
    ),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": _at(
        _LOCATION + "/serviceConnectionPolicies/{name}"
    ),
    "gcp:dns/managedZone:ManagedZone": _at(_PROJECT + "/managedZones/{name}"),
    "gcp:dns/recordSet:RecordSet": _at(_PROJECT + "/managedZones/{managedZone}/rrsets/{name}/{type}"),
    "gcp:monitoring/alertPolicy:AlertPolicy": _at(
        _PROJECT + "/alertPolicies/{seventeen}", name=_PROJECT + "/alertPolicies/{seventeen}"
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": _at(
        _PROJECT + "/notificationChannels/{seventeen}", name=_PROJECT + "/notificationChannels/{seventeen}"
    ),
    "gcp:monitoring/dashboard:Dashboard": _at(_PROJECT + "/dashboards/{uuid}"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": _at(
        _LOCATION + "/buckets/{bucketId}", name=_LOCATION + "/buckets/{bucketId}"
    ),
    "gcp:logging/projectSink:ProjectSink": _at(_PROJECT + "/sinks/{name}"),
    "gcp:logging/metric:Metric": _at("{name}"),
    "gcp:billing/budget:Budget": _at(
        "billingAccounts/{billingAccount}/budgets/{uuid}",
        name="billingAccounts/{billingAccount}/budgets/{uuid}",
    ),
}

_NUMBERED = ("Id", "etag")


def fallback(token: str, inputs: Mapping[str, Any]) -> Looks:
    """The looks of a type without a row: named after itself, or numbered."""
    _, module, kind = token.split(":")
    service = module.split("/")[0]
    own = "{name}" if isinstance(inputs.get("name"), str) else "{seventeen}"
    return _at(f"{_PROJECT}/{service}/{kind[0].lower()}{kind[1:]}s/{own}")


def computed(name: str, facts: Facts, inputs: Properties, render: Callable[[str], str]) -> Any:
    """An output without a template; ``None`` where nothing is known of its name."""
    number = number_of(facts.account)
    found: dict[str, Any] = {
        "dedicatedEndpointDns": "",
        "effectiveLabels": inputs.get("labels") or {},
        "location": facts.region,
        "project": facts.account,
        "projectNumber": int(number),
        "pulumiLabels": inputs.get("labels") or {},
        "region": facts.region,
        "timeCreated": _MADE_AT,
        "updated": _MADE_AT,
        "writerIdentity": f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com",
    }
    if inputs.get("dedicatedEndpointEnabled") is True:
        found["dedicatedEndpointDns"] = render(
            "{name}." + f"{facts.region}-{number}.prediction.vertexai.goog"
        )
    if isinstance(inputs.get("service"), str):
        agent = f"service-{number}@{_agent_domain(inputs['service'])}.iam.gserviceaccount.com"
        found |= {"email": agent, "member": f"serviceAccount:{agent}"}
    if name.endswith(("Time", "edAt", "Timestamp")):
        return _MADE_AT
    return found[name] if name in found else render(f"{name}-{{seven}}") if name.endswith(_NUMBERED) else None


def _agent_domain(service: str) -> str:
    """The domain of a service's agent (https://cloud.google.com/iam/docs/service-agents)."""
    return f"gcp-sa-{service.partition('.')[0]}"
