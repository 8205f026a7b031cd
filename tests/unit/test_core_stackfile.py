"""A stack file is edited where the pin is and nowhere else, or not at all."""

import difflib
from pathlib import Path

import pytest
import yaml
from mlcloud.core.errors import UserError
from mlcloud.core.stackfile import PIN_KEYS, StackFile
from mlcloud.core.yamltext import scalar
from support.markdown import ROOT

PIN = {"name": "houses", "uri": "s3://b/models/a/model.tar.gz", "sha256": "ab" * 32, "version": "v2"}
BLOCK = f"""\
  mlcloud:model:
    name: houses
    uri: s3://b/models/a/model.tar.gz
    sha256: {"ab" * 32}
    version: v2
"""
LIST = "  mlcloud:tags:\n    - a\n    - b\n"
TEXT = "  mlcloud:data: |\n    text\n"


def pinned(text: str, *, project: str = "mlcloud", pin: dict[str, str] = PIN) -> str:
    return StackFile(text=text, where="Pulumi.prod.yaml", project=project).with_pin(pin).text


@pytest.mark.parametrize("file", sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), ids=lambda path: path.stem)
def test_of_every_stack_file_here_nothing_but_the_pin_changes(file: Path) -> None:
    text = file.read_text("utf-8")
    new = pinned(text)
    before, after = yaml.safe_load(text)["config"], yaml.safe_load(new)["config"]
    assert after == {**before, "mlcloud:model": PIN}
    changed = [line for line in difflib.ndiff(text.splitlines(), new.splitlines()) if line[0] in "+-"]
    was_pinned = isinstance(before.get("mlcloud:model"), dict)
    assert len(changed) == (2 * len(PIN_KEYS) if was_pinned else 1 + len(PIN_KEYS))
    assert all(line[2:].lstrip().split(":")[0] in (*PIN_KEYS, "mlcloud") for line in changed)
    assert pinned(new) == new


def test_a_new_pin_stands_where_the_settings_have_it_in_the_files_own_indentation() -> None:
    text = (
        "config:\n"
        "    mlcloud:cloud: aws\n"
        "    mlcloud:training: # ours\n"
        "      target: y\n"
        "    # of the endpoint\n"
        "    mlcloud:endpoint: {}\n"
    )
    assert pinned(text) == text.replace(
        "    # of the endpoint\n",
        BLOCK.replace("  ", "    ").replace("        ", "      ") + "    # of the endpoint\n",
    )


def test_without_a_key_that_stands_before_it_it_is_the_first() -> None:
    text = "# top\nconfig:\n  # of the endpoint\n  mlcloud:endpoint: {}\n"
    assert pinned(text) == f"# top\nconfig:\n  # of the endpoint\n{BLOCK}  mlcloud:endpoint: {{}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"config:\n{BLOCK}"),
        ("# nothing yet\n", f"# nothing yet\nconfig:\n{BLOCK}"),
        ("config:\n", f"config:\n{BLOCK}"),
        ("config: {}  # none\n", f"config:  # none\n{BLOCK}"),
        ("encryptionsalt: v1:a\n", f"encryptionsalt: v1:a\nconfig:\n{BLOCK}"),
        ("encryptionsalt: v1:a", f"encryptionsalt: v1:a\nconfig:\n{BLOCK}"),
        ("config:\n  mlcloud:cloud: aws", f"config:\n  mlcloud:cloud: aws\n{BLOCK}"),
        (f"config:\n{LIST}x: 1\n", f"config:\n{LIST}{BLOCK}x: 1\n"),
        (f"config:\n{TEXT}x: 1\n", f"config:\n{TEXT}{BLOCK}x: 1\n"),
        (
            "config:\n  mlcloud:model: training  # own\n",
            f"config:\n{BLOCK}".replace("model:", "model:  # own"),
        ),
        ("config:\n  mlcloud:model: 'training'\n", f"config:\n{BLOCK}"),
        ("config:\n  mlcloud:model:\n  a:b: 1\n", f"config:\n{BLOCK}  a:b: 1\n"),
        ("config:\n  mlcloud:model: {}\n", f"config:\n{BLOCK}"),
        ('config:\n  mlcloud:model: \'{"name": "a"}\'\n', f"config:\n{BLOCK}"),
        ("config:\n  model: training\n", f"config:\n{BLOCK}".replace("mlcloud:model", "model")),
    ],
)
def test_a_pin_comes_in_wherever_there_was_none(text: str, expected: str) -> None:
    assert pinned(text) == expected


