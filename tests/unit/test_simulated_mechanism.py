"""The parts of the simulated providers that know no cloud."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlcloud.embedded.properties.assets import ASSET_SIGNATURE
from mlcloud.embedded.properties.marks import SIGNATURE_KEY, UNKNOWN
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.training import pass_gate
from mlcloud.simulated import packages, provider_class, providers_for
from mlcloud.simulated.cloud import Facts, Templates
from mlcloud.simulated.declarations import NotDeclaredError, declaration_of
from mlcloud.simulated.diffs import diff_response
from mlcloud.simulated.docker_build import DOCKER_BUILD
from mlcloud.simulated.failures import FailAt, Failures
from mlcloud.simulated.outputs import seed_of
from mlcloud.simulated.plugin import main, write_plugin
from mlcloud.simulated.runs import passing_metrics


def test_a_cloud_names_the_providers_that_it_needs() -> None:
    assert set(providers_for("aws")) == {"aws", "docker-build"}
    assert set(providers_for("aws", own=True)) == {"aws", "docker-build", "mlcloud"}
    assert set(providers_for("gcp")) == {"gcp", "docker-build"}
    assert set(providers_for("azure")) == {"azure-native", "docker-build"}
    assert providers_for("local") == providers_for("local", own=True) == {}


def test_every_package_has_a_provider_of_its_own_class() -> None:
    classes = [provider_class(package) for package in packages()]
    assert len(set(classes)) == len(packages()) == 5


def test_where_to_fail_is_read_from_text() -> None:
    assert FailAt.parse(" create models once, aws:s3/bucket:Bucket ,") == [
        FailAt(target="models", operation="create", once=True),
        FailAt(target="aws:s3/bucket:Bucket"),
    ]
    with pytest.raises(ValueError, match="does not say where to fail"):
        FailAt.parse("create models twice")


def test_a_failure_that_happened_once_does_not_happen_again() -> None:
    failures = Failures([FailAt(target="models", once=True), FailAt(target="t", operation="delete")])
    assert not failures.due("create", name="other", token="x")
    assert failures.due("create", name="models", token="x")
    assert not failures.due("create", name="models", token="x")
    assert failures.due("delete", name="a", token="t") and failures.due("delete", name="b", token="t")
    assert not failures.due("update", name="a", token="t")


def test_a_template_is_unknown_when_a_part_of_it_is() -> None:
    facts = Facts(account="1", region="r")
    templates = Templates(facts, {"name": UNKNOWN, "path": None}, "seed")
    assert templates.render("a/{name}") == UNKNOWN
    assert templates.render("{account}{path|/}{region}") == "1/r"
    assert Templates(facts, {}, f"urn {UNKNOWN}").render("id-{seven}") == UNKNOWN


def kinds(response: provider_pb2.DiffResponse) -> dict[str, str]:
    names = provider_pb2.PropertyDiff.Kind.Name
    return {path: names(item.kind) for path, item in response.detailedDiff.items()}


def test_a_template_takes_the_beginning_of_a_value() -> None:
    facts = Facts(account="1", region="r")
    templates = Templates(facts, {"prefix": "shop-endpoint", "sha256": UNKNOWN}, "seed")
    assert templates.render("{prefix:4}-{long:6}") == f"shop-{templates.render('{long}')[:6]}"
    assert templates.render("{sha256:8}") == UNKNOWN
    assert templates.render("{none:3|else}") == "else"


def test_digits_follow_from_an_assets_content_and_not_from_its_place() -> None:
    def seed(path: str, sha256: str) -> str:
        file = {SIGNATURE_KEY: ASSET_SIGNATURE, "path": path, "hash": sha256}
        return seed_of(replace(DOCKER_BUILD, content={"t": ("source",)}), "t", "urn", {"source": file})

    assert seed("/a/rows.csv", "1") == seed("/b/rows.csv", "1") != seed("/a/rows.csv", "2")


def test_a_simulated_run_passes_its_gate() -> None:
    hyperparameters = {"estimator": "random_forest", "target": "price"}
    told = passing_metrics({"gate": {"rmse": 3.5}, "hyperparameters": hyperparameters})
    assert told == {"mae": 0.1, "rmse": 3.5, "r2": 0.9}
    pass_gate({"rmse": 3.5}, told, "report")
    assert "accuracy" in passing_metrics({"gate": {}, "hyperparameters": hyperparameters})


def test_a_diff_names_each_field_and_what_forces_a_replacement() -> None:
    olds = {"name": "a", "tags": {"x": "1", "y": "2"}, "box": {"size": 1, "color": "red"}, "__defaults": []}
    news = {"name": "b", "tags": {"x": "1", "z": "3"}, "box": {"size": 2, "color": "red"}}
    found = diff_response(olds, news, ["name", "box.color"], delete_first=True)
    assert kinds(found) == {
        "box.size": "UPDATE",
        "name": "UPDATE_REPLACE",
        "tags.y": "DELETE",
        "tags.z": "ADD",
    }
    assert list(found.replaces) == ["name"] and found.deleteBeforeReplace
    assert found.changes == provider_pb2.DiffResponse.DIFF_SOME


def test_a_whole_that_goes_takes_what_forces_a_replacement_with_it() -> None:
    found = diff_response({"box": {"color": "red"}}, {}, ["box.color"], delete_first=False)
    assert kinds(found) == {"box": "DELETE_REPLACE"}
    assert kinds(diff_response({"box": {"size": 1}}, {}, ["box.color"], delete_first=False)) == {
        "box": "DELETE"
    }


def test_what_is_ignored_does_not_differ() -> None:
    found = diff_response({"a": 1}, {"a": 2}, ["a"], ignored=["a"], delete_first=False)
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE and not found.replaces


def test_an_sdk_that_is_not_installed_is_named() -> None:
    with pytest.raises(NotDeclaredError, match="`alicloud` is not installed"):
        declaration_of("alicloud:oss/bucket:Bucket")


def test_an_object_called_like_the_arguments_is_told_apart() -> None:
    assert "context" in declaration_of("docker-build:index:Image").inputs


def test_a_plugin_folder_names_this_python(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "aws", "aws")
    described = json.loads((folder / "PulumiPlugin.yaml").read_text())
    assert described["runtime"]["name"] == "python"
    compile((folder / "__main__.py").read_text(), "__main__.py", "exec")


def test_a_plugin_of_an_unknown_package_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpc", "127.0.0.1:1"]) == 2
    assert (
        "Name a simulated provider: aws, gcp, azure-native, docker-build, mlcloud." in capsys.readouterr().err
    )


def test_a_module_of_the_sdk_is_loaded_whole_before_any_thread_reads_it() -> None:
    # In a process of its own: here the module may be loaded already.
    program = """
from concurrent.futures import ThreadPoolExecutor
from mlcloud.simulated.declarations import declaration_of

tokens = ["aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"] * 4
tokens = [*tokens, "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"]
with ThreadPoolExecutor(10) as pool:
    print(len(list(pool.map(declaration_of, tokens))))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False
    )
    assert ended.stdout.strip() == "10", ended.stderr
