"""What a judge says: how much it judged, what is wrong, and what it did not judge and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that the cloud would not take.

    Attributes:
        path: The resource and its property, `models-bucket: rules[0].status`.
        rule: What it breaks, in the judge's words.
        message: What is wrong.
    """

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} ({self.rule})"


@dataclass(kw_only=True)
class Report:
    """A judge's answer.

    Attributes:
        judged: Declared paths that were judged.
        unknown: Those among them whose value only the cloud knows: their names and places were judged.
        unjudged: Declared paths that were not, with the reason.
        findings: What is wrong.
    """

    judged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unjudged: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def declared(self) -> int:
        return len(self.judged) + len(self.unjudged)

    @property
    def share(self) -> float:
        """The judged share of what is declared; 0 where nothing is."""
        return len(self.judged) / self.declared if self.declared else 0.0

    def __str__(self) -> str:
        reasons = Counter(self.unjudged.values())
        lines = [
            f"judged {len(self.judged)} of {self.declared} declared paths ({self.share:.1%}), "
            f"{len(self.unknown)} of them by name alone; {len(self.findings)} findings"
        ]
        for reason, count in reasons.most_common():
            lines.append(f"not judged ({count}): {reason}")
            lines += [f"  {path}" for path, why in self.unjudged.items() if why == reason]
        return "\n".join([*lines, *(f"WRONG {finding}" for finding in self.findings)])

    def check(self, *, share: float) -> None:
        """Say what was judged, and fail where something is wrong, or too little or nothing was judged.

        Args:
            share: The least judged share, 0 to 1.
        """
        print(self)  # noqa: T201 - pytest shows it where a test fails, and with -rP always
        assert self.judged, "nothing was judged"
        assert not self.findings, "\n".join(str(finding) for finding in self.findings)
        assert self.share >= share, str(self)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every path that holds a plain value or nothing: `rules[0].status` to its value."""
    if isinstance(value, Mapping) and value:
        parts = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and value:
        parts = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for part, item in parts for name, leaf in leaves(item, part).items()}
