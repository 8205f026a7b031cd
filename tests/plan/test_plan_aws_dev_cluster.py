"""A GPU cluster in dev: two keys beside those of `aws-dev` give it, with the network that it needs."""

from functools import cache
from typing import Any

import pulumi
import yaml
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.policy import check
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.inventory import ROOT
from support.markdown import blocks
from support.plan import plan
from support.settings_files import flat

ADR = ROOT / "docs" / "adr" / "0009-aws-dev-has-no-network.md"


def two_keys() -> dict[str, Any]:
    """What the decision says to write."""
    (block,) = (one for one in blocks(ADR) if one.language == "yaml")
    return yaml.safe_load(block.text)


@cache
def with_cluster() -> list[dict[str, Any]]:
    """What aws-dev declares with the two keys."""
    from mlcloud.aws.stack import build

    config = yaml.safe_load((ROOT / "stacks" / "Pulumi.aws-dev.yaml").read_text("utf-8"))["config"]
    settings = load(flat({**config, **two_keys()}))
    context = StackContext.of(settings, project="mlcloud", stack="aws-dev", root=ROOT)

    def program() -> None:
        for name, value in build(settings, context).items():
            pulumi.export(name, value)

    providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
    found = plan(program, providers=providers, project="mlcloud", stack="aws-dev", folder=ROOT)
    assert found.ok, found.diagnostics
    assert {"cluster_queue", "cluster_job_definition"} <= set(found.outputs)
    return found.to_dict()["resources"]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [entry["inputs"] for entry in with_cluster() if entry["type"].rsplit(":", 1)[-1] == kind]


def test_the_decision_names_two_keys() -> None:
    assert set(two_keys()) == {"mlcloud:network", "mlcloud:cluster"}


def test_the_two_keys_declare_a_network_with_the_ways_out_that_batch_needs() -> None:
    assert len(of_kind("Vpc")) == 1
    assert len(of_kind("Subnet")) == 2
    services = {inputs["serviceName"].split("eu-central-1.")[1] for inputs in of_kind("VpcEndpoint")}
    # https://docs.aws.amazon.com/batch/latest/userguide/vpc-interface-endpoints.html
    assert {"ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "s3"} <= services
    interfaces = [inputs for inputs in of_kind("VpcEndpoint") if inputs["vpcEndpointType"] == "Interface"]
    # What the decision reckons with: each of these costs by the hour and zone.
    assert len(interfaces) == 10
    assert all(len(inputs["subnetIds"]) == 2 for inputs in interfaces)


def test_the_cluster_has_gpus_and_no_machine_while_no_job_waits() -> None:
    (environment,) = of_kind("ComputeEnvironment")
    machines = environment["computeResources"]
    assert (machines["type"], machines["minVcpus"]) == ("SPOT", 0)
    assert all(kind.startswith("g5.") for kind in machines["instanceTypes"])
    assert len(of_kind("JobQueue")) == len(of_kind("JobDefinition")) == 1


def test_training_and_serving_are_then_in_the_network_and_nothing_is_waived_for_want_of_one() -> None:
    (run,), (model,) = of_kind("TrainingRun"), of_kind("Model")
    assert len(run["subnetIds"]) == 2
    assert len(model["vpcConfig"]["subnets"]) == 2
    report = check(with_cluster(), "dev")
    assert [str(one.problem) for one in report.findings] == []
    assert not {"training-network", "endpoint-model-network"} & {one.control for one, _ in report.waived}
    assert report.judged["network-flow-logs"] == report.judged["cluster-metadata"] == 1
