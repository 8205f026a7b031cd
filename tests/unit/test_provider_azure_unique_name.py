"""Names of a content: they follow from it, and no two are the same."""

import re
import threading
from typing import Any

from mlcloud.provider.azure.unique_name import (
    LONGEST_PREFIX,
    AzureUniqueName,
    AzureUniqueNameInputs,
    _prefix,
    content_digits,
)
from mlcloud.provider.resource import Context


def told(message: str, **how: Any) -> None:
    raise AssertionError(f"{message} {how}")


CONTEXT = Context(urn="", log=told, cancellation=threading.Event())


def made(prefix: str = "v", **content: str) -> str:
    name, outputs = AzureUniqueName().create(CONTEXT, AzureUniqueNameInputs(prefix=prefix, content=content))
    assert outputs.name == name
    return name


def test_a_name_begins_with_its_contents_digits_whatever_their_order() -> None:
    name = made(model="a", image="b")
    assert re.fullmatch(r"v[0-9a-f]{8}-[0-9a-f]{4}", name)
    assert name.startswith(f"v{content_digits({'image': 'b', 'model': 'a'})}-")
    assert made(model="a2", image="b")[:9] != name[:9]


def test_going_back_to_a_content_gives_a_name_that_nothing_has_yet() -> None:
    names = [made(model="a") for _ in range(20)]
    assert len({name[:9] for name in names}) == 1
    assert len(set(names)) > 1


def test_the_longest_prefix_leaves_a_name_that_a_deployment_may_have() -> None:
    longest = "v" * LONGEST_PREFIX
    assert _prefix(longest) is None
    assert len(made(longest)) == 32
    for wrong in ("", "1a", "A", longest + "v"):
        assert _prefix(wrong) is not None, wrong


def test_another_content_is_another_name_and_nothing_changes_in_place() -> None:
    fields = AzureUniqueName.definition.inputs.__dataclass_fields__
    assert all(field.metadata["mlcloud"].replace for field in fields.values())
    assert AzureUniqueName.definition.delete_before_replace is False
