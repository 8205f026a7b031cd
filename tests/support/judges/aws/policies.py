"""Judges every policy document on AWS by the service authorization reference and by cfn-lint.

cfn-lint reads the documents' grammar; the reference tells which actions there are, what they can name and
which conditions they know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support.judges.aws import templates
from support.judges.aws.authorization import Action, actions, condition_type, matches, overlap
from support.judges.report import Finding, Report

GLOBAL_KEYS = {
    "aws:CalledVia": "string",
    "aws:PrincipalAccount": "string",
    "aws:PrincipalArn": "arn",
    "aws:PrincipalIsAWSService": "bool",
    "aws:PrincipalOrgID": "string",
    "aws:PrincipalTag/${TagKey}": "string",
    "aws:RequestTag/${TagKey}": "string",
    "aws:RequestedRegion": "string",
    "aws:ResourceAccount": "string",
    "aws:ResourceTag/${TagKey}": "string",
    "aws:SecureTransport": "bool",
    "aws:SourceAccount": "string",
    "aws:SourceArn": "arn",
    "aws:SourceOrgID": "string",
    "aws:SourceVpc": "string",
    "aws:SourceVpce": "string",
    "aws:TagKeys": "string",
    "aws:ViaAWSService": "bool",
}
"""Keys of every service, with their types:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html."""

# cfn-lint's rule of actions, which knows a topic's alone in a topic's policy: the reference judges them.
_ACTIONS = "W3037"
_TRUST, _IDENTITY, _RESOURCE = "trust", "identity", "resource"
_IDENTITIES = ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
# Where cfn-lint reads a document of each kind.
_READ_AS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    _TRUST: ("AWS::IAM::Role", "AssumeRolePolicyDocument", {}),
    _IDENTITY: ("AWS::IAM::ManagedPolicy", "PolicyDocument", {}),
    _RESOURCE: (
        "AWS::SNS::TopicPolicy",
        "PolicyDocument",
        {"Topics": ["arn:aws:sns:us-east-1:123456789012:a"]},
    ),
}


@dataclass(frozen=True)
class Document:
    """A declared policy document.

    Attributes:
        path: Where it was declared.
        kind: Whether it trusts, is an identity's, or a resource's own.
        content: The document.
    """

    path: str
    kind: str
    content: Mapping[str, Any]

    @property
    def statements(self) -> list[Mapping[str, Any]]:
        return _listed(self.content.get("Statement", []))


def documents(resources: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Every policy document among the inputs of a plan's resources, whatever its property is called."""
    return [
        Document(f"{entry['name']}: {key}", _kind(entry["type"], key), json.loads(value))
        for entry in resources
        if entry["type"].startswith("aws:")
        for key, value in entry["inputs"].items()
        if isinstance(value, str) and value.startswith("{") and "Statement" in json.loads(value)
    ]


def judge(resources: Iterable[Mapping[str, Any]]) -> Report:
    """Judge the policy documents of a plan; each action of each statement is one judged path."""
    report, found = Report(), documents(resources)
    for document in found:
        for index, statement in enumerate(document.statements):
            path = f"{document.path}: {statement.get('Sid', f'Statement[{index}]')}"
            report.judged += [f"{path}: {name}" for name in _listed(statement.get("Action", []))]
            report.findings += _statement(path, document.kind, statement)
    report.findings += _grammar(found)
    return report


def named_by(statement: Mapping[str, Any]) -> dict[str, tuple[Action, ...]]:
    """The actions that a statement speaks of, by the patterns that name them."""
    return {pattern: actions(pattern) for pattern in _listed(statement.get("Action", []))}


def _statement(path: str, kind: str, statement: Mapping[str, Any]) -> Iterator[Finding]:
    known = named_by(statement)
    for pattern, found in known.items():
        if not found:
            yield Finding(path, "unknown action", f"{pattern} is no action")
    resources = _listed(statement.get("Resource", []))
    for pattern, found in known.items():
        if found and resources:
            yield from _names(path, kind, pattern, found, resources)
    formats = {form for found in known.values() for action in found for form in action.formats}
    for resource in resources:
        if resource != "*" and not any(overlap(resource, form) for form in formats):
            yield Finding(path, "wrong resource", f"no action of the statement can name {resource}")
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:
            yield from _condition(path, operator, key, known)


def _names(
    path: str, kind: str, pattern: str, found: tuple[Action, ...], resources: list[str]
) -> Iterator[Finding]:
    """What an action names: something that it can, and nothing wider."""
    formats = [form for action in found for form in action.formats]
    if "*" in resources:
        # In a resource's own policy it is that resource, and what an endpoint lets through is the caller's.
        if kind == _IDENTITY and formats:
            yield Finding(path, "wildcard", f"{pattern} can name {', '.join(formats[:3])}")
    elif not any(overlap(resource, form) for resource in resources for form in formats):
        yield Finding(
            path, "wrong resource", f"{pattern} names {formats or 'nothing but *'}, not {resources}"
        )


def _condition(
    path: str, operator: str, key: str, known: Mapping[str, tuple[Action, ...]]
) -> Iterator[Finding]:
    everywhere = next((kind for name, kind in GLOBAL_KEYS.items() if _is_key(name, key)), None)
    if everywhere is None:
        for pattern, found in known.items():
            if found and not any(_is_key(name, key) for action in found for name in action.conditions):
                yield Finding(path, "unknown condition", f"{pattern} does not know {key}: it never holds")
    kind = everywhere or condition_type(key)
    plain = operator.rpartition(":")[2].removesuffix("IfExists").removeprefix("Not").lower()
    if kind is not None and plain != "null" and not _compares(plain, kind):
        yield Finding(path, "condition type", f"{operator} does not compare {key}, which is of type {kind}")


def _compares(operator: str, kind: str) -> bool:
    families = {"string": ("string", "arn"), "arn": ("arn", "string"), "arrayofstring": ("string",)}
    return operator.startswith(families.get(kind, (kind,)))


def _is_key(name: str, key: str) -> bool:
    """Whether a key is of the reference's name, `kms:EncryptionContext:${EncryptionContextKey}`."""
    return matches(name.partition("${")[0] + "*" if "${" in name else name, key, case=False)


def _grammar(found: list[Document]) -> Iterator[Finding]:
    """What cfn-lint says of the documents themselves."""
    if not found:
        return
    template: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}
    for index, document in enumerate(found):
        cfn_type, key, rest = _READ_AS[document.kind]
        properties = {key: document.content, **rest}
        template["Resources"][f"R{index}"] = {"Type": cfn_type, "Properties": properties}
    for match in templates.matches(template):
        if match.rule.id == _ACTIONS:
            continue
        steps = list(match.path or [])
        document = found[int(str(steps[1]).removeprefix("R"))]
        rest = "".join(f"/{step}" for step in steps[4:])
        yield Finding(f"{document.path}: {rest}", match.rule.id, match.message)


def _kind(token: str, key: str) -> str:
    if key == "assumeRolePolicy":
        return _TRUST
    return _IDENTITY if token in _IDENTITIES else _RESOURCE


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
