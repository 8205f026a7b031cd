"""Generated files say what the settings say, and every stack file keeps to them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlcloud.core import schema
from mlcloud.core.settings import load
from mlcloud.core.settings.describe import Schema, alternatives, document
from support.settings_files import flat

ROOT = Path(__file__).parents[2]
STACK_FILES = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
FIRST_LINE = "# yaml-language-server: $schema=stack.schema.json"
REGENERATE = "python -m mlcloud.core.schema --write"


@pytest.mark.parametrize("path", schema.generated(), ids=str)
def test_a_generated_file_is_what_the_settings_would_write_now(path: Path):
    assert (ROOT / path).read_text("utf-8") == schema.generated()[path], f"{path} drifted: run {REGENERATE}"


def test_drift_is_told_with_the_command_and_written_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert schema.main(["--root", str(tmp_path)]) == 1
    assert REGENERATE in capsys.readouterr().out
    assert schema.main(["--root", str(tmp_path), "--write"]) == 0
    assert schema.main(["--root", str(tmp_path)]) == 0
    (tmp_path / schema.SCHEMA_PATH).write_text("{}")
    assert schema.drifted(tmp_path) == [schema.SCHEMA_PATH]


def test_there_are_stack_files():
    assert STACK_FILES


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_a_stack_file_names_the_schema_and_loads(path: Path):
    text = path.read_text("utf-8")
    assert FIRST_LINE in text.splitlines()[:3]
    content = yaml.safe_load(text)
    load(flat(content["config"]))


def test_the_guides_example_names_the_schema_and_loads():
    guide = (ROOT / schema.GUIDE_PATH).read_text("utf-8")
    example = re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert example is not None
    assert FIRST_LINE in example.group(1)
    content = yaml.safe_load(example.group(1))
    load(flat(content["config"]))


def test_the_guide_names_every_key():
    guide = (ROOT / schema.GUIDE_PATH).read_text("utf-8")
    paths = list(key_paths(document(), ""))
    assert len(paths) > 40
    assert [path for path in paths if f"`{path}`" not in guide and f"`mlcloud:{path}`" not in guide] == []


def key_paths(node: Schema, path: str) -> Any:
    for choice in alternatives(node):
        for name, inner in choice.get("properties", {}).items():
            here = f"{path}.{name}" if path else name
            yield here
            yield from key_paths(inner, here)


def test_every_key_has_a_description():
    for path, node in described(document(), ""):
        assert "const" in node or node.get("description"), path


def described(node: Schema, path: str) -> Any:
    for choice in alternatives(node):
        for name, inner in choice.get("properties", {}).items():
            yield f"{path}.{name}", inner
            yield from described(inner, f"{path}.{name}")


def test_pulumi_yaml_declares_the_same_keys():
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))
    assert project["name"] == "mlcloud"
    command = "python -m mlcloud.core.schema --project-config"
    assert project.get("config") == schema.project_config(), f"replace its config block by that of: {command}"


def test_pulumi_accepts_the_declared_defaults_and_they_set_nothing():
    defaults = {f"mlcloud:{key}": entry["default"] for key, entry in schema.project_config().items()}
    needed = {"mlcloud:data": {"path": "a.csv"}, "mlcloud:training": {"estimator": "svm", "target": "y"}}
    assert load(flat({**defaults, **needed})) == load(flat(needed))
    # Pulumi (sdk/go/common/workspace/project.go, ValidateConfigValue) wants a default of the declared type.
    types = {"string": str, "object": dict, "integer": int, "boolean": bool}
    for entry in schema.project_config().values():
        assert isinstance(entry["default"], types[entry.get("type", "string")])


def test_the_project_config_is_printed_as_yaml(capsys: pytest.CaptureFixture[str]):
    assert schema.main(["--project-config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {"config": schema.project_config()}
