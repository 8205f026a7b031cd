"""What forces a replacement on GCP is what Google and the provider say; names look as APIs give them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.simulated.cloud import Facts, Templates
from mlcloud.simulated.declarations import declaration_of
from mlcloud.simulated.gcp.looks import LOOKS
from mlcloud.simulated.gcp.replacements import TERRAFORM, is_known, replaces
from support.simulated_gcp_replacements import (
    LACKS,
    OTHERS,
    REGENERATE,
    TABLE,
    TYPES,
    document,
    immutable,
    path_of,
    table,
)


def test_the_table_is_what_the_documents_call_immutable() -> None:
    found, unmapped = table()
    assert unmapped == LACKS, f"name these in LACKS: {unmapped - LACKS}"
    assert json.loads(TABLE.read_text()) == found, f"the table is not the documents': {REGENERATE}"
    assert sum(len(paths) for paths in found.values()) >= 9, "the judge must have had something to judge"


def test_the_documents_say_nothing_that_the_provider_does_not_do() -> None:
    """Each path that a document calls immutable lies in one that the provider makes anew for."""
    for token, paths in table()[0].items():
        told = [path.split(".")[0].split("[")[0] for path in TERRAFORM[token][0]]
        assert {path.split(".")[0].split("[")[0] for path in paths} <= set(told), token


def test_an_immutable_property_is_found_where_a_document_has_it() -> None:
    paths = list(immutable("aiplatform.v1", "GoogleCloudAiplatformV1PersistentResource"))
    assert ["resourcePools", "machineSpec"] in paths
    inputs = declaration_of("gcp:vertex/aiPersistentResource:AiPersistentResource").inputs
    assert path_of(inputs, ["resourcePools", "machineSpec"]) == "resourcePools[*].machineSpec"
    assert path_of(inputs, ["resourcePools", "noSuch"]) == ""


@pytest.mark.parametrize("token", sorted({*TERRAFORM, *TYPES, *OTHERS}))
def test_every_path_is_an_input_of_its_type(token: str) -> None:
    inputs = declaration_of(token).inputs
    assert {re.split(r"[.\[]", path)[0] for path in replaces(token)} <= set(inputs)
    assert is_known(token)
    assert TERRAFORM[token][1].startswith("https://github.com/hashicorp/terraform-provider-google google/")


def test_a_type_that_no_source_knows_is_told_apart() -> None:
    assert not is_known("gcp:nothing/thing:Thing")
    assert replaces("gcp:nothing/thing:Thing") == ()


NAMES = {
    "gcp:compute/network:Network": ("compute.v1", "networks", "selfLink"),
    "gcp:compute/subnetwork:Subnetwork": ("compute.v1", "subnetworks", "selfLink"),
    "gcp:kms/keyRing:KeyRing": ("cloudkms.v1", "keyRings", "id"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": ("logging.v2", "buckets", "id"),
    "gcp:monitoring/alertPolicy:AlertPolicy": ("monitoring.v3", "alertPolicies", "name"),
    "gcp:monitoring/notificationChannel:NotificationChannel": (
        "monitoring.v3",
        "notificationChannels",
        "name",
    ),
    "gcp:vertex/aiEndpoint:AiEndpoint": ("aiplatform.v1", "endpoints", "id"),
    "gcp:vertex/aiPersistentResource:AiPersistentResource": ("aiplatform.v1", "persistentResources", "id"),
    "gcp:artifactregistry/repository:Repository": ("artifactregistry.v1", "repositories", "id"),
    "gcp:serviceaccount/account:Account": ("iam.v1", "serviceAccounts", "name"),
}


def patterns(node: dict[str, Any]) -> Iterator[str]:
    """Every pattern of a path's parameter in a document."""
    for method in node.get("methods", {}).values():
        for parameter in method.get("parameters", {}).values():
            if parameter.get("location") == "path" and "pattern" in parameter:
                yield parameter["pattern"]
    for inner in node.get("resources", {}).values():
        yield from patterns(inner)


def rendered(token: str, output: str) -> str:
    looks = LOOKS[token]
    template = looks.id if output == "id" else looks.outputs[output]
    known = dict.fromkeys(re.findall(r"{(\w+)}", template), "sample") | {"project": "example-project"}
    made = {"seventeen", "uuid", "seven"}
    facts = Facts(account="example-project", region="europe-west4")
    return Templates(facts, {key: known[key] for key in known if key not in made}, "seed").render(template)


@pytest.mark.parametrize("token", [token for token in NAMES if NAMES[token][0] != "compute.v1"])
def test_a_name_has_the_form_that_its_api_takes(token: str) -> None:
    name, _, output = NAMES[token]
    given = rendered(token, output)
    assert any(re.fullmatch(pattern.strip("^$"), given) for pattern in patterns(document(name))), given


@pytest.mark.parametrize("token", [token for token in NAMES if NAMES[token][0] == "compute.v1"])
def test_a_link_of_compute_engine_leads_below_its_collection(token: str) -> None:
    _, collection, output = NAMES[token]
    link = rendered(token, output)
    assert link.startswith("https://www.googleapis.com/compute/v1/projects/example-project/")
    assert link.split("/")[-2] == collection


def test_the_judge_of_names_rejects_a_wrong_one() -> None:
    wrong = "projects/example-project/locations/europe-west4/endpoint/sample"
    assert not any(re.fullmatch(item.strip("^$"), wrong) for item in patterns(document("aiplatform.v1")))
