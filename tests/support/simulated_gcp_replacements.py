"""Which properties force a replacement on GCP, from Google's discovery documents and pulumi-gcp itself.

``python -m support.simulated_gcp_replacements`` (in ``tests/``) writes the table that the simulated GCP has.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from mlcloud.embedded.properties.values import covers
from mlcloud.simulated.declarations import Member, declaration_of, members_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "components" / "mlcloud" / "simulated" / "gcp" / "replacements.json"
REGENERATE = "cd tests && python -m support.simulated_gcp_replacements"

TYPES: Mapping[str, tuple[str, str]] = {
    "gcp:artifactregistry/repository:Repository": ("artifactregistry.v1", "Repository"),
    "gcp:billing/budget:Budget": ("billingbudgets.v1", "GoogleCloudBillingBudgetsV1Budget"),
    "gcp:compute/firewall:Firewall": ("compute.v1", "Firewall"),
    "gcp:compute/network:Network": ("compute.v1", "Network"),
    "gcp:compute/networkAttachment:NetworkAttachment": ("compute.v1", "NetworkAttachment"),
    "gcp:compute/route:Route": ("compute.v1", "Route"),
    "gcp:compute/subnetwork:Subnetwork": ("compute.v1", "Subnetwork"),
    "gcp:dns/managedZone:ManagedZone": ("dns.v1", "ManagedZone"),
    "gcp:dns/recordSet:RecordSet": ("dns.v1", "ResourceRecordSet"),
    "gcp:kms/cryptoKey:CryptoKey": ("cloudkms.v1", "CryptoKey"),
    "gcp:kms/keyRing:KeyRing": ("cloudkms.v1", "KeyRing"),
    "gcp:logging/metric:Metric": ("logging.v2", "LogMetric"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": ("logging.v2", "LogBucket"),
    "gcp:logging/projectSink:ProjectSink": ("logging.v2", "LogSink"),
    "gcp:monitoring/alertPolicy:AlertPolicy": ("monitoring.v3", "AlertPolicy"),
    "gcp:monitoring/dashboard:Dashboard": ("monitoring.v1", "Dashboard"),
    "gcp:monitoring/notificationChannel:NotificationChannel": ("monitoring.v3", "NotificationChannel"),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": (
        "networkconnectivity.v1",
        "ServiceConnectionPolicy",
    ),
    "gcp:projects/iAMCustomRole:IAMCustomRole": ("iam.v1", "Role"),
    "gcp:serviceaccount/account:Account": ("iam.v1", "ServiceAccount"),
    "gcp:storage/bucket:Bucket": ("storage.v1", "Bucket"),
    "gcp:storage/bucketObject:BucketObject": ("storage.v1", "Object"),
    "gcp:vertex/aiEndpoint:AiEndpoint": ("aiplatform.v1", "GoogleCloudAiplatformV1Endpoint"),
    "gcp:vertex/aiPersistentResource:AiPersistentResource": (
        "aiplatform.v1",
        "GoogleCloudAiplatformV1PersistentResource",
    ),
}
"""Types whose twin in a discovery document is the same thing: the document and the schema."""

OTHERS = (
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/service:Service",
    "gcp:projects/serviceIdentity:ServiceIdentity",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:storage/bucketIAMMember:BucketIAMMember",
)
"""Types of which only pulumi-gcp's own words are read: an API has them inside other things."""

LACKS = frozenset(
    {
        ("gcp:vertex/aiPersistentResource:AiPersistentResource", f"resourcePools.machineSpec.{name}")
        for name in ("gpuPartitionSize", "reservationAffinity", "tpuTopology")
    }
)
"""(Type token, path) of what an API has and pulumi-gcp has not."""

_IMMUTABLE = re.compile(r"^(Required\. |Optional\. )*Immutable\.")
_FORCES = re.compile(r"(forces? (a )?new|Immutable\.)", re.IGNORECASE)


def document(name: str) -> dict[str, Any]:
    """A discovery document, as google-api-python-client carries it."""
    folder = resources.files("googleapiclient.discovery_cache") / "documents"
    return json.loads((folder / f"{name}.json").read_text())


def immutable(name: str, schema: str) -> Iterator[list[str]]:
    """The paths that a document calls immutable."""
    schemas: dict[str, Any] = document(name)["schemas"]

    def inside(kind: str, path: list[str], above: tuple[str, ...]) -> Iterator[list[str]]:
        for member, node in schemas[kind].get("properties", {}).items():
            here = [*path, member]
            if _IMMUTABLE.match(node.get("description", "")):
                yield here
            inner = node.get("$ref") or node.get("items", {}).get("$ref")
            if inner and inner not in above and not node.get("readOnly"):
                yield from inside(inner, here, (*above, inner))

    yield from inside(schema, [], (schema,))


def documented(token: str) -> Iterator[str]:
    """The inputs of which pulumi-gcp's documentation says that another value makes another resource."""
    names = {
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire).lower(): wire for wire in declaration_of(token).inputs
    }
    _, module, kind = token.split(":")
    arguments = getattr(import_module(f"pulumi_gcp.{module.split('/')[0]}"), f"{kind}Args")
    text = inspect.getdoc(arguments.__init__) or ""
    for part in text.split(":param ")[1:]:
        head, _, words = part.partition(": ")
        name = head.rsplit("] ", 1)[-1]
        if _FORCES.search(words) and name in names:
            yield names[name]


def table() -> tuple[dict[str, list[str]], set[tuple[str, str]]]:
    """Token -> the paths that force a replacement; and what no property is known for."""
    found: dict[str, list[str]] = {}
    unmapped: set[tuple[str, str]] = set()
    for token in sorted({*TYPES, *OTHERS}):
        paths = set(documented(token))
        for given in immutable(*TYPES[token]) if token in TYPES else ():
            path = path_of(declaration_of(token).inputs, given)
            if path:
                paths.add(path)
            else:
                unmapped.add((token, ".".join(given)))
        found[token] = sorted(
            path for path in paths if not any(covers(other, path) for other in paths - {path})
        )
    return found, unmapped


def path_of(members: Mapping[str, Member], parts: list[str]) -> str:
    """The property that goes by this path of an API: lists have names in the plural here; empty: none."""
    name = next((name for name in (parts[0], f"{parts[0]}s") if name in members), "")
    if not name or len(parts) == 1:
        return name
    shape = members[name].shapes[0]
    step, inner = (name, shape) if shape.item is None else (f"{name}[*]", shape.item)
    if inner.members is None:
        return ""
    rest = path_of(members_of(inner.members), parts[1:])
    return f"{step}.{rest}" if rest else ""


def main() -> None:
    """Write the table."""
    found, _ = table()
    TABLE.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
