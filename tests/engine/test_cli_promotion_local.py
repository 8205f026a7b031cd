"""From dev to prod on this machine, through the command line: prod serves what dev tested and trains nothing.

The tests of the class share two stacks and build on each other, in their order: `--dist loadscope` keeps it.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.local_http import post
from support.processes import kill_all
from support.stack_project import STACK, StackProject
from support.waiting import eventually

TRAINING = {"estimator": "decision_tree", "target": "bought", "gate": {"accuracy": 0.6}}
PROD = """\
# what people use
config:
  mlcloud:cloud: local
  mlcloud:environment: prod

  # one is enough for a test
  mlcloud:endpoint: {capacity: {min: 1}}
"""


def csv() -> str:
    source = random.Random(1)  # noqa: S311 - data, not a secret
    ages = [source.randint(18, 80) for _ in range(80)]
    return "age,bought\n" + "".join(f"{age},{'yes' if age > 45 else 'no'}\n" for age in ages)


def dev(**hyperparameters: Any) -> dict[str, Any]:
    training = {**TRAINING, "hyperparameters": hyperparameters}
    return {"cloud": "local", "data": {"path": "data.csv"}, "training": training}


@pytest.fixture(scope="class")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProject]:
    made = StackProject.make(tmp_path_factory.mktemp("promotion"), dev(max_depth=2), csv())
    (made.root / "stacks" / "Pulumi.prod.yaml").write_text(PROD)
    yield made
    # prod is protected from a destroy.
    kill_all(made.processes())
    eventually(lambda: made.processes() == [])


def served(project: StackProject, stack: str) -> str:
    """The version that answers over HTTP now."""
    answer = post(f"{project.outputs(stack)['endpoint_url']}/invocations", {"instances": [{"age": 50}]})
    assert answer.status_code == 200, answer.text
    return answer.headers["x-model-version"]


def live(project: StackProject, stack: str) -> str:
    return str(project.outputs(stack)["model_sha256"])


def pin(project: StackProject) -> dict[str, str]:
    config = yaml.safe_load((project.root / "stacks" / "Pulumi.prod.yaml").read_text())["config"]
    return config["mlcloud:model"]


def trainings(project: StackProject, stack: str) -> list[Path]:
    return list((project.state_home / "local" / "mlcloud" / stack).glob("buckets/runs/*/run.json"))


@pytest.mark.timeout(600)
class TestFromDevToProd:
    def test_what_dev_has_trained_is_served_by_prod_under_the_same_hash(self, project: StackProject) -> None:
        project.done("up", STACK, "--yes")
        tested = project.outputs()
        told = project.done("promote", STACK, "prod")
        assert told.endswith("  mlcloud up prod\n")
        assert pin(project) == {
            "name": tested["model_name"],
            "uri": tested["model_uri"],
            "sha256": tested["model_sha256"],
            "version": tested["model_version"],
        }
        assert "training-run" not in project.done("up", "prod", "--yes")
        assert live(project, "prod") == tested["model_sha256"]
        assert served(project, "prod") == served(project, STACK) == tested["model_version"]

    def test_what_dev_trains_next_leaves_prod_as_it_is(self, project: StackProject) -> None:
        before = served(project, "prod")
        project.configure(dev(max_depth=1))
        project.done("up", STACK, "--yes")
        assert served(project, STACK) != before
        assert "Nothing changed" in project.done("up", "prod", "--yes")
        assert served(project, "prod") == before

    def test_the_next_promotion_brings_it_to_prod(self, project: StackProject) -> None:
        project.done("promote", STACK, "prod")
        project.done("up", "prod", "--yes")
        assert live(project, "prod") == live(project, STACK)
        assert served(project, "prod") == served(project, STACK)

    def test_prods_registry_lists_both_with_where_they_come_from(self, project: StackProject) -> None:
        versions = json.loads(project.done("models", "prod", "--json"))
        assert [version["is_live"] for version in versions] == [True, False]
        assert [version["stage"] for version in versions] == ["live", "kept"]
        depths = [version["lineage"]["hyperparameters"]["max_depth"] for version in versions]
        assert depths == [1, 2]
        assert len({version["lineage"]["data_sha256"] for version in versions}) == 1
        assert all(Path(version["lineage"]["report"]).is_file() for version in versions)
        assert all("accuracy" in version["metrics"] for version in versions)
        told = project.done("models", "prod")
        assert "80 rows · decision_tree · max_depth 2" in told
        runs = {version["lineage"]["run"] for version in json.loads(project.done("models", STACK, "--json"))}
        assert len(runs) == 2
        assert {path.parent.name for path in trainings(project, STACK)} < runs

    def test_a_rollback_serves_the_first_one_again(self, project: StackProject) -> None:
        _, first = json.loads(project.done("models", "prod", "--json"))
        told = project.done("rollback", "prod")
        assert f"back to {first['label']}" in told
        assert pin(project)["sha256"] == first["sha256"] != live(project, "prod")
        project.done("up", "prod", "--yes")
        assert live(project, "prod") == first["sha256"]
        assert served(project, "prod") == first["label"] != served(project, STACK)
        assert (
            (project.root / "stacks" / "Pulumi.prod.yaml").read_text().startswith(PROD.partition("\n\n")[0])
        )

    def test_no_training_ran_for_prod(self, project: StackProject) -> None:
        assert len(trainings(project, STACK)) == 1, "dev keeps the run that is its live model's"
        assert trainings(project, "prod") == []
        assert "training_run" not in project.outputs("prod")
