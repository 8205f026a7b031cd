"""The IAM policy that `aws.iam.get_policy_document` renders.

Rules: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.cloud import Facts, InvokeError, digits

_DEFAULT_VERSION = "2012-10-17"
_LISTS = (
    ("Action", "actions"),
    ("NotAction", "notActions"),
    ("Resource", "resources"),
    ("NotResource", "notResources"),
)


def policy_document(facts: Facts, arguments: Properties) -> Properties:
    """Render the document; statements of the same Sid replace earlier ones: sources, its own, overrides."""
    del facts
    statements: list[Properties] = []
    sources = [*arguments.get("sourcePolicyDocuments", []), *filter(None, [arguments.get("sourceJson")])]
    overrides = [
        *arguments.get("overridePolicyDocuments", []),
        *filter(None, [arguments.get("overrideJson")]),
    ]
    for text in sources:
        _merge(statements, _statements_of(text))
    _merge(statements, [_statement(item) for item in arguments.get("statements", [])])
    for text in overrides:
        _merge(statements, _statements_of(text))
    document: Properties = {"Version": arguments.get("version") or _DEFAULT_VERSION}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    document["Statement"] = statements
    text = json.dumps(document, indent=2)
    minified = json.dumps(document, separators=(",", ":"))
    return {**arguments, "id": str(int(digits(text, 8), 16)), "json": text, "minifiedJson": minified}


def _merge(into: list[Properties], statements: list[Properties]) -> None:
    places = {item["Sid"]: index for index, item in enumerate(into) if item.get("Sid")}
    for statement in statements:
        if statement.get("Sid") in places:
            into[places[statement["Sid"]]] = statement
        else:
            into.append(statement)


def _statements_of(text: str) -> list[Properties]:
    try:
        found: Any = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvokeError(f"a source or override is not a policy document: {error}") from error
    return cast("list[Properties]", found if isinstance(found, list) else [found])


def _statement(given: Properties) -> Properties:
    statement: Properties = {}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    effect = given.get("effect") or "Allow"
    if effect not in ("Allow", "Deny"):
        raise InvokeError(f"statements: effect must be Allow or Deny, not {effect!r}")
    statement["Effect"] = effect
    for key, wire in _LISTS:
        if given.get(wire):
            statement[key] = _one_or_all(given[wire])
    for key, wire in (("Principal", "principals"), ("NotPrincipal", "notPrincipals")):
        if given.get(wire):
            statement[key] = _principals(given[wire])
    if given.get("conditions"):
        statement["Condition"] = _conditions(given["conditions"])
    return statement


def _principals(given: list[Mapping[str, Any]]) -> Any:
    if any(item["type"] == "*" for item in given):
        return "*"
    found: dict[str, list[str]] = {}
    for item in given:
        found.setdefault(item["type"], []).extend(item["identifiers"])
    return {kind: _one_or_all(identifiers) for kind, identifiers in found.items()}


def _conditions(given: list[Mapping[str, Any]]) -> Properties:
    found: dict[str, dict[str, list[str]]] = {}
    for item in given:
        found.setdefault(item["test"], {}).setdefault(item["variable"], []).extend(item["values"])
    return {
        test: {variable: _one_or_all(items, ordered=True) for variable, items in variables.items()}
        for test, variables in found.items()
    }


def _one_or_all(items: list[str], *, ordered: bool = False) -> Any:
    """One as text, several as a list, in the provider's (descending) order; `&{` stands for `${`."""
    written = [item.replace("&{", "${") for item in items]
    if len(written) == 1:
        return written[0]
    return written if ordered else sorted(written, reverse=True)
