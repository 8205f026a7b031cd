"""Reviewed inventories: what a stack file's plan must hold, as YAML that people read in a pull request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "plan" / "inventories"
# An image that is built here is named by its sources, and so are the endpoint's revision, the model's
# version, and Azure's environments and deployments that run it: a new line in the trainer is no new stack.
BUILT_IMAGE = re.compile(r"([-/]trainer)(:[0-9a-f]{16}|@sha256:[0-9a-f]{64})\b")
MODEL_VERSION = re.compile(r"(/models/[a-z0-9-]+)@\d+\b")
CONTENT_VERSION = re.compile(r"\bv[0-9a-f]{8}-[0-9]{4}\b")
REGENERATE = "python -m support.inventory STACK (in tests/; review the difference before you commit it)"


def inventory_of(plan: Mapping[str, Any], root: Path, home: Path) -> dict[str, Any]:
    """A plan as an inventory: counts by type, inputs and options by name, names of outputs."""
    places = {str(home): "<home>", str(root): "<root>", **_revisions(plan)}
    resources = {
        entry["name"]: {
            "type": entry["type"],
            "inputs": _placed(entry["inputs"], places),
            **{key: True for key in ("protect", "retainOnDelete") if entry[key]},
        }
        for entry in plan["resources"]
        if entry["custom"]
    }
    counts = Counter(entry["type"] for entry in plan["resources"])
    return {
        "counts": dict(sorted(counts.items())),
        "resources": dict(sorted(resources.items())),
        "outputs": sorted(plan["outputs"]),
    }


def _revisions(plan: Mapping[str, Any]) -> dict[str, str]:
    """Each revision's name, with the digits of its content left out."""
    found = [entry for entry in plan["resources"] if entry["type"].endswith(":EndpointRevision")]
    return {entry["outputs"]["name"]: f"{entry['inputs']['prefix']}-<revision>" for entry in found}


def _placed(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _placed(item, places) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_placed(item, places) for item in value]
    if isinstance(value, str):
        for place, sign in places.items():
            value = value.replace(place, sign)
        value = CONTENT_VERSION.sub("v<content>", BUILT_IMAGE.sub(r"\1<built>", value))
        return MODEL_VERSION.sub(r"\1@<version>", value)
    return value


def read(stack: str) -> dict[str, Any]:
    """The reviewed inventory of a stack file."""
    path = FOLDER / f"{stack}.yaml"
    assert path.exists(), f"{path.relative_to(ROOT)} is missing: {REGENERATE}"
    return yaml.safe_load(path.read_text("utf-8"))


def main(stack: str) -> None:
    """Write the inventory of a stack file as its plan is now."""
    from tempfile import TemporaryDirectory

    from support.stack_plan import plan_of

    with TemporaryDirectory() as folder:
        home = Path(folder)
        found = inventory_of(plan_of(stack, home), ROOT, home)
    (FOLDER / f"{stack}.yaml").write_text(yaml.safe_dump(found, sort_keys=False, width=100), "utf-8")


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
