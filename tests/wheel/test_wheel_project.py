"""mlcloud from its wheel, in a folder outside of the repository: made, brought up, asked, and gone."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from support.wheel import ROOT, UV, Installed, run

pytestmark = pytest.mark.timeout(600)
STACK = "local-dev"


def processes_in(folder: Path) -> list[str]:
    """Command lines that speak of a folder, but for those of the environment in it."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(f"{folder}/.state" in word for word in words):
            found.append(" ".join(words))
    return found


@pytest.fixture(scope="class")
def project(installed: Installed) -> Iterator[Path]:
    folder = installed.environment.parent
    installed.done("init", ".", folder=folder)
    yield folder
    installed.run("destroy", STACK, "--yes", folder=folder)
    assert processes_in(folder) == []


def test_nothing_of_the_repository_is_imported(installed: Installed) -> None:
    program = "import mlcloud, mlcloud_trainer as t; print(mlcloud.__file__); print(t.__file__)"
    result = run([str(installed.python), "-c", program], folder=Path("/"))
    assert result.returncode == 0, result.stderr
    assert all(str(installed.environment) in line for line in result.stdout.splitlines())


def test_the_path_of_the_plugin_is_inside_of_the_environment(installed: Installed, tmp_path: Path) -> None:
    result = installed.run("plugin", "path", folder=tmp_path)
    folder = Path(result.stdout.strip())
    assert folder.is_relative_to(installed.environment)
    assert (folder / "__main__.py").is_file()
    assert result.stderr == "", "Pulumi finds the environment"


def test_the_image_is_built_from_what_came_with_the_package(installed: Installed, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from mlcloud.core.image import IMAGE_SOURCES, ImageSources, trainer_context\n"
        "place = trainer_context(Path.cwd())\n"
        "dockerfile = place / 'trainer' / 'Dockerfile'\n"
        "print(place)\n"
        "made = dict(dockerfile=dockerfile, sources=IMAGE_SOURCES, target='root')\n"
        "print(ImageSources(context=place, **made).tag())\n"
    )
    place, tag = run([str(installed.python), "-c", program], folder=tmp_path).stdout.split()
    assert Path(place).is_relative_to(installed.environment)
    here = run([str(installed.python), "-c", program], folder=ROOT).stdout.split()
    assert here == [str(ROOT), tag], "the same image as from a checkout"


def test_what_came_with_the_package_is_all_that_the_dockerfile_asks_uv_for(
    installed: Installed, tmp_path: Path
) -> None:
    plugin = Path(installed.done("plugin", "path", folder=tmp_path).strip())
    context = shutil.copytree(plugin.parent / "image_context", tmp_path / "context")
    lines = [line.strip() for line in (context / "trainer" / "Dockerfile").read_text().splitlines()]
    assert any(
        "uv export --quiet --frozen --package mlcloud-trainer --no-emit-workspace" in line for line in lines
    )
    export = [
        "export",
        "--quiet",
        "--frozen",
        "--package",
        "mlcloud-trainer",
        "--no-emit-workspace",
        "--no-dev",
    ]
    exported = run([str(UV), *export, "--offline"], folder=context)
    assert "scikit-learn==" in exported.stdout, exported.stderr
    build = ["build", "--quiet", "--offline", "--wheel", "--no-build-isolation", "--python", sys.executable]
    built = run([str(UV), *build, "--out-dir", str(tmp_path), "trainer"], folder=context)
    assert built.returncode == 0, built.stderr
    assert list(tmp_path.glob("mlcloud_trainer-*.whl"))


