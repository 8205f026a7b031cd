"""Writes the guide to the controls.

Run it as `python -m mlcloud.policy.guide --write` in the project's folder; without `--write` it tells whether
the guide has drifted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mlcloud.policy.catalogue import CATALOGUES, Catalogue
from mlcloud.policy.control import Control, Waiver

PATH: Final = Path("docs/guides/controls.md")
COMMAND: Final = "python -m mlcloud.policy.guide --write"
_NAMES: Final = {"aws": "AWS", "gcp": "GCP", "azure": "Azure"}
_HEAD: Final = f"""# Controls

What every stack on a cloud must declare. It is judged on the plan, before anything is made:
`mlcloud preview STACK` ends with the result, and `--json` has it under `policy`. A control is a pure function
over declared resources (`components/mlcloud/policy`), and the tests hold plans that each must catch.

- **finding**: a property is not what it must be. It is told with its value, what is required and the fix.
- **unknown**: the value comes from something that the update makes first. It is not taken for a good one.
- **waived**: the control need not hold, for a reason that stands below. A waiver that waives nothing any more
  is a finding.

Written by `{COMMAND}`.
"""


def guide() -> str:
    """Return the guide's text."""
    return "\n".join([_HEAD, *(section for one in CATALOGUES for section in _sections(one))])


def _sections(catalogue: Catalogue) -> list[str]:
    name = _NAMES[catalogue.cloud]
    return [
        f"## {name}",
        "",
        "| control | severity | must hold | else | of | demanded by |",
        "|---|---|---|---|---|---|",
        *map(_row, catalogue.controls),
        "",
        f"## What is waived on {name}",
        "",
        "| control | for | reason |",
        "|---|---|---|",
        *map(_waiver_row, catalogue.waivers),
        "",
    ]


def _row(control: Control) -> str:
    kinds = ", ".join(f"`{one.rsplit(':', 1)[-1]}`" for one in control.types) or "any"
    sources = ", ".join(control.sources)
    return _cells(f"`{control.id}`", control.severity, control.title, control.why, kinds, sources)


def _waiver_row(waiver: Waiver) -> str:
    decision = f" [ADR {waiver.adr[:4]}](../adr/{waiver.adr}.md)" if waiver.adr else ""
    return _cells(f"`{waiver.control}`", waiver.resources, f"{waiver.reason}{decision}")


def _cells(*texts: str) -> str:
    return f"| {' | '.join(texts)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the guide, or tell whether it has drifted."""
    parser = argparse.ArgumentParser(prog="python -m mlcloud.policy.guide", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the guide")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder")
    args = parser.parse_args(arguments)
    path = args.root / PATH
    if args.write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(guide(), "utf-8")
        return 0
    if path.is_file() and path.read_text("utf-8") == guide():
        return 0
    sys.stdout.write(f"{PATH} has drifted: run `{COMMAND}`\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
