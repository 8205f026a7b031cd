"""The first update of a fresh project of GCP: what waits until Google's services see who may do what."""

from pathlib import Path
from typing import Any

import pytest
from support.stack_plan import plan_of


def before(resources: list[dict[str, Any]], name: str) -> set[str]:
    """What a resource depends on, directly."""
    (entry,) = (entry for entry in resources if entry["name"] == name and entry["custom"])
    return {urn.rpartition("::")[2] for urn in entry["dependencies"]}


def declared(stack: str, folder: Path) -> list[dict[str, Any]]:
    return plan_of(stack, folder)["resources"]


@pytest.mark.parametrize("stack", ["gcp-dev", "gcp-prod"])
def test_what_a_key_encrypts_waits_until_its_grants_are_seen(stack: str, tmp_path: Path) -> None:
    resources = declared(stack, tmp_path)
    encrypted = [
        entry["name"]
        for entry in resources
        if entry["type"].startswith("gcp:") and "cryptoKeys" in str(entry["inputs"])
    ]
    used = [name for name in encrypted if not name.startswith("storage-key")]
    assert {"storage-data-bucket", "registry-repository", "endpoint-endpoint"} <= set(used)
    for name in used:
        assert "storage-key-grants" in before(resources, name), name
    agents = {"storage", "artifact-registry", "vertex", "logging"}
    assert {f"storage-key-{agent}" for agent in agents} <= before(resources, "storage-key-grants")


def test_what_works_as_an_account_or_runs_an_image_waits_until_its_rights_are_seen(tmp_path: Path) -> None:
    resources = declared("gcp-dev", tmp_path)
    needed = {"registry-reader-grant", "identity-training-grants"}
    assert needed <= before(resources, "training-run")
    assert "identity-endpoint-grants" in before(resources, "endpoint-deployment")
    rights = {"identity-training-data", "identity-training-models", "identity-training-logs"}
    assert rights <= before(resources, "identity-training-grants")


def test_what_joins_the_network_waits_until_vertex_ai_may_use_its_door(tmp_path: Path) -> None:
    resources = declared("gcp-prod", tmp_path)
    assert "network-attach-grant" in before(resources, "cluster-machines")
    assert "network-attach-vertex" in before(resources, "network-attach-grant")
