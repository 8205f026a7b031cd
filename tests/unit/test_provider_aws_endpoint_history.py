"""Which configurations of an endpoint stay: those that have proven themselves, whatever failed since."""

from collections.abc import Iterator

import pytest
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_endpoints import ENDPOINT, WRONG, given, own_name
from support.provider_plugin import Plugin, RefusedError, ResourceClient


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    yield from aws.running()


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    yield from provider_plugin.running()


@pytest.fixture
def name(cloud: aws.Cloud, request: pytest.FixtureRequest) -> str:
    return own_name(cloud, request)


def own(cloud: aws.Cloud, name: str) -> list[str]:
    """Letters of the configurations that are there; each has its model."""
    configs = [item for item in cloud.configs() if item.startswith(name)]
    assert [item for item in cloud.models() if item.startswith(name)] == configs
    return [item.removeprefix(f"{name}-") for item in configs]


def serve(cloud: aws.Cloud, endpoint: ResourceClient, name: str, letters: str) -> None:
    """Versions that answer rightly, one after another."""
    for letter in letters:
        wanted = given(cloud, name, letter)
        endpoint.update(wanted) if endpoint.id else endpoint.create(wanted)


def fail(cloud: aws.Cloud, endpoint: ResourceClient, name: str, letters: str) -> None:
    """Versions that answer wrongly, one after another."""
    for letter in letters:
        wanted = given(cloud, name, letter, WRONG)
        with pytest.raises(RefusedError, match="failed its smoke prediction") as refused:
            endpoint.update(wanted) if endpoint.id else endpoint.create(wanted)
        endpoint.adopt(wanted, refused.value)


def names(name: str, letters: str) -> list[str]:
    return [f"{name}-{letter}" for letter in letters]


def test_failed_versions_push_none_out_that_has_served_and_go_themselves(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    serve(cloud, endpoint, name, "a")
    fail(cloud, endpoint, name, "bcd")
    assert own(cloud, name) == list("abcd")
    assert endpoint.outputs["provenConfigNames"] == names(name, "a")
    serve(cloud, endpoint, name, "e")
    assert own(cloud, name) == ["a", "e"]
    assert endpoint.outputs["configNames"] == names(name, "ea")
    assert endpoint.outputs["provenConfigNames"] == names(name, "ea")


def test_the_last_three_that_have_served_stay(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    serve(cloud, endpoint, name, "abc")
    fail(cloud, endpoint, name, "d")
    serve(cloud, endpoint, name, "e")
    assert own(cloud, name) == ["b", "c", "e"]
    assert endpoint.outputs["provenConfigNames"] == names(name, "ecb")


def test_a_state_without_marks_keeps_as_many_as_before(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    serve(cloud, endpoint, name, "abc")
    del endpoint.outputs["provenConfigNames"]
    assert endpoint.kinds(endpoint.inputs) == {}
    assert endpoint.read() == endpoint.outputs
    serve(cloud, endpoint, name, "d")
    assert own(cloud, name) == ["b", "c", "d"]


def test_a_state_without_marks_keeps_what_it_was_seen_running(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    serve(cloud, endpoint, name, "a")
    fail(cloud, endpoint, name, "bcd")
    del endpoint.outputs["provenConfigNames"]
    serve(cloud, endpoint, name, "e")
    assert "a" in own(cloud, name)
    assert "b" not in own(cloud, name)


def test_a_version_that_failed_is_not_gone_back_to_once_sagemaker_has_rolled_back_to_it(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    fail(cloud, endpoint, name, "a")
    cloud.update_outcome = aws.roll_back("The alarm churn-5xx went off")
    wanted = given(cloud, name, "b")
    with pytest.raises(RefusedError, match="rolled the update back") as refused:
        endpoint.update(wanted)
    endpoint.adopt(wanted, refused.value)
    assert endpoint.outputs["status"] == "Unproven"
    with pytest.raises(RefusedError, match=f"runs the configuration {name}-a, not {name}-b") as seen:
        endpoint.read()
    endpoint.adopt(wanted, seen.value)
    assert endpoint.outputs["status"] == "Unproven"
    cloud.endpoint(name).failure_reason = None
    with pytest.raises(RefusedError, match="There is none to go back to"):
        endpoint.update(given(cloud, name, "c", WRONG))
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-c"


def test_a_version_that_served_and_then_failed_counts_as_failed(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    serve(cloud, endpoint, name, "a")
    cloud.backend("sagemaker").delete_endpoint(name)
    cloud.predictions[f"{name}-a"] = [WRONG]
    with pytest.raises(RefusedError, match="There is none to go back to") as refused:
        endpoint.update(endpoint.inputs)
    endpoint.adopt(endpoint.inputs, refused.value)
    assert endpoint.outputs["provenConfigNames"] == []
    with pytest.raises(RefusedError, match="There is none to go back to"):
        endpoint.update(given(cloud, name, "b", WRONG))
