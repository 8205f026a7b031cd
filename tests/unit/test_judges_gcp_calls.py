"""The judge of Google's calls refuses what the discovery documents refuse, and counts what it has judged."""

from typing import Any

import pytest
from support.judges.gcp.calls import Call, judge, problems, words_of
from support.judges.gcp.documents import VERSIONS, document, route

LOCATION = "v1/projects/shop/locations/europe-west4"


def upload(**changed: Any) -> Call:
    container = {"imageUri": "image", "ports": [{"containerPort": 8080}], **changed.pop("container", {})}
    model = {"displayName": "churn", "containerSpec": container, **changed.pop("model", {})}
    body = {"model": model, **changed}
    return Call(http_method="POST", path=f"{LOCATION}/models:upload", query={}, body=body)


def test_a_right_call_has_no_problems_and_its_values_are_counted() -> None:
    report = judge([upload()])
    report.check(share=1.0)
    assert len(report.judged) == 4


def test_nothing_judged_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="nothing was judged"):
        judge([]).check(share=0.9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (upload(model={"colour": "red"}), "model.colour: is not a field"),
        (upload(model={"displayName": 1}), "1 is not a string"),
        (upload(model={"labels": {"a": 1}}), "labels.a: 1 is not a string"),
        (upload(model={"createTime": "2026-01-01T00:00:00Z"}), "createTime: is the server's to set"),
        (upload(model={"versionId": "3"}), "versionId: is the server's to set"),
        (upload(container={"ports": [{"containerPort": "8080"}]}), "'8080' is not a integer"),
        (upload(container={"ports": [{"containerPort": 2**31}]}), "out of its range"),
        (upload(container={"sharedMemorySizeMb": 64}), "64 is not a string"),
        (upload(container={"deploymentTimeout": "600"}), "'600' has another form"),
        (upload(container={"env": [{"name": "A"}]}), "env[0].value: is missing"),
        (Call(http_method="POST", path=f"{LOCATION}/models:upload", query={}, body={}), "model: is missing"),
        (Call(http_method="POST", path=f"{LOCATION}/models:download", query={}, body={}), "no document has"),
        (
            Call(http_method="PATCH", path=f"{LOCATION}/models/7", query={}, body={"displayName": "x"}),
            "updateMask: is missing in the query",
        ),
        (
            Call(http_method="GET", path=f"{LOCATION}/models", query={"pageSize": "many"}),
            "'many' is not a number",
        ),
        (
            Call(http_method="GET", path=f"{LOCATION}/models", query={"colour": "red"}),
            "colour: is not a param",
        ),
        (
            Call(
                http_method="POST",
                path=f"{LOCATION}/endpoints/1:deployModel",
                query={},
                body={
                    "deployedModel": {
                        "model": "m",
                        "dedicatedResources": {
                            "minReplicaCount": 1,
                            "machineSpec": {"acceleratorType": "NVIDIA_L5"},
                        },
                    }
                },
            ),
            "'NVIDIA_L5' is none of",
        ),
        (
            Call(
                http_method="POST",
                path=f"{LOCATION}/endpoints/1:deployModel",
                query={},
                body={"deployedModel": {"dedicatedResources": {"machineSpec": {}}}},
            ),
            "minReplicaCount: is missing",
        ),
    ],
)
def test_a_wrong_call_is_named(call: Call, words: str) -> None:
    assert any(words in problem for problem in problems(call)), problems(call)


def test_a_method_is_found_by_the_longest_path_that_fits() -> None:
    found = route("GET", f"{LOCATION}/models/7:listVersions")
    assert found is not None
    assert found[0].short == "models.listVersions"
    assert found[1] == {"name": "projects/shop/locations/europe-west4/models/7"}
    assert (
        route("GET", "storage/v1/b/data/o/models%2Fa%2Fmanifest.json")[1]["object"]
        == "models/a/manifest.json"
    )  # type: ignore[index]


def test_the_words_in_front_of_a_description_are_read_one_by_one() -> None:
    assert words_of("Required. Immutable. The specification.") == {"Required", "Immutable"}
    assert words_of("The image is Required. Always.") == set()


def test_every_document_says_what_is_required_in_its_descriptions() -> None:
    for api in VERSIONS:
        described = [
            field.get("description", "")
            for schema in document(api)["schemas"].values()
            for field in schema.get("properties", {}).values()
        ]
        assert len(described) > 100, api
