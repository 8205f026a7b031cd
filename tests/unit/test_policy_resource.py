"""Declared resources as controls see them: property paths, what is not known, who refers to whom."""

from typing import Any

import pytest
from mlcloud.core.errors import ABSENT
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

RULES = {"rules": [{"status": "Enabled"}, {"status": UNKNOWN}, {}, UNKNOWN]}
BUCKET = "aws:s3/bucket:Bucket"
LOGGING = "aws:s3/bucketLogging:BucketLogging"


def resource(name: str = "one", type_: str = BUCKET, **parts: Any) -> Resource:
    return Resource(urn=f"urn:{name}", type=type_, name=name, **{"inputs": {}, **parts})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("rules[0].status", [("rules[0].status", "Enabled")]),
        ("rules[7].status", [("rules[7].status", ABSENT)]),
        (
            "rules[*].status",
            [
                ("rules[0].status", "Enabled"),
                ("rules[1].status", UNKNOWN),
                ("rules[2].status", ABSENT),
                ("rules[3].status", UNKNOWN),
            ],
        ),
        ("rules[0].status.deeper", [("rules[0].status.deeper", ABSENT)]),
        ("none[*].status", [("none[*].status", ABSENT)]),
        ("none", [("none", ABSENT)]),
    ],
)
def test_a_path_tells_each_value_and_says_what_is_absent_or_not_known(path: str, found: Any) -> None:
    assert resource(inputs=RULES).values(path) == found


def test_nothing_is_known_below_what_is_not_known() -> None:
    assert resource(inputs={"rules": UNKNOWN}).values("rules[*].status") == [("rules[*].status", UNKNOWN)]


def test_null_is_absent_and_false_is_not() -> None:
    assert resource(inputs={"flag": None}).value("flag") is ABSENT
    assert resource(inputs={"flag": False}).value("flag") is False


def test_an_entry_of_a_preview_is_a_resource() -> None:
    entry = {
        "urn": "u",
        "type": BUCKET,
        "name": "data",
        "op": "create",
        "inputs": {"bucket": "b"},
        "outputs": {"arn": "a"},
        "parent": "p",
        "dependencies": ["d"],
        "protect": True,
        "retainOnDelete": True,
    }
    declared = Declared.of([entry], "prod")
    (found,) = declared.resources
    assert (found.kind, found.protect, found.retain_on_delete, found.dependencies) == (
        "Bucket",
        True,
        True,
        ["d"],
    )
    assert declared.is_prod


def test_what_an_update_deletes_is_not_declared() -> None:
    entry = {"urn": "u", "type": BUCKET, "name": "data", "inputs": {}}
    assert Declared.of([{**entry, "op": "delete"}, {**entry, "op": "delete-replaced"}], "dev").resources == []
    assert len(Declared.of([{**entry, "op": "same"}], "dev").resources) == 1


def test_what_is_replaced_is_declared_once() -> None:
    entry = {"urn": "u", "type": BUCKET, "name": "data", "inputs": {}}
    listed = [{**entry, "op": op} for op in ("delete-replaced", "create-replacement", "replace")]
    assert len(Declared.of(listed, "dev").resources) == 1


def referring(bucket: Resource, *others: Resource) -> list[str]:
    declared = Declared(resources=[bucket, *others], environment="dev")
    return [one.name for one in declared.referring(bucket, LOGGING, "bucket")]


def test_a_reference_by_name_or_by_an_output_is_found() -> None:
    bucket = resource(inputs={"bucket": "data"}, outputs={"arn": "arn:data"})
    by_name = resource("a", LOGGING, inputs={"bucket": "data"})
    by_arn = resource("b", LOGGING, inputs={"bucket": "arn:data"})
    another = resource("c", LOGGING, inputs={"bucket": "elsewhere"})
    assert referring(bucket, by_name, by_arn, another) == ["a", "b"]


@pytest.mark.parametrize("given", [UNKNOWN, "an-id-that-the-cloud-gave"])
def test_a_reference_that_names_nothing_known_is_told_by_dependencies(given: str) -> None:
    bucket = resource(inputs={"bucket": UNKNOWN})
    depends = resource("a", LOGGING, inputs={"bucket": given}, dependencies=[bucket.urn])
    stranger = resource("b", LOGGING, inputs={"bucket": given}, dependencies=[])
    assert referring(bucket, depends, stranger) == ["a"]


def test_of_two_dependencies_the_one_of_the_same_component_is_meant() -> None:
    bucket = resource("data", inputs={"bucket": UNKNOWN}, parent="urn:component")
    logs = resource("logs", inputs={"bucket": UNKNOWN}, parent="urn:other")
    both = [bucket.urn, logs.urn]
    logging = resource("a", LOGGING, inputs={"bucket": UNKNOWN}, dependencies=both, parent="urn:component")
    assert referring(bucket, logs, logging) == ["a"]
    assert referring(logs, bucket, logging) == []


def test_a_reference_to_another_known_resource_is_not_taken_for_this_one() -> None:
    bucket = resource("data", inputs={"bucket": "data"})
    logs = resource("logs", inputs={"bucket": "logs"})
    logging = resource("a", LOGGING, inputs={"bucket": "logs"}, dependencies=[bucket.urn])
    assert referring(bucket, logs, logging) == []
