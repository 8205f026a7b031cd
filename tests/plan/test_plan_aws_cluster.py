"""What AWS's GPU cluster declares, and what it refuses."""

import dataclasses
import json
from typing import Any

import pytest
from mlcloud.aws.cluster import AwsCluster, AwsClusterArgs, MultiNode, SingleNode
from mlcloud.aws.placement import Placement
from mlcloud.core.errors import ArgsError
from support.aws_declared import IMAGE, KEY, Declared, scope

PLACEMENT = Placement(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])


def cluster(**more: Any) -> Declared:
    given: dict[str, Any] = {
        "scope": scope(),
        "accelerator": "A10G",
        "accelerators": 1,
        "max_machines": 4,
        "placement": PLACEMENT,
        "key_arn": KEY,
        "image_uri": IMAGE,
        "data_bucket_arn": "arn:aws:s3:::shop-data",
        "models_bucket_arn": "arn:aws:s3:::shop-models",
        **more,
    }
    args = AwsClusterArgs(**given)
    return Declared(lambda: AwsCluster("gpu", args))


def test_no_machine_runs_while_no_job_waits() -> None:
    machines = cluster().inputs("ComputeEnvironment")["computeResources"]
    assert (machines["minVcpus"], machines["maxVcpus"]) == (0, 16)
    assert (machines["type"], machines["allocationStrategy"]) == ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED")
    assert machines["instanceTypes"] == [
        "g5.xlarge",
        "g5.2xlarge",
        "g5.4xlarge",
        "g5.8xlarge",
        "g5.16xlarge",
    ]
    assert machines["ec2Configurations"] == [{"imageType": "ECS_AL2023_NVIDIA"}]
    assert "desiredVcpus" not in machines


def test_machines_have_no_public_address_encrypted_disks_and_imdsv2() -> None:
    template = cluster().inputs("LaunchTemplate")
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"
    (network,) = template["networkInterfaces"]
    assert network["associatePublicIpAddress"] == "false"
    assert "keyName" not in template


def test_a_job_on_one_machine_asks_for_its_gpus_and_retries_only_what_spot_took() -> None:
    definition = cluster(accelerators=4).inputs("JobDefinition")
    assert definition["type"] == "container"
    assert "nodeProperties" not in definition
    needs = cluster_needs(json.loads(definition["containerProperties"]))
    assert needs == {"VCPU": "48", "MEMORY": "12288", "GPU": "4"}
    assert definition["retryStrategy"]["attempts"] == 3
    assert definition["retryStrategy"]["evaluateOnExits"][-1] == {"action": "EXIT", "onReason": "*"}


def cluster_needs(container: dict[str, Any]) -> dict[str, str]:
    return {need["type"]: need["value"] for need in container["resourceRequirements"]}


def test_a_job_on_several_machines_is_on_demand_and_close_together() -> None:
    found = cluster(jobs=MultiNode(nodes=4))
    machines = found.inputs("ComputeEnvironment")["computeResources"]
    assert machines["type"] == "EC2"
    assert machines["instanceTypes"] == ["g5.xlarge"]
    assert machines["placementGroup"] == found.inputs("PlacementGroup")["name"]
    assert machines["securityGroupIds"] == ["sg-1"]
    assert json.loads(found.inputs("JobDefinition")["nodeProperties"])["numNodes"] == 4
    assert "spot" not in {field.name for field in dataclasses.fields(MultiNode)}
    assert cluster(jobs=SingleNode(spot=False)).inputs("ComputeEnvironment")["computeResources"]["type"] == (
        "EC2"
    )


def test_accelerators_that_aws_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(ArgsError, match="A10G"):
        cluster(accelerator="A10")
    with pytest.raises(ArgsError, match="1, 4, 8 of A10G in one machine"):
        cluster(accelerators=3)
    with pytest.raises(ArgsError) as refused:
        cluster(jobs=MultiNode(nodes=1), max_machines=0)
    assert [problem.path for problem in refused.value.problems] == ["jobs.nodes", "max_machines"]


def test_roles_of_the_cluster_trust_one_service_each_and_name_their_resources() -> None:
    found = cluster()
    trusts = [json.loads(entry["inputs"]["assumeRolePolicy"])["Statement"][0] for entry in found.all("Role")]
    assert {trust["Principal"]["Service"] for trust in trusts} == {
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
    }
    policy = json.loads(found.inputs("RolePolicy")["policy"])
    assert all("*" not in (resource, resource[:1]) for s in policy["Statement"] for resource in s["Resource"])
    assert found.inputs("LogGroup")["retentionInDays"] == 365
