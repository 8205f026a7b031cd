"""promote and rollback on this machine: what they write, what they say, and what they refuse."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlcloud.provider.local.registry import Entry, register
from support.promotion import PinProject
from support.provider_models import Model, make_model

DEV = """\
config:
  mlcloud:cloud: local
  mlcloud:data: {path: data.csv}   # rows
  mlcloud:training: {estimator: svm, target: y}
"""
PROD = """\
# what people use
config:
  mlcloud:environment: prod

  # two, so that one may go
  mlcloud:endpoint:
    capacity: {min: 2}
"""


def outputs_of(model: Model, home: Path, **more: Any) -> dict[str, Any]:
    return {
        "cloud": "local",
        "model_name": "houses",
        "model_sha256": model.sha256,
        "model_uri": model.uri,
        "model_version": model.version,
        "models_bucket": str(home / "buckets" / "models"),
        "registry": str(home / "registry"),
        **more,
    }


class Stacks:
    """dev and prod: their files, registries, states."""

    def __init__(self, project: PinProject) -> None:
        self.project = project
        self.homes = {name: project.root / ".state" / "local" / name for name in ("dev", "prod")}
        project.file("dev").write_text(DEV)
        project.file("prod").write_text(PROD)

    def model(self, prediction: str) -> Model:
        return make_model(self.homes["dev"] / "buckets" / "models", prediction)

    def up(self, stack: str, model: Model, **more: Any) -> None:
        registered(self.homes[stack], model)
        self.project.up(stack, **outputs_of(model, self.homes[stack], **more))


def registered(home: Path, model: Model, **more: Any) -> None:
    given: dict[str, Any] = {
        "name": "houses",
        "version": model.version,
        "uri": model.uri,
        "sha256": model.sha256,
        "stage": "live",
        "metrics": {},
        "lineage": None,
        "created": 1.0,
        "until": None,
        "urn": "urn",
        "token": "t",
    }
    register(home / "registry", Entry(**{**given, **more}))


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stacks:
    return Stacks(PinProject.make(tmp_path / "project", monkeypatch, capsys))


def pin_of(model: Model) -> dict[str, str]:
    return {"name": "houses", "uri": model.uri, "sha256": model.sha256, "version": model.version}


class TestPromote:
    def test_what_one_stack_serves_is_pinned_in_the_others_file(self, stacks: Stacks) -> None:
        project, model = stacks.project, stacks.model("A")
        stacks.up("dev", model, metrics={"accuracy": 0.93})
        printed = project.done("promote", "dev", "prod")
        assert project.pin("prod") == pin_of(model)
        lines = ["prod", "  mlcloud:model:", "    name: houses", f"    uri: {model.uri}"]
        lines += [f"    sha256: {quoted(model.sha256)}", f"    version: {quoted(model.version)}", ""]
        assert project.file("prod").read_text() == PROD.replace("prod\n", "\n".join(lines))
        assert f"dev serves {model.version}, accuracy 0.9300" in printed
        assert f"+    uri: {model.uri}" in printed
        assert "Wrote stacks/Pulumi.prod.yaml." in printed
        assert printed.endswith("  mlcloud up prod\n")
        assert "`mlcloud destroy dev` would take it from prod" in printed

    def test_the_difference_alone_is_shown_when_nothing_shall_be_written(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        before = stacks.project.files()
        printed = stacks.project.done("promote", "dev", "prod", "--dry-run")
        assert "+  mlcloud:model:" in printed
        assert "Nothing was written" in printed
        assert stacks.project.files() == before

    def test_again_says_so_and_writes_nothing(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        stacks.project.done("promote", "dev", "prod")
        before = stacks.project.files()
        printed = stacks.project.done("promote", "dev", "prod")
        assert "pins" in printed
        assert "already: nothing to write" in printed
        assert stacks.project.files() == before

    def test_the_next_one_changes_three_lines_and_keeps_the_name_that_the_stack_has(
        self, stacks: Stacks
    ) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        stacks.up("dev", first)
        stacks.project.done("promote", "dev", "prod")
        text = stacks.project.file("prod").read_text().replace("name: houses", "name: ours  # the registry's")
        stacks.project.file("prod").write_text(text)
        stacks.up("dev", second)
        printed = stacks.project.done("promote", "dev", "prod")
        assert stacks.project.pin("prod") == {**pin_of(second), "name": "ours"}
        assert "name: ours  # the registry's" in stacks.project.file("prod").read_text()
        assert len([line for line in printed.splitlines() if line.startswith("+ ")]) == 3

    def test_a_stack_that_trains_is_told_that_it_will(self, stacks: Stacks) -> None:
        stacks.project.file("staging").write_text(DEV)
        stacks.up("dev", stacks.model("A"))
        assert "staging keeps its `mlcloud:training`" in stacks.project.done("promote", "dev", "staging")

    def test_the_files_mode_stays_and_no_other_file_is_left(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        stacks.project.file("prod").chmod(0o640)
        stacks.project.done("promote", "dev", "prod")
        assert stacks.project.file("prod").stat().st_mode & 0o777 == 0o640
        assert set(stacks.project.files()) == {"Pulumi.dev.yaml", "Pulumi.prod.yaml"}

    def test_a_file_that_is_a_link_is_written_where_it_leads(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        elsewhere = stacks.project.root / "prod.yaml"
        stacks.project.file("prod").rename(elsewhere)
        stacks.project.file("prod").symlink_to(elsewhere)
        stacks.project.done("promote", "dev", "prod")
        assert stacks.project.file("prod").is_symlink()
        assert "mlcloud:model" in elsewhere.read_text()

    def test_secrets_of_another_passphrase_or_provider_are_no_hindrance(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        secret = "  mlcloud:monitoring: {notify: {secure: v1:abc}}\n"
        stacks.project.file("prod").write_text(f"secretsprovider: awskms://alias/a\n{PROD}{secret}")
        stacks.project.done("promote", "dev", "prod")
        assert secret in stacks.project.file("prod").read_text()


def quoted(text: str) -> str:
    """As YAML needs it: digits alone would be a number."""
    return text if yaml.safe_load(text) == text and not is_number(text) else f'"{text}"'


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class TestPromoteRefuses:
    def test_a_stack_that_is_not_up(self, stacks: Stacks) -> None:
        told = stacks.project.refused("promote", "dev", "prod")
        assert "dev serves nothing" in told
        assert "`mlcloud up dev`" in told

    def test_a_target_without_a_file_and_names_those_that_there_are(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        assert "Stacks: dev, prod" in stacks.project.refused("promote", "dev", "staging")

    def test_a_source_that_is_the_target(self, stacks: Stacks) -> None:
        assert "name two stacks" in stacks.project.refused("promote", "dev", "dev")

    def test_a_target_on_another_cloud_and_says_what_then(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        stacks.project.file("prod").write_text("config: {mlcloud:cloud: aws}\n")
        told = stacks.project.refused("promote", "dev", "prod")
        assert "dev is on local and prod on aws" in told
        assert "Promote from a stack on aws" in told

    def test_settings_that_would_not_be_valid_with_every_problem(self, stacks: Stacks) -> None:
        stacks.up("dev", stacks.model("A"))
        wrong = PROD.replace("min: 2", "min: two").replace("environment: prod", "enviroment: prod")
        stacks.project.file("prod").write_text(wrong)
        told = stacks.project.refused("promote", "dev", "prod")
        assert "stacks/Pulumi.prod.yaml with the new pin: 2 problems" in told
        assert "mlcloud:enviroment" in told
        assert "mlcloud:endpoint.capacity.min" in told

    def test_a_folder_that_cannot_be_written(self, stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        stacks.up("dev", stacks.model("A"))
        monkeypatch.setattr("os.fsync", full)
        told = stacks.project.refused("promote", "dev", "prod")
        assert "No space left on device" in told
        assert "It is as it was" in told


class TestRollback:
    def test_without_a_version_it_is_the_one_that_was_live_before(self, stacks: Stacks) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        for model in (first, second):
            stacks.up("dev", model)
            stacks.project.done("promote", "dev", "prod")
            stacks.up("prod", model)
        printed = stacks.project.done("rollback", "prod")
        assert stacks.project.pin("prod") == pin_of(first)
        assert f"prod serves {second.version}; back to {first.version}" in printed
        assert printed.endswith("  mlcloud up prod\n")
        stacks.up("prod", first)
        stacks.project.done("rollback", "prod")
        assert stacks.project.pin("prod") == pin_of(second), "what was live before the first one served again"

    def test_a_version_that_failed_to_become_live_was_never_before(self, stacks: Stacks) -> None:
        first, bad, third = (stacks.model(name) for name in "ABC")
        stacks.up("prod", first)
        registered(stacks.homes["prod"], bad)
        stacks.project.up("prod", succeeded=False, **outputs_of(bad, stacks.homes["prod"]))
        stacks.up("prod", third)
        stacks.project.done("rollback", "prod")
        assert stacks.project.pin("prod") == pin_of(first)

    def test_other_kinds_of_operations_and_updates_of_the_same_version_are_passed_over(
        self, stacks: Stacks
    ) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        stacks.up("prod", first)
        stacks.up("prod", second)
        stacks.up("prod", second)
        stacks.project.up("prod", kind="refresh", **outputs_of(second, stacks.homes["prod"]))
        stacks.project.done("rollback", "prod")
        assert stacks.project.pin("prod") == pin_of(first)

    def test_a_pin_that_never_became_live_goes_back_to_what_is(self, stacks: Stacks) -> None:
        first, bad = stacks.model("A"), stacks.model("B")
        stacks.up("dev", bad)
        stacks.up("prod", first)
        stacks.project.done("promote", "dev", "prod")
        printed = stacks.project.done("rollback", "prod")
        assert "its file pins what is not live" in printed
        assert stacks.project.pin("prod") == pin_of(first)

    @pytest.mark.parametrize("digits", [6, 12, 64])
    def test_a_version_is_named_by_label_or_hash_or_the_beginning_of_one(
        self, stacks: Stacks, digits: int
    ) -> None:
        models = [stacks.model(name) for name in "ABC"]
        for model in models:
            stacks.up("prod", model)
        stacks.project.done("rollback", "prod", models[0].sha256[:digits])
        assert stacks.project.pin("prod") == pin_of(models[0])

    def test_a_stack_that_serves_its_own_run_is_pinned_and_told_how_to_go_on(self, stacks: Stacks) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        stacks.up("dev", first)
        stacks.up("dev", second)
        printed = stacks.project.done("rollback", "dev")
        assert stacks.project.pin("dev") == pin_of(first)
        assert "`mlcloud:model: training` serves its own runs again" in printed
        assert stacks.project.file("dev").read_text().startswith(DEV)

    def test_the_version_that_is_pinned_says_so_and_writes_nothing(self, stacks: Stacks) -> None:
        first = stacks.model("A")
        stacks.up("dev", first)
        stacks.project.done("promote", "dev", "prod")
        stacks.up("prod", first)
        before = stacks.project.files()
        assert "already" in stacks.project.done("rollback", "prod", first.version)
        assert stacks.project.files() == before

    def test_the_difference_alone_is_shown_when_nothing_shall_be_written(self, stacks: Stacks) -> None:
        for name in "AB":
            stacks.up("prod", stacks.model(name))
        before = stacks.project.files()
        assert "+  mlcloud:model:" in stacks.project.done("rollback", "prod", "--dry-run")
        assert stacks.project.files() == before


class TestRollbackRefuses:
    def test_a_stack_that_is_down_in_words(self, stacks: Stacks) -> None:
        told = stacks.project.refused("rollback", "prod")
        assert "prod is not up" in told
        assert "`mlcloud promote FROM prod`" in told

    def test_a_version_that_is_not_there_naming_those_that_are(self, stacks: Stacks) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        stacks.up("prod", first)
        stacks.up("prod", second)
        told = stacks.project.refused("rollback", "prod", "v9")
        assert "There is no version 'v9'" in told
        assert f"Choose one: {first.version}." in told

    def test_a_beginning_that_several_versions_have(self, stacks: Stacks) -> None:
        for number, name in enumerate("AB"):
            model = stacks.model(name)
            registered(stacks.homes["prod"], model, version=f"v{number}")
        stacks.project.up("prod", **outputs_of(model, stacks.homes["prod"], model_version="v1"))
        told = stacks.project.refused("rollback", "prod", "v")
        assert "names several versions: " in told

    def test_a_version_before_whose_model_is_gone(self, stacks: Stacks) -> None:
        first, second, third = (stacks.model(name) for name in "ABC")
        for model in (first, second, third):
            stacks.up("prod", model)
        shutil.rmtree(second.folder)
        told = stacks.project.refused("rollback", "prod")
        assert f"The version before, {second.version}, is not in the registry any more" in told
        assert f"Choose one: {first.version}." in told

    def test_a_history_without_another_version(self, stacks: Stacks) -> None:
        stacks.up("prod", stacks.model("A"))
        told = stacks.project.refused("rollback", "prod")
        assert "no other version was live before" in told
        assert "has no other version that may be served" in told

    @pytest.mark.parametrize("damage", ["no checkpoint", "no entry", "no JSON", "no stack"])
    def test_a_history_that_cannot_be_read(self, stacks: Stacks, damage: str) -> None:
        first, second = stacks.model("A"), stacks.model("B")
        stacks.up("prod", first)
        stacks.up("prod", second)
        oldest = min(stacks.project.history("prod").glob("*.checkpoint.json"))
        match damage:
            case "no checkpoint":
                oldest.unlink()
            case "no entry":
                min(stacks.project.history("prod").glob("*.history.json")).write_text("[]")
            case "no JSON":
                oldest.write_text("{")
            case _:
                oldest.write_text('{"checkpoint": {"latest": {"resources": [{"type": "a:b:C"}]}}}')
        told = stacks.project.refused("rollback", "prod")
        assert "is not certain" in told
        assert f"Choose one: {first.version}." in told
