"""The generated schema, judged by a JSON Schema validator: it takes and refuses what the settings do."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from mlcloud.core import schema
from mlcloud.core.errors import ConfigError
from mlcloud.core.settings import load
from support.settings_files import flat

ROOT = Path(__file__).parents[2]
STACK_FILES = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))


def faults(content: object) -> list[str]:
    judge = jsonschema.Draft7Validator(schema.stack_file_schema())
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(content)]


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(schema.stack_file_schema())


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_a_stack_file_keeps_to_the_schema(path: Path):
    assert faults(yaml.safe_load(path.read_text("utf-8"))) == []


def test_the_guides_example_keeps_to_the_schema():
    guide = (ROOT / schema.GUIDE_PATH).read_text("utf-8")
    assert faults(yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])) == []


GOOD: dict[str, Any] = {
    "config": {
        "aws:region": "eu-central-1",
        "mlcloud:cloud": "aws",
        "mlcloud:region": "eu-central-1",
        "mlcloud:data": {"path": "a.csv"},
        "mlcloud:training": {
            "estimator": "svm",
            "target": "y",
            "hyperparameters": {"C": 0.5, "gamma": None, "kernel": "rbf"},
            "gate": {"f1": 0},
        },
        "mlcloud:model": {"name": "a", "uri": "s3://b/c.tar.gz", "sha256": "0" * 64, "version": "1"},
        "mlcloud:endpoint": {"capacity": {"min": 2, "max": 4}, "rollout": {"kind": "linear"}},
        "mlcloud:tags": {"team": "a"},
    },
    "encryptionsalt": "v1:a:v1:b:c",
}

BAD = [
    {"confg": {}},
    {"config": {"mlcloud:clod": "aws"}},
    {"config": {"mlcloud:cloud": "lokal"}},
    {"config": {"mlcloud:training": {"estimator": "svm"}}},
    {"config": {"mlcloud:training": {"estimator": "svm", "target": "y", "seeed": 1}}},
    {"config": {"mlcloud:training": {"estimator": "svm", "target": "y", "test_size": 1}}},
    {"config": {"mlcloud:training": {"estimator": "svm", "target": "y", "gate": {"acc": 1}}}},
    {"config": {"mlcloud:training": {"estimator": "svm", "target": "y", "hyperparameters": {"C": [1]}}}},
    {"config": {"mlcloud:endpoint": {"port": 1}}},
    {"config": {"mlcloud:endpoint": {"capacity": {"kind": "serverless", "min": 1}}}},
    {"config": {"mlcloud:endpoint": {"rollout": {"kind": "canary", "percent": 60}}}},
    {"config": {"mlcloud:model": "trainig"}},
    {"config": {"mlcloud:model": {"uri": "s3://b/c"}}},
    {"config": {"mlcloud:tags": {"Team": "a"}}},
    {"config": {"mlcloud:monitoring": {"notify": ["nobody"]}}},
    {"config": {"mlcloud:budget": {"monthly": 0}}},
]


def test_the_schema_takes_a_good_file():
    assert faults(GOOD) == []
    load(flat(GOOD["config"]))


@pytest.mark.parametrize("content", BAD, ids=str)
def test_the_schema_refuses_what_the_settings_refuse(content: dict[str, Any]):
    assert faults(content)
    with pytest.raises(ConfigError):
        load(flat(content.get("config", {})))
