"""The project and its stack files: programs see what the Pulumi CLI shows them, and mistakes are named."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.embedded.project.project import Project, ProjectError, _as_json
from mlcloud.embedded.state.secrets import Passphrase, SecretsError

# A stack file, and what the Pulumi CLI 3.260.0 passed to a program from it.
GOLDEN = Path(__file__).parent / "golden" / "cli-3.260.0-config"
PASSPHRASE = Passphrase(home=Path("/nowhere"), environ={"PULUMI_CONFIG_PASSPHRASE": "correct-horse"})
NO_PASSPHRASE = Passphrase(home=Path("/nowhere"), environ={})


def write_project(folder: Path, *, stack: str = "", **project: str) -> Project:
    lines = {"name": "shop", "runtime": "python", **project}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    (folder / "Pulumi.dev.yaml").write_text(stack)
    return Project.load(folder)


def values_of(project: Project) -> dict[str, str]:
    return project.config("dev", NO_PASSPHRASE).values


def test_a_program_sees_the_config_that_the_cli_shows_it() -> None:
    config = Project.load(GOLDEN).config("gold", PASSPHRASE)
    assert config.values == json.loads((GOLDEN / "values.json").read_text(encoding="utf-8"))
    assert sorted(config.secret_keys) == ["sample:deep", "sample:hidden"]


def test_secrets_stay_encrypted_in_what_the_history_keeps() -> None:
    config = Project.load(GOLDEN).config("gold", PASSPHRASE)
    assert config.raw["sample:hidden"] == {"secure": "v1:exsKzxd4GxgR7gGU:sKzkLlYOydXdM7Nn7zBsU1DFexn+bg=="}
    assert config.raw["sample:size"] == 3
    assert "s3cret" not in json.dumps(config.raw)


def test_reading_a_stack_file_does_not_change_it(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "project")
    before = (tmp_path / "project" / "Pulumi.gold.yaml").read_bytes()
    Project.load(tmp_path / "project").config("gold", PASSPHRASE)
    assert (tmp_path / "project" / "Pulumi.gold.yaml").read_bytes() == before


def test_the_salt_of_somebody_else_does_not_matter_while_nothing_is_encrypted(tmp_path: Path) -> None:
    project = write_project(tmp_path, stack="encryptionsalt: v1:66L15vz4gmk=:v1:AAAA:AAAA\nconfig: {a: 1}\n")
    assert project.config("dev", NO_PASSPHRASE).values == {"shop:a": "1"}


def test_an_encrypted_value_needs_the_passphrase_and_its_salt(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="missing"):
        Project.load(GOLDEN).config("gold", NO_PASSPHRASE)
    project = write_project(tmp_path, stack="config: {a: {secure: 'v1:AAAA:AAAA'}}")
    with pytest.raises(SecretsError, match="no salt"):
        project.config("dev", PASSPHRASE)


def test_the_project_is_found_upwards_and_its_folders_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(
        tmp_path,
        main="stacks/",
        stackConfigDir="stacks/",
        runtime="{name: python, options: {virtualenv: .venv}}",
        plugins="{providers: [{name: shop, path: components}]}",
    )
    (tmp_path / "stacks" / "deeper").mkdir(parents=True)
    (tmp_path / "stacks" / "Pulumi.local-dev.yaml").write_text("")
    (tmp_path / "stacks" / "Pulumi.aws-prod.yaml").write_text("")
    monkeypatch.chdir(tmp_path / "stacks" / "deeper")
    project = Project.load(Path())
    assert (project.root, project.name, project.runtime) == (tmp_path, "shop", "python")
    assert project.program_dir == project.config_dir == tmp_path / "stacks"
    assert [(plugin.name, plugin.path) for plugin in project.plugins] == [("shop", tmp_path / "components")]
    assert project.stack_names() == ["aws-prod", "local-dev"]
    assert project.stack_file("x") == tmp_path / "stacks" / "Pulumi.x.yaml"


def test_a_folder_without_a_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=f"no Pulumi.yaml in {tmp_path}"):
        Project.load(tmp_path)


def test_an_unknown_stack_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    (tmp_path / "Pulumi.prod.yaml").write_text("")
    with pytest.raises(ProjectError, match=r"no stack 'dve'.*Stacks: dev, prod\."):
        project.config("dve", NO_PASSPHRASE)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", "[]", r"name: \[\] is not a name"),
        ("runtime", "nodejs", "runtime: 'nodejs'.*run this project with pulumi"),
        ("config", "{a.b: 1}", "config.a.b.*run this project with pulumi"),
        ("config", "[1]", r"config: expected keys and values, found \[1\]"),
        ("plugins", "{providers: [{name: x}]}", "plugins.providers"),
        ("plugins", "{providers: 1}", "plugins.providers"),
        ("name", "a: b", "cannot be read"),
    ],
)
def test_a_project_that_cannot_be_used_is_refused(tmp_path: Path, key: str, value: str, words: str) -> None:
    with pytest.raises(ProjectError, match=words) as caught:
        write_project(tmp_path, **{key: value})
    assert str(tmp_path / "Pulumi.yaml") in str(caught.value)


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        ("secretsprovider: awskms://x", "secretsprovider: 'awskms://x'.*run this stack with pulumi"),
        ("environment: [prod]", "environment.*run this stack with pulumi"),
        ("config: [1]", "expected keys and values"),
        ("- 1", "expected keys and values"),
        ("config: {a: 1, a: 2}", "a is there twice"),
        ("config: {a: {b: 1, b: 2}}", "b is there twice"),
        ("config: {a: 2020-01-01}", "the date 2020-01-01 needs quotes"),
        ("config: {a: 2020-01-01 10:00:00}", "needs quotes"),
        ("config: {a: .inf}", "no JSON form"),
        ("config: {a: 1e999}", "no JSON form"),
        ("config: {a: !!python/name:os.system x}", "cannot be read"),
        ("config: {a: b", "cannot be read"),
    ],
)
def test_a_stack_file_that_cannot_be_used_is_refused(tmp_path: Path, stack: str, words: str) -> None:
    with pytest.raises(ProjectError, match=words) as caught:
        values_of(write_project(tmp_path, stack=stack))
    assert str(tmp_path / "Pulumi.dev.yaml") in str(caught.value)


def test_an_empty_stack_file_is_a_stack(tmp_path: Path) -> None:
    assert values_of(write_project(tmp_path)) == {}


def test_underscores_within_numbers_are_left_out_as_go_does(tmp_path: Path) -> None:
    assert values_of(write_project(tmp_path, stack="config: {a: 1__0, b: 1_0.5}")) == {
        "shop:a": "10",
        "shop:b": "10.5",
    }


def test_keys_without_a_namespace_are_the_projects_own(tmp_path: Path) -> None:
    project = write_project(tmp_path, stack="config: {a: 1, aws:region: x, shop:b: 2, shop:config:c: 3}")
    assert values_of(project) == {"shop:a": "1", "aws:region": "x", "shop:b": "2", "shop:c": "3"}


def test_a_stack_file_comes_before_the_project(tmp_path: Path) -> None:
    project = write_project(
        tmp_path, stack="config: {a: 1}", config="{a: {default: 2}, b: {default: 2}, c: 3, aws:d: {value: 4}}"
    )
    assert values_of(project) == {"shop:a": "1", "shop:b": "2", "shop:c": "3", "aws:d": "4"}


def test_everything_that_is_wrong_with_declared_keys_is_reported_at_once(tmp_path: Path) -> None:
    declared = {
        "missing": "{type: string}",
        "secret": "{secret: true}",
        "number": "{type: integer}",
        "flag": "{type: boolean}",
        "list": "{type: array, items: {type: string}}",
        "map": "{type: object}",
        "text": "{type: string}",
    }
    config = "{" + ", ".join(f"{key}: {value}" for key, value in declared.items()) + "}"
    project = write_project(
        tmp_path,
        stack="config: {secret: x, number: 1.5, flag: 1, list: [1], map: [], text: {}}",
        config=config,
    )
    with pytest.raises(ProjectError) as caught:
        values_of(project)
    for key in declared:
        assert f"shop:{key}: " in str(caught.value)


def test_declared_keys_of_the_right_type_are_accepted(tmp_path: Path) -> None:
    project = write_project(
        tmp_path,
        stack="config: {number: '3', flag: 'true', list: [a], map: {a: 1}, text: 5}",
        config="{number: {type: integer}, flag: {type: boolean}, list: {type: array, items: {type: string}},"
        " map: {type: object}, text: {type: string}}",
    )
    assert list(values_of(project).values()) == ["3", "true", '["a"]', '{"a":1}', "5"]


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1))
def test_every_number_is_written_so_that_it_reads_back(number: float) -> None:
    assert float(_as_json(number)) == float(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_written_as_go_writes_them(number: float, text: str) -> None:
    # encoding/json: plain between 1e-6 and 1e21, else an exponent without leading zeros.
    assert _as_json(number) == text


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_structured_values_are_json(value: object) -> None:
    assert json.loads(_as_json(value)) == value
