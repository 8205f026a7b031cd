"""The first update of a fresh subscription of Azure: what is registered first, and what waits for roles."""

from pathlib import Path
from typing import Any

import pytest
from support.stack_plan import plan_of

ENDPOINTS_NEED = ["Microsoft.Cdn", "Microsoft.PolicyInsights"]
KEYS_NEED = ["Microsoft.DocumentDB", "Microsoft.Search"]


def declared(stack: str, folder: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in plan_of(stack, folder)["resources"] if entry["custom"]}


def before(resources: dict[str, dict[str, Any]], name: str) -> set[str]:
    """What a resource comes after."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for urn in resources[waiting.pop()]["dependencies"]:
            found = urn.rpartition("::")[2]
            if found not in seen and found in resources:
                seen.add(found)
                waiting.append(found)
    return seen


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    return {name: declared(name, tmp_path_factory.mktemp(name)) for name in ("azure-dev", "azure-prod")}


def test_the_subscription_is_registered_before_anything_is_made(
    stacks: dict[str, dict[str, dict[str, Any]]],
) -> None:
    needs = {"azure-dev": ENDPOINTS_NEED, "azure-prod": [*ENDPOINTS_NEED, *KEYS_NEED]}
    for stack, namespaces in needs.items():
        resources = stacks[stack]
        assert resources["foundation-providers"]["inputs"]["namespaces"] == namespaces
        for name in ("foundation-group", "workspace-workspace", "endpoint-deployment"):
            assert "foundation-providers" in before(resources, name), (stack, name)


def test_what_a_key_encrypts_waits_until_its_identity_is_seen(
    stacks: dict[str, dict[str, dict[str, Any]]],
) -> None:
    resources = stacks["azure-prod"]
    for name in ("storage-account", "registry-registry", "workspace-workspace"):
        assert "foundation-key-grants" in before(resources, name), name
    assert "foundation-encryption-key" in before(resources, "foundation-key-grants")
    assert "foundation-key-grants" not in stacks["azure-dev"]


def test_what_works_as_an_identity_waits_until_its_roles_are_seen(
    stacks: dict[str, dict[str, dict[str, Any]]],
) -> None:
    resources = stacks["azure-dev"]
    users = {"workspace": "workspace-workspace", "training": "training-run", "endpoint": "endpoint-endpoint"}
    for part, user in users.items():
        assert f"identity-{part}-grants" in before(resources, user), user
        roles = {name for name in resources if name.startswith(f"identity-{part}-")}
        kept = {f"identity-{part}-grants"}
        assert roles - kept <= before(resources, f"identity-{part}-grants"), part
    assert "identity-training-image" in before(resources, "training-run")
    assert "identity-endpoint-image" in before(resources, "endpoint-deployment")


@pytest.mark.parametrize(
    ("stack", "reader"), [("azure-dev", "training-run"), ("azure-prod", "endpoint-traffic")]
)
def test_who_runs_the_update_may_read_models_before_it_looks_at_one(
    stacks: dict[str, dict[str, dict[str, Any]]], stack: str, reader: str
) -> None:
    assert "storage-uploader-models" in before(stacks[stack], reader)
