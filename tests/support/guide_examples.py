"""The examples of a cloud's guide: whole programs, planned on the embedded engine as people run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for

from support.markdown import ROOT, blocks
from support.plan import plan

HOUSES = "rooms,price\n" + "".join(f"{rooms},{rooms * 1000}\n" for rooms in range(1, 40))


def examples(cloud: str) -> dict[str, str]:
    """The programs of a guide by their heading."""
    guide = ROOT / "docs" / "guides" / f"{cloud}.md"
    return {block.heading: block.text for block in blocks(guide) if block.language == "python"}


def planned_example(
    cloud: str, heading: str, folder: Path, *, config: dict[str, str] | None = None
) -> dict[str, Any]:
    """The plan of an example, run in a folder that has the files which the examples name."""
    (folder / "houses.csv").write_text(HOUSES)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY requirements.txt /\n")
    (folder / "requirements.txt").write_text("scikit-learn\n")
    code = compile(examples(cloud)[heading], f"docs/guides/{cloud}.md ({heading})", "exec")
    providers = {**providers_for(cloud), "mlcloud": make_servicer(Engine(None))}
    program = lambda: exec(code, {"__name__": "example"})  # noqa: E731, S102 - the example is ours
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = plan(program, providers=providers, config=config, folder=folder)
    assert found.ok, found.diagnostics
    return found.to_dict()
