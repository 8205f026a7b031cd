"""IAM's bindings as controls read them: who has which role, whichever resource says so."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Judge
from mlcloud.policy.judging import problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

# `projects.IAMMember`, `workbench.InstanceIamBinding`, `storage.BucketIAMPolicy`: each service has the three.
_KINDS: Final = re.compile(r"(IAM|Iam)(Member|Binding|Policy)$")
# Where a grant reaches all of a project, a folder or an organisation.
_WIDE: Final = tuple(
    f"gcp:{place}/iAM{kind}:IAM{kind}"
    for place in ("projects", "folder", "organizations")
    for kind in ("Member", "Binding", "Policy")
)
_DOCUMENT: Final = "an IAM policy: JSON with a list of bindings"


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Members who have a role.

    Attributes:
        path: The property that says so.
        role: The role's full name; `UNKNOWN` where only the update will tell.
        members: Who has it, as `(property path, member)`.
    """

    path: str
    role: str
    members: tuple[tuple[str, str], ...]


def binds(resource: Resource, _declared: Declared) -> bool:
    """Return whether a resource grants roles."""
    return resource.type.startswith("gcp:") and _KINDS.search(resource.kind) is not None


def binds_widely(resource: Resource, _declared: Declared) -> bool:
    """Return whether a resource grants roles on all of a project, a folder or an organisation."""
    return resource.type in _WIDE


def of_bindings(judge: Callable[[Binding], Iterable[Problem]]) -> Judge:
    """Return a judge of each binding; a policy document that is not known, or is none, is told as such."""

    def judged(resource: Resource, _declared: Declared) -> Iterator[Problem]:
        for found in _bindings(resource):
            if isinstance(found, Problem):
                yield found
            else:
                yield from judge(found)

    return judged


def _bindings(resource: Resource) -> Iterator[Binding | Problem]:
    if not resource.kind.endswith("Policy"):
        path = "members[*]" if resource.kind.endswith("Binding") else "member"
        members = tuple((at, _text(value)) for at, value in resource.values(path))
        yield Binding(path="role", role=_text(resource.value("role")), members=members)
        return
    given = resource.value("policyData")
    listed = None if given in (UNKNOWN, ABSENT) else _listed(given)
    if listed is None:
        yield problem("policyData", given, _DOCUMENT, "write the bindings out")
    for index, one in enumerate(listed or ()):
        at = f"policyData.bindings[{index}]"
        members = cast("list[Any]", one.get("members") or [])
        yield Binding(
            path=f"{at}.role",
            role=_text(one.get("role")),
            members=tuple((f"{at}.members[{number}]", _text(who)) for number, who in enumerate(members)),
        )


def _listed(document: Any) -> list[Mapping[str, Any]] | None:
    """Return the bindings of a policy document; None where it is none."""
    try:
        content = json.loads(document)
        return [dict(one) for one in content["bindings"]]
    except (ValueError, TypeError, KeyError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
