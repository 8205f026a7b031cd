"""The name of a revision: with a content hash, and never the same twice."""

from collections.abc import Iterator

import pytest
from support import provider_plugin
from support.provider_plugin import Plugin

REVISION = "mlcloud:aws:EndpointRevision"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    yield from provider_plugin.running()


def test_a_revision_has_a_content_hash_and_is_never_the_same_twice(plugin: Plugin) -> None:
    given = {"prefix": "churn", "content": {"model": "a", "instance": "ml.m5.large"}}
    first, again = plugin.resource(REVISION), plugin.resource(REVISION)
    one, two = first.create(given)["name"], again.create(given)["name"]
    assert one != two
    assert one.rsplit("-", 1)[0] == two.rsplit("-", 1)[0] == f"churn-{first.outputs['contentSha256'][:8]}"
    assert first.kinds(given) == {}
    assert first.read() == first.outputs
    changed = first.diff({**given, "content": {**given["content"], "model": "b"}})
    assert list(changed.replaces) == ["content"]
    assert not changed.deleteBeforeReplace


def test_a_revision_of_a_long_name_still_fits(plugin: Plugin) -> None:
    name = plugin.resource(REVISION).create({"prefix": "x" * 63, "content": {"model": "a"}})["name"]
    assert len(name) == 63
