"""Record what the Pulumi CLI makes of scenarios: ``python -m support.scenarios.record [PART_OF_A_NAME]...``.

It needs the CLI in the version of the golden file on PATH, and some minutes.
"""

import json
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from support.scenarios import ALL
from support.scenarios.cli import CliSide, cli_version
from support.scenarios.golden import (
    GOLDEN,
    VERSION,
    Told,
    answers_to,
    differences,
    read_golden,
    record_golden,
)
from support.scenarios.imported import CHECKPOINT, program
from support.scenarios.provider import ScenarioProvider

_AT_ONCE = 3
"""Much of a run is waiting."""


def main(parts: list[str]) -> int:
    """Write the golden file; the exit status."""
    if problem := _problem():
        sys.stderr.write(f"{problem}\n")
        return 1
    answers = read_golden()["scenarios"] if GOLDEN.exists() else {}
    answers = {scenario.name: answers.get(scenario.name, []) for scenario in ALL}
    wanted = [name for name in answers if not parts or any(part in name for part in parts)]
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        for name, found in zip(wanted, pool.map(record, wanted), strict=True):
            known = answers[name]
            same = len(known) == len(found) and not differences(known, found)
            sys.stdout.write(f"{'  same' if same else '  NEW '}  {name}\n")
            sys.stdout.flush()
            answers[name] = found
            # What is recorded is kept, whatever comes after it.
            record_golden(VERSION, answers)
    if not parts:
        record_state()
    return 0


def record(name: str) -> list[Told]:
    """The CLI's answers to a scenario."""
    scenario = next(item for item in ALL if item.name == name)
    with tempfile.TemporaryDirectory() as folder:
        return answers_to(scenario, CliSide(Path(folder), ScenarioProvider()))


def record_state() -> None:
    """Keep the state that the CLI leaves of a stack, as it wrote it."""
    with tempfile.TemporaryDirectory() as folder:
        side = CliSide(Path(folder), ScenarioProvider())
        assert side.run("up", program())["ok"], side.output
        written = json.loads((side.home / ".pulumi" / "stacks" / "shop" / "dev.json").read_text())
    # Where the program lies and what called it differs in any two runs.
    for resource in written["checkpoint"]["latest"]["resources"]:
        resource.pop("sourcePosition", None)
        resource.pop("stackTrace", None)
    CHECKPOINT.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _problem() -> str:
    if shutil.which("pulumi") is None:
        return (
            f"Recording needs the Pulumi CLI {VERSION} on PATH, and there is no `pulumi`.\n"
            "How to install a version: https://www.pulumi.com/docs/install/versions/"
        )
    if cli_version() != VERSION:
        return (
            f"The `pulumi` on PATH is {cli_version()}, and {GOLDEN.name} holds the answers of {VERSION}.\n"
            "To move to another version, change VERSION in tests/support/scenarios/golden.py and rename its "
            "golden files."
        )
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