class TestAProjectOfOnesOwn:
    def test_it_names_the_environment_in_it_by_paths_that_hold_on_other_machines(
        self, project: Path, installed: Installed
    ) -> None:
        document = yaml.safe_load((project / "Pulumi.yaml").read_text())
        assert document["name"] == "irises"
        assert document["runtime"]["options"]["virtualenv"] == ".venv"
        (plugin,) = document["plugins"]["providers"]
        assert not Path(plugin["path"]).is_absolute()
        assert str(project / plugin["path"]) == installed.done("plugin", "path", folder=project).strip()

    def test_a_cloud_is_previewed_with_the_image_of_the_package(
        self, project: Path, installed: Installed
    ) -> None:
        local = (project / f"Pulumi.{STACK}.yaml").read_text()
        cloud = local.replace("cloud: local", "cloud: aws\n  mlcloud:region: eu-central-1")
        (project / "Pulumi.aws-dev.yaml").write_text(cloud)
        plan = json.loads(installed.done("preview", "aws-dev", "--json", folder=project))
        (image,) = [entry for entry in plan["resources"] if entry["type"] == "docker-build:index:Image"]
        place = Path(image["inputs"]["context"]["location"])
        assert not place.is_absolute(), "the same on every machine"
        assert (project / place / "trainer" / "Dockerfile").is_file()

    def test_one_command_trains_and_serves_it(self, project: Path, installed: Installed) -> None:
        assert "8 created" in installed.done("up", STACK, "--yes", folder=project)
        assert "evaluation" in installed.done("predict", STACK, "--sample", folder=project)
        assert "Nothing changed" in installed.done("up", STACK, "--yes", folder=project)

    @pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH")
    def test_pulumi_sees_no_change_in_it_and_destroys_it(self, project: Path, installed: Installed) -> None:
        installed.done("env", folder=project)
        pulumi(project, "stack", "select", STACK, "--create")
        pulumi(project, "up", "--yes", "--skip-preview", "--expect-no-changes")
        assert "deleted" in pulumi(project, "destroy", "--yes", "--skip-preview")
        assert "created" in pulumi(project, "up", "--yes", "--skip-preview")
        assert "evaluation" in installed.done("predict", STACK, "--sample", folder=project)

    def test_nothing_of_it_is_left_after_a_destroy(self, project: Path, installed: Installed) -> None:
        installed.done("destroy", STACK, "--yes", folder=project)
        assert processes_in(project) == []
        assert [path for path in (project / ".state" / "local").rglob("*") if path.is_file()] == []


def pulumi(project: Path, *words: str) -> str:
    """Run the CLI with the two exports of `mlcloud env`."""
    home = project / ".state"
    environ = {
        "HOME": str(project / ".state" / "home"),
        "PULUMI_HOME": str(project / ".state" / "home"),
        "PULUMI_BACKEND_URL": home.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(home / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": os.environ["PATH"],
    }
    line = ["pulumi", *words, "--non-interactive", "--color", "never"]
    result = run(line, folder=project, environ=environ)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


PROGRAM = """
from pathlib import Path

import pulumi
from mlcloud.core.datafile import check_data_file
from mlcloud.local.scope import LocalScope
from mlcloud.local.storage import LocalStorage, LocalStorageArgs

scope = LocalScope(project="shop", stack="dev", environment="dev", directory=Path("state").absolute())
data = check_data_file(Path("buyers.csv").absolute(), target="bought")
storage = LocalStorage("buyers", LocalStorageArgs(scope=scope, data=data))
pulumi.export("data", storage.data.uri)
"""


class TestAPulumiProjectThatWasThereBefore:
    @pytest.fixture
    def shop(self, tmp_path: Path, installed: Installed) -> Path:
        """A project with a program of its own, which names the plugin by the path that the command prints."""
        plugin = installed.done("plugin", "path", folder=tmp_path).strip()
        document = {
            "name": "shop",
            "runtime": {
                "name": "python",
                "options": {"toolchain": "pip", "virtualenv": str(installed.environment)},
            },
            "plugins": {"providers": [{"name": "mlcloud", "path": plugin}]},
        }
        (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(document))
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
        (tmp_path / "__main__.py").write_text(PROGRAM)
        (tmp_path / "buyers.csv").write_text(
            "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 80))
        )
        return tmp_path

    def test_the_embedded_engine_runs_components_in_it(self, shop: Path, installed: Installed) -> None:
        installed.done("up", "dev", "--yes", folder=shop)
        found = json.loads(installed.done("outputs", "dev", "--json", folder=shop))
        assert Path(found["data"].removeprefix("file://")).is_relative_to(shop / "state")
        installed.done("destroy", "dev", "--yes", folder=shop)

    @pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH")
    def test_pulumi_runs_components_in_it(self, shop: Path, installed: Installed) -> None:
        installed.done("env", folder=shop)
        pulumi(shop, "stack", "select", "dev", "--create")
        assert "6 created" in pulumi(shop, "up", "--yes", "--skip-preview")
        assert "6 deleted" in pulumi(shop, "destroy", "--yes", "--skip-preview")