def test_a_key_without_a_namespace_is_the_projects_own() -> None:
    text = "config:\n  model: theirs\n"
    assert pinned(text, project="shop") == f"config:\n{BLOCK}  model: theirs\n"


def test_comments_order_quotes_and_other_keys_of_a_pin_stay() -> None:
    text = (
        "config:\n"
        "  mlcloud:model:   # tested by Ann\n"
        '    version:   "v1"  # the label\n'
        "    sha256: 'cd'\n"
        "    # where it lies\n"
        "    uri: s3://b/old\n"
        "    name: houses\n"
    )
    assert pinned(text) == text.replace('"v1"', '"v2"').replace("'cd'", f"'{'ab' * 32}'").replace(
        "s3://b/old", "s3://b/models/a/model.tar.gz"
    )


def test_a_pin_on_one_line_stays_on_it_and_gets_what_it_lacks() -> None:
    text = "config:\n  mlcloud:model: {name: a, sha256: cd, uri: s3://b/old}  # now\n"
    assert pinned(text) == (
        f"config:\n  mlcloud:model: {{name: houses, sha256: {'ab' * 32}, "
        "uri: s3://b/models/a/model.tar.gz, version: v2}  # now\n"
    )
    assert pinned("config:\n  mlcloud:model:\n    name: a\n\nx: 1\n") == f"config:\n{BLOCK}\nx: 1\n"


def test_line_ends_and_a_mark_of_the_byte_order_stay() -> None:
    text = "\ufeffconfig:\r\n  mlcloud:cloud: aws\r\n  mlcloud:endpoint: {}\r\n"
    new = pinned(text)
    assert new.startswith("\ufeffconfig:\r\n  mlcloud:cloud: aws\r\n  mlcloud:model:\r\n    name: houses\r\n")
    assert new.count("\n") == new.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "{config: {mlcloud:cloud: aws}}\n",
        "config: {mlcloud:cloud: aws}\n",
        "x: &pin {name: a, uri: b, sha256: c, version: d}\nconfig:\n  mlcloud:model: *pin\n",
        "config:\n  mlcloud:model:\n    name: [a]\n    uri: b\n    sha256: c\n    version: d\n",
    ],
)
def test_what_cannot_be_edited_alone_is_refused_with_the_lines_to_write(text: str) -> None:
    with pytest.raises(UserError, match="by hand") as refused:
        pinned(text)
    assert BLOCK in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config: [", "cannot be read"),
        ("config:\n  a: 1\n  a: 2\n", "a key is there twice"),
        (
            "config:\n  mlcloud:model: training\n  model: training\n",
            "model is there with and without `mlcloud:`",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_path(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        pinned(text)
    assert "Pulumi.prod.yaml" in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "123456789012",
        "0123",
        "1e10",
        "0x1f",
        "1_000",
        "12:30",
        "no",
        "On",
        "null",
        "~",
        "2026-01-01",
        "1.0",
        ".5",
    ],
)
def test_a_label_that_yaml_would_take_for_something_else_is_quoted(value: str) -> None:
    assert scalar(value) == f'"{value}"'
    new = pinned("config:\n  mlcloud:cloud: aws\n", pin={**PIN, "version": value})
    assert yaml.safe_load(new)["config"]["mlcloud:model"]["version"] == value


@pytest.mark.parametrize(
    "value", ["v1", "0a1b2c", "houses-2", "s3://b/a%20b/", "file:///srv/models/a/", "1.0.0"]
)
def test_what_is_a_text_anyway_is_not_quoted(value: str) -> None:
    assert scalar(value) == value


def test_a_number_that_was_meant_as_a_label_becomes_one() -> None:
    text = BLOCK.replace("v2", "12")
    assert pinned(f"config:\n{text}", pin={**PIN, "version": "12"}) == f"config:\n{text}".replace(
        "12\n", '"12"\n'
    )


def test_config_is_read_as_pulumi_reads_it() -> None:
    text = "config:\n  region: no\n  a:config:b: 1e3\n  c:d: {secure: v1}\n  e: [true, null, 'x', 0x10]\n"
    found = StackFile(text=text, where="f", project="shop").config()
    assert found == {
        "shop:region": "no",
        "a:b": 1000.0,
        "c:d": {"secure": "v1"},
        "shop:e": [True, None, "x", 16],
    }
