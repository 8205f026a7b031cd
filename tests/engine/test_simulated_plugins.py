"""Simulated providers as plugin processes, under both engines, and in `mlcloud preview`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker_build as docker_build
import pytest
import yaml
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.project.target import Target
from mlcloud.simulated.plugin import write_plugin
from support.engine import MemoryState

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi
import pulumi_aws as aws

key = aws.kms.Key("key", enable_key_rotation=True)
repository = aws.ecr.Repository(
    "trainer",
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
    image_tag_mutability=pulumi.Config().get("tags") or "IMMUTABLE",
)
aws.ecr.LifecyclePolicy("trainer-lifecycle", repository=repository.name, policy="{}")
pulumi.export("account", aws.get_caller_identity().account_id)
pulumi.export("url", repository.repository_url)
"""


def image() -> None:
    made = docker_build.Image(
        "trainer",
        push=True,
        tags=["registry.example/trainer:v1"],
        context={"location": "trainer"},
        build_args={"BASE": "python"},
    )
    pulumi.export("ref", made.ref)


def test_a_plugin_process_answers_as_the_object_in_process_does(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "docker-build", "docker-build")
    target = Target(
        project="shop", stack="dev", root=tmp_path, folder=tmp_path, plugins={"docker-build": plugin}
    )
    state = MemoryState()
    planned = Engine(target=target, program=image, state=state).preview()
    assert planned.ok, planned.diagnostics
    result = Engine(target=target, program=image, state=state).up()
    assert result.ok, result.diagnostics
    assert result.outputs == planned.outputs
    assert result.outputs["ref"].startswith("registry.example/trainer:v1@sha256:")
    assert len(result.outputs["ref"].split("sha256:")[1]) == 64
    assert Engine(target=target, program=image, state=state).up().summary["same"] == 2


def project(folder: Path, config: dict[str, Any]) -> Path:
    """A project in a folder whose aws provider is the simulated plugin."""
    described = {
        "name": "shop",
        "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}},
        "plugins": {
            "providers": [{"name": "aws", "path": str(write_plugin(folder / "plugins" / "aws", "aws"))}]
        },
    }
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(described))
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    (folder / "__main__.py").write_text(PROGRAM)
    return folder


def mlcloud(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "mlcloud.cli", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "MLCLOUD_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_preview_of_a_stack_on_a_cloud_needs_no_account_and_no_plugin(tmp_path: Path) -> None:
    folder = project(tmp_path, {"mlcloud:cloud": "aws", "aws:region": "eu-central-1"})
    described = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    del described["plugins"]
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(described))
    plan = json.loads(mlcloud(folder, "preview", "dev", "--json"))
    assert plan["summary"] == {"create": 4}
    assert plan["outputs"]["account"] == "123456789012"
    repository = next(item for item in plan["resources"] if item["name"] == "trainer")
    assert repository["inputs"]["encryptionConfigurations"][0]["kmsKey"].startswith(
        "arn:aws:kms:eu-central-1:"
    )


def pulumi_cli(folder: Path, *arguments: str, fails: bool = False, **environ: str) -> str:
    result = subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--color", "never"],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_BACKEND_URL": (folder / "home").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "simulated",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (result.returncode != 0) is fails, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="pulumi is not on PATH: the real engine is what is asked",
)
@pytest.mark.timeout(600)
def test_the_real_engine_applies_with_the_simulated_plugin(tmp_path: Path) -> None:
    folder = project(tmp_path, {"aws:region": "eu-central-1"})
    (folder / "home").mkdir()
    pulumi_cli(folder, "stack", "select", "dev", "--create")
    assert "4 to create" in pulumi_cli(folder, "preview")
    failing = pulumi_cli(
        folder, "up", "--yes", "--skip-preview", fails=True, MLCLOUD_SIMULATED_FAIL="create trainer"
    )
    assert "The create of trainer failed, as it was told to." in failing
    pulumi_cli(folder, "up", "--yes", "--skip-preview")
    pulumi_cli(folder, "up", "--yes", "--skip-preview", "--expect-no-changes")
    outputs = json.loads(pulumi_cli(folder, "stack", "output", "--json"))
    assert outputs["account"] == "123456789012"
    assert outputs["url"].startswith("123456789012.dkr.ecr.eu-central-1.amazonaws.com/trainer-")
    pulumi_cli(folder, "config", "set", "tags", "MUTABLE")
    assert "1 to update" in pulumi_cli(folder, "preview")
    pulumi_cli(folder, "config", "set", "aws:region", "eu-west-1")
    assert "replace" in pulumi_cli(folder, "preview")
    assert "4 deleted" in pulumi_cli(folder, "destroy", "--yes", "--skip-preview")
