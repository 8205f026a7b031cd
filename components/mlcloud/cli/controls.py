"""What a preview of a cloud tells of the controls."""

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.embedded.engine.plan import Plan
from mlcloud.policy import Finding, Report, check

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def report_of(plan: Plan, environment: str) -> Report | None:
    """Return what controls say of a plan; None where it failed half way, or declares nothing in a cloud."""
    report = check(plan.to_dict()["resources"], environment) if plan.ok else None
    return report if report is not None and report.judged else None


def plan_json(plan: Plan, report: Report | None) -> str:
    """Return the plan's JSON, with the controls' result as `policy` where there is one."""
    if report is None:
        return plan.to_json()
    content: dict[str, Any] = {**plan.to_dict(), "policy": report.to_dict()}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def print_report(console: Console, report: Report | None) -> None:
    """Print what was found with its fix, what is not known yet, and the result in a line."""
    if report is None:
        return
    for finding in report.findings:
        console.print(_finding(finding), soft_wrap=True)
    for finding in report.unknown:
        name = finding.urn.rsplit("::", 1)[-1]
        told = f"unknown until the update: {finding.control}: {name}: {finding.problem.path}"
        console.print(Text(told, style="dim"), soft_wrap=True)
    console.print(Text(report.summary(), style="bold"), soft_wrap=True)


def _finding(finding: Finding) -> Text:
    line = Text(f"{finding.severity}: ", style=_STYLES[finding.severity])
    line.append(f"{finding.control}: {finding.urn.rsplit('::', 1)[-1]}: {finding.problem}", style="not bold")
    return line
