"""A deployer of a stack that trains on its cluster may do what such runs need, and no more of training.

All other rights are those of any stack (test_contract_aws_deployer.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.provider.values import decode
from mlcloud.simulated import providers_for
from support import provider_aws_batch as batch
from support import provider_aws_cloud as aws
from support.judges.aws.calls import Account, needs_of, operations_in, s3_needs
from support.judges.aws.policies import documents
from support.judges.aws.rights import Need, Rights
from support.markdown import ROOT
from support.plan import plan
from support.provider_aws_runs import write_stream
from support.provider_plugin import Plugin, RefusedError
from support.stack_plan import planned

RUN = "mlcloud:aws:BatchTrainingRun"
PROVIDER = ROOT / "components" / "mlcloud" / "provider" / "aws"
CALLS = [*sorted(PROVIDER.glob("batch_*.py")), *sorted(PROVIDER.glob("training_log.py"))]
IMAGE = f"{aws.ACCOUNT}.dkr.ecr.{aws.REGION}.amazonaws.com/trainer@sha256:{'0' * 64}"
ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 60))
SETTINGS = {
    "cloud": "aws",
    "region": aws.REGION,
    "data": {"path": "data.csv"},
    "training": {"estimator": "svm", "target": "bought", "compute": {"kind": "cluster"}},
    "image": IMAGE,
    "network": {"kind": "managed"},
    "cluster": {"accelerator": "A10G"},
    "tags": {"team": "ml"},
}
OF_TRAINING = ("batch:", "ReadTrainingLogs")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    from mlcloud.aws.stack import build

    folder: Path = tmp_path_factory.mktemp("stack")
    (folder / "data.csv").write_text(ROWS)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in SETTINGS.items()}
    settings = load({f"mlcloud:{key}": text for key, text in texts.items()})
    context = StackContext.of(settings, project="shop", stack="gpu", root=folder)

    def program() -> None:
        for name, value in build(settings, context).items():
            pulumi.export(name, value)

    providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
    found = plan(program, providers=providers, folder=folder)
    assert found.ok, found.diagnostics
    return found.to_dict()["resources"]


def one(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (entry,) = (entry for entry in resources if entry["type"].endswith(kind))
    return entry["inputs"]


def rights(resources: list[dict[str, Any]]) -> Rights:
    found = documents(entry for entry in resources if "identity-deployer" in entry["name"])
    assert len(found) == 2
    return Rights(found)


@pytest.fixture(scope="module")
def run(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """The plan's run. The ARNs are as AWS makes them of the names, which a plan cannot know."""
    where = f"arn:aws:batch:{aws.REGION}:{aws.ACCOUNT}"
    queue, definition = one(resources, ":JobQueue")["name"], one(resources, ":JobDefinition")["name"]
    return {
        **one(resources, RUN),
        "jobQueue": f"{where}:job-queue/{queue}",
        "jobDefinition": f"{where}:job-definition/{definition}:7",
    }


@pytest.fixture(scope="module")
def cloud(run: dict[str, Any]) -> Iterator[batch.BatchCloud]:
    """An AWS to which our provider did everything that it can do with a run."""
    made = batch.BatchCloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in made.variables.items():
            environment.setenv(name, value)
        plugin = Plugin()
        try:
            train(made, plugin, run)
        finally:
            assert plugin.close() == ("", "")
            made.close()
    assert made.problems == []
    yield made


def train(cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]) -> None:
    """A run that fails, is forgotten and started anew, and another one that is stopped."""
    cloud.bucket(inputs["modelsBucket"])
    cloud.next_states, cloud.failure = list(batch.FAILS), b"no column\n"
    write_stream(cloud, inputs["logGroup"], cloud.next_stream(), [{"level": "error", "message": "no"}])
    first = plugin.resource(RUN, "run")
    with pytest.raises(RefusedError) as refused:
        first.create(inputs)
    assert refused.value.init_failure is not None
    first.id, first.inputs = refused.value.init_failure.id, inputs
    first.outputs = decode(refused.value.init_failure.properties).values
    cloud.archive = aws.archive({"metrics": {}, "data": {"sha256": inputs["dataSha256"]}, "files": {}})
    assert first.update(inputs)["status"] == "published"

    other = {**inputs, "hyperparameters": {**inputs["hyperparameters"], "seed": "7"}, "wait": False}
    cloud.next_states = list(batch.STAYS)
    stopped = plugin.resource(RUN, "stopped")
    with pytest.raises(RefusedError) as refused:
        stopped.create(other)
    assert refused.value.init_failure is not None
    stopped.id, stopped.inputs = refused.value.init_failure.id, other
    stopped.outputs = decode(refused.value.init_failure.properties).values
    stopped.delete()


def called(cloud: batch.BatchCloud, run: dict[str, Any]) -> list[Need]:
    account = Account(aws.ACCOUNT, aws.REGION, run["kmsKeyArn"])
    group = account.arn("logs", f"log-group:{run['logGroup']}:*")
    return [
        *(
            need
            for call in cloud.calls
            for need in needs_of(account, call.service, call.operation, call.parameters)
        ),
        *(
            need
            for request in cloud.requests
            for need in s3_needs(account, request.method, request.path, request.copied)
        ),
        Need("logs:FilterLogEvents", group, "mlcloud logs"),
    ]


def test_every_call_for_a_run_on_the_cluster_was_seen(cloud: batch.BatchCloud) -> None:
    seen = {re.sub(r"(?<!^)(?=[A-Z])", "_", call.operation).lower() for call in cloud.calls}
    seen |= {"get_object"} if any(request.method == "GET" for request in cloud.requests) else set()
    assert operations_in(CALLS) == seen


def test_calls_for_a_run_on_the_cluster_are_allowed(
    cloud: batch.BatchCloud, resources: list[dict[str, Any]], run: dict[str, Any]
) -> None:
    report = rights(resources).judge(called(cloud, run))
    report.check(share=1.0)
    assert {line.split(": ")[1].split()[0] for line in report.judged} >= {
        *("batch:SubmitJob", "batch:ListJobs", "batch:DescribeJobs", "batch:TerminateJob"),
        *("batch:TagResource", "logs:GetLogEvents", "s3:GetObject"),
    }


def test_no_right_to_train_is_idle(
    cloud: batch.BatchCloud, resources: list[dict[str, Any]], run: dict[str, Any]
) -> None:
    held = rights(resources)
    held.judge(called(cloud, run))
    assert [line for line in held.unused() if any(part in line for part in OF_TRAINING)] == []
    assert not any("TrainingJob" in pattern for pattern in actions(resources))


def test_jobs_of_another_queue_and_its_log_are_out_of_reach(
    resources: list[dict[str, Any]], run: dict[str, Any]
) -> None:
    account = Account(aws.ACCOUNT, aws.REGION, run["kmsKeyArn"])
    others = [
        Need("batch:SubmitJob", account.arn("batch", "job-queue/other"), "test"),
        Need("batch:SubmitJob", account.arn("batch", "job-definition/other:1"), "test"),
        Need("logs:GetLogEvents", account.arn("logs", "log-group:/aws/batch/other:*"), "test"),
    ]
    assert len(rights(resources).judge(others).findings) == len(others)


def test_a_stack_that_trains_on_sagemaker_has_no_rights_on_batch() -> None:
    assert not any(pattern.startswith("batch:") for pattern in actions(planned("aws-dev")["resources"]))


def actions(resources: list[dict[str, Any]]) -> set[str]:
    found = documents(entry for entry in resources if "identity-deployer" in entry["name"])
    return {
        action for document in found for statement in document.statements for action in statement["Action"]
    }
