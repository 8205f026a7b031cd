"""Property values: what crosses the wire, paths, secrets, differences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**52), 2**52)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_values_come_back_from_the_wire(properties: dict[str, object]) -> None:
    assert values.from_struct(values.to_struct(properties)) == properties


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_nothing_differs_from_itself_nor_from_itself_as_a_secret(properties: dict[str, object]) -> None:
    assert list(values.differences(properties, properties)) == []
    hidden = {key: values.make_secret(value) for key, value in properties.items()}
    assert list(values.differences(properties, hidden)) == []
    assert values.plain(hidden) == properties


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a", ["a"]),
        ("a.b", ["a", "b"]),
        ("a[0].b", ["a", 0, "b"]),
        ('a["b.c"]', ["a", "b.c"]),
        ('["a\\"b"]', ['a"b']),
        ("a[*]", ["a", "*"]),
        ("*", ["*"]),
    ],
)
def test_paths_are_read(path: str, parts: list[object]) -> None:
    assert values.parse_path(path) == parts


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a property path"):
        values.parse_path("a[")


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("a", "a.b", True),
        ("a.b", "a", False),
        ("a[*].b", "a[3].b", True),
        ("*", "z", True),
        ("a", "b", False),
    ],
)
def test_a_path_covers_what_lies_below(pattern: str, path: str, covered: bool) -> None:
    assert values.covers(pattern, path) is covered


def test_ignored_paths_are_put_back() -> None:
    olds = {"a": {"x": 1, "y": 2}, "list": [{"k": 1}, {"k": 2}], "gone": 1}
    news = {"a": {"x": 9, "y": 9}, "list": [{"k": 8}, {"k": 9}], "added": 1}
    assert values.restore(news, olds, "a.x")["a"] == {"x": 1, "y": 9}
    assert values.restore(news, olds, "list[*].k")["list"] == [{"k": 1}, {"k": 2}]
    assert values.restore(news, olds, "gone")["gone"] == 1
    assert "added" not in values.restore(news, olds, "added")


def test_differences_name_every_leaf() -> None:
    olds = {"a": {"x": 1}, "list": [1, 2], "flag": True, "dotted.key": 1}
    news = {"a": {"y": 1}, "list": [1, 3, 4], "flag": 1, "dotted.key": 2}
    assert dict(values.differences(olds, news)) == {
        "a.x": "delete",
        "a.y": "add",
        "list[1]": "update",
        "list[2]": "add",
        "flag": "update",
        '["dotted.key"]': "update",
    }


def test_people_see_neither_secrets_nor_the_sign_of_the_unknown() -> None:
    value = {"a": values.make_secret({"b": "x"}), "c": [UNKNOWN]}
    assert values.shown(value) == {"a": "[secret]", "c": ["[unknown]"]}


def test_a_provider_that_knows_no_secrets_is_sent_plain_values() -> None:
    reference = {values.SIGNATURE_KEY: values.RESOURCE_SIGNATURE, "urn": "u", "id": "i"}
    sent = values.for_provider({"a": values.make_secret(1), "r": reference}, secrets=False, references=False)
    assert values.from_struct(sent) == {"a": 1, "r": "i"}
