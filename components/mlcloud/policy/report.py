"""What controls say of a plan: what is wrong, waived or not known yet, and how much was judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import SEVERITIES, Control, Finding, Waiver
from mlcloud.policy.resource import Declared


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of all controls over one plan.

    Attributes:
        findings: What is wrong, worst first; a waiver that no longer waives anything is one, too.
        waived: What is wrong and waived, with the waiver.
        unknown: What cannot be said before the update.
        judged: How many resources each control judged, by its id.
    """

    findings: Sequence[Finding]
    waived: Sequence[tuple[Finding, Waiver]]
    unknown: Sequence[Finding]
    judged: Mapping[str, int]

    @property
    def checked(self) -> list[str]:
        """Ids of the controls that had something to judge."""
        return [control for control, count in self.judged.items() if count]

    @property
    def idle(self) -> list[str]:
        """Ids of the controls that judged nothing: they prove nothing about this stack."""
        return [control for control, count in self.judged.items() if not count]

    def summary(self) -> str:
        """Return the result in a line."""
        waived = len({finding.control for finding, _ in self.waived})
        unknown = f", {len(self.unknown)} unknown until the update" if self.unknown else ""
        found = "1 finding" if len(self.findings) == 1 else f"{len(self.findings)} findings"
        return f"Controls: {len(self.checked)} checked, {found}, {waived} waived{unknown}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "judged": dict(self.judged),
            "findings": [_plain(finding) for finding in self.findings],
            "unknown": [_plain(finding) for finding in self.unknown],
            "waived": [{**_plain(finding), "reason": waiver.reason} for finding, waiver in self.waived],
        }


def _plain(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    return {
        "control": finding.control,
        "severity": finding.severity,
        "urn": finding.urn,
        "path": problem.path,
        "value": None if problem.value is ABSENT else problem.value,
        "required": problem.allowed,
        "fix": problem.fix,
    }


def judge(declared: Declared, controls: Iterable[Control], waivers: Iterable[Waiver]) -> Report:
    """Return what controls say of what is declared.

    A waiver whose resources are there and which waives nothing of them is a finding: the reason is gone, and
    it would hide the next one.
    """
    waivers = list(waivers)
    found: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    unknown: list[Finding] = []
    judged: dict[str, int] = {}
    seen: dict[int, str] = {}
    used: set[int] = set()
    for control in controls:
        subjects = control.subjects(declared)
        judged[control.id] = len(subjects)
        own = [(index, one) for index, one in enumerate(waivers) if one.control == control.id]
        for subject in subjects:
            covering = [(index, one) for index, one in own if one.covers(subject, declared)]
            seen |= dict.fromkeys((index for index, _ in covering), subject.urn)
            for finding in control.findings(subject, declared):
                if covering:
                    used |= {index for index, _ in covering}
                    waived.append((finding, covering[0][1]))
                else:
                    (unknown if finding.is_unknown else found).append(finding)
    found += [_stale(waivers[index], urn) for index, urn in seen.items() if index not in used]
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), one.control, one.urn, one.problem.path))
    return Report(findings=found, waived=waived, unknown=unknown, judged=judged)


def _stale(waiver: Waiver, urn: str) -> Finding:
    allowed = "a waiver that waives something"
    fix = f"remove the waiver of {waiver.control} ({waiver.resources}): the control accepts them as they are"
    problem = Problem(path="waiver", value=waiver.reason, allowed=allowed, fix=fix)
    return Finding(control=waiver.control, severity="low", urn=urn, problem=problem)
