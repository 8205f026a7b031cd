"""Judges what is declared on AWS by CloudFormation's schemas, with every rule of cfn-lint's.

The declared resources are written as one template, and cfn-lint judges it for the region: forms, enums,
ranges, types, what is required, what is unknown, what excludes each other, and machine types by region.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cfnlint.rules import Match

from support.judges.aws import templates
from support.judges.aws.translation import (
    REFERENCE,
    SECRET,
    UNKNOWN,
    Part,
    Place,
    Translated,
    Translator,
    Twin,
    known,
)
from support.judges.aws.twins import TWINS, WITHOUT
from support.judges.report import Finding, Report, leaves

CLOUD_CONTROL = "aws:cloudcontrol/resource:Resource"

NOT_MEANT: Mapping[str, str] = {
    "W2001": "every template here has the parameter that stands for what is not known",
    "W3010": "a template names no zones; a stack file names its own",
}
"""Rules of cfn-lint's about how a template is written, not about what AWS is told."""


def judge(resources: Iterable[Mapping[str, Any]], *, region: str) -> Report:
    """Judge the resources of a plan.

    Args:
        resources: Entries of a plan's `resources`.
        region: Where they will be.
    """
    report, template = Report(), _Template(region)
    declared = [item for item in resources if item["custom"] and not item["type"].startswith("pulumi:")]
    # A part is put into its owner, which may come after it.
    for entry in sorted(declared, key=lambda item: _part(item) is not None):
        name, token = entry["name"], entry["type"]
        if token in WITHOUT:
            report.unjudged |= {f"{name}: {leaf}": WITHOUT[token] for leaf in leaves(entry["inputs"])}
        elif token not in TWINS and token != CLOUD_CONTROL:
            report.findings.append(Finding(name, "TWINS", f"{token} is not in the table of twins"))
        else:
            template.add(entry, report)
    report.findings += template.findings()
    return report


def _part(entry: Mapping[str, Any]) -> Part | None:
    return TWINS[entry["type"]].part if entry["type"] in TWINS else None


class _Template:
    """The template of what a plan declares."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._resources: list[Translated] = []
        self._owners: dict[tuple[str, tuple[Any, ...]], Translated] = {}

    def add(self, entry: Mapping[str, Any], report: Report) -> None:
        """Write a resource, and say in the report what of it will be judged."""
        if entry["type"] == CLOUD_CONTROL:
            self._add_whole(entry, report)
            return
        twin = TWINS[entry["type"]]
        into = self._into(entry, twin)
        translator = Translator(twin=twin, into=into, name=entry["name"], region=self._region, new=self._new)
        translator.run(entry["inputs"])
        report.judged += translator.judged
        report.unknown += translator.unknown
        report.unjudged |= translator.unjudged

    def findings(self) -> list[Finding]:
        """What cfn-lint says of it, in the words of what was declared."""
        if not self._resources:
            return []
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": {REFERENCE: {"Type": "String"}},
            "Resources": {
                f"R{index}": {"Type": item.type, "Properties": item.properties}
                for index, item in enumerate(self._resources)
            },
        }
        matches = templates.matches(template, region=self._region)
        return [self._finding(match) for match in matches if match.rule.id not in NOT_MEANT]

    def _add_whole(self, entry: Mapping[str, Any], report: Report) -> None:
        """Cloud Control takes CloudFormation's own names."""
        path, desired = f"{entry['name']}: desiredState", entry["inputs"]["desiredState"]
        if desired in (UNKNOWN, SECRET):
            report.unjudged |= {
                path: "a document that is known only when its parts are",
                f"{entry['name']}: typeName": "the type of a document that is not known yet",
            }
            return
        into = self._new(entry["inputs"]["typeName"])
        for key, value in json.loads(desired).items():
            into.properties[key] = known(value)
            into.declared[key,] = path
        into.declared[()] = path
        report.judged += [path, f"{entry['name']}: typeName"]

    def _into(self, entry: Mapping[str, Any], twin: Twin) -> Translated:
        """The resource that an entry is, or is a part of."""
        if twin.part is None:
            made = self._new(twin.type)
            for part in {item.part for item in TWINS.values() if item.part and item.part.of == entry["type"]}:
                self._owners[part.of, part.owners(entry["inputs"])] = made
            made.declared[()] = entry["name"]
            return made
        key = twin.part.of, twin.part.parts(entry["inputs"])
        if key not in self._owners:
            self._owners[key] = self._new(twin.type)
            self._owners[key].declared[()] = entry["name"]
        return self._owners[key]

    def _new(self, cfn_type: str) -> Translated:
        self._resources.append(Translated(cfn_type))
        return self._resources[-1]

    def _finding(self, match: Match) -> Finding:
        steps = tuple(match.path or ())
        if len(steps) < 2 or steps[0] != "Resources":
            return Finding("template", match.rule.id, match.message)
        found = self._resources[int(str(steps[1]).removeprefix("R"))]
        place: Place = steps[3:]
        # A pointer may end below or above what was declared: the nearest above, or its missing member.
        while place not in found.declared and place:
            place = place[:-1]
        rest = "".join(f"/{step}" for step in steps[3 + len(place) :])
        return Finding(found.declared[place] + rest, match.rule.id, match.message)
