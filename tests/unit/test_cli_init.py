"""`mlcloud init`: a whole project, or nothing."""

import json
import os
from pathlib import Path

import pytest
import yaml
from mlcloud.cli.__main__ import main
from mlcloud.core.settings import load

ROOT = Path(__file__).resolve().parents[2]
STACK_FILE = "Pulumi.local-dev.yaml"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings_of(project: Path) -> object:
    config = yaml.safe_load((project / STACK_FILE).read_text("utf-8"))["config"]
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return load(values)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = sorted(Path.cwd().rglob("*"))
    assert main(["init", *words]) == 1
    assert sorted(Path.cwd().rglob("*")) == before, "nothing half-made is left"
    return capsys.readouterr().err


def test_the_program_is_that_of_the_repositorys_stacks() -> None:
    template = ROOT / "components" / "mlcloud" / "cli" / "template" / "__main__.py"
    assert template.read_bytes() == (ROOT / "stacks" / "__main__.py").read_bytes()


def test_the_stack_file_is_valid_and_names_the_schema_beside_it() -> None:
    assert main(["init", "shop"]) == 0
    assert settings_of(Path("shop"))
    first = (Path("shop") / STACK_FILE).read_text("utf-8").splitlines()[0]
    schema = Path("shop") / first.partition("$schema=")[2]
    assert schema.read_bytes() == (ROOT / "stacks" / "stack.schema.json").read_bytes()


def test_the_next_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop"]) == 0
    assert "cd shop && mlcloud up local-dev" in capsys.readouterr().out.replace("\n", "")


def test_a_folder_name_becomes_a_name_that_pulumi_takes() -> None:
    assert main(["init", "my shop (2)"]) == 0
    assert yaml.safe_load(Path("my shop (2)/Pulumi.yaml").read_text())["name"] == "my-shop-2"


def test_ones_own_data_is_copied_and_is_what_is_trained_on() -> None:
    rows = "age,bought: yes\n" + "".join(f"{age},{int(age > 40)}\n" for age in range(20, 60))
    Path("buyers.csv").write_text(rows)
    assert main(["init", "shop", "--data", "buyers.csv", "--target", "bought: yes"]) == 0
    assert Path("shop/data/buyers.csv").read_text() == rows
    config = yaml.safe_load((Path("shop") / STACK_FILE).read_text("utf-8"))["config"]
    assert config["mlcloud:training"]["target"] == "bought: yes"
    assert settings_of(Path("shop"))


def test_data_without_its_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("buyers.csv").write_text("age,bought\n1,2\n")
    assert "--target" in refused(capsys, "shop", "--data", "buyers.csv")


def test_a_target_that_the_data_does_not_have_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("buyers.csv").write_text("age,bought\n" + "1,2\n3,4\n" * 20)
    told = refused(capsys, "shop", "--data", "buyers.csv", "--target", "bougth")
    assert "write `bought` instead of `bougth`" in told


def test_a_folder_that_is_in_use_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop").mkdir()
    (Path("shop") / "thesis.txt").write_text("four years")
    assert "thesis.txt" in refused(capsys, "shop")


def test_a_file_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop").write_text("")
    assert "is a file" in refused(capsys, "shop")


def test_git_and_an_environment_may_be_there_before() -> None:
    for folder in (".git", ".venv", "env"):
        (Path("shop") / folder).mkdir(parents=True)
    (Path("shop") / "env" / "pyvenv.cfg").write_text("")
    assert main(["init", "shop"]) == 0


def test_a_hidden_file_that_would_be_overwritten_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop").mkdir()
    (Path("shop") / ".gitignore").write_text("*.secret\n")
    assert ".gitignore" in refused(capsys, "shop")


def test_a_disk_that_is_full_halfway_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(source: Path, path: Path) -> None:
        path.write_bytes(source.read_bytes()[:10])
        raise OSError(28, os.strerror(28), str(path))

    monkeypatch.setattr("shutil.copyfile", fill_the_disk)
    told = refused(capsys, "made/shop")
    assert "No space left on device" in told
    assert "Traceback" not in told
