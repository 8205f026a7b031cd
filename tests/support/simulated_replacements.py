"""Which properties force a replacement on AWS, from CloudFormation's schemas as cfn-lint carries them.

``python -m support.simulated_replacements`` (in ``tests/``) writes the table that the simulated AWS reads.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cfnlint.data.schemas
from mlcloud.embedded.properties.values import covers
from mlcloud.simulated.declarations import Member, declaration_of, members_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "components" / "mlcloud" / "simulated" / "aws" / "replacements.json"
REGENERATE = "cd tests && python -m support.simulated_replacements"

SCHEMAS = Path(cfnlint.data.schemas.__path__[0])

_BATCH_MANAGED = "ComputeResources/ManagedInstancesProvider/InstanceLaunchTemplate"

TYPES: Mapping[str, str] = {
    "aws:appautoscaling/policy:Policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "aws:appautoscaling/target:Target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "aws:batch/computeEnvironment:ComputeEnvironment": "AWS::Batch::ComputeEnvironment",
    "aws:batch/jobDefinition:JobDefinition": "AWS::Batch::JobDefinition",
    "aws:batch/jobQueue:JobQueue": "AWS::Batch::JobQueue",
    "aws:batch/schedulingPolicy:SchedulingPolicy": "AWS::Batch::SchedulingPolicy",
    "aws:budgets/budget:Budget": "AWS::Budgets::Budget",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "AWS::CloudWatch::CompositeAlarm",
    "aws:cloudwatch/dashboard:Dashboard": "AWS::CloudWatch::Dashboard",
    "aws:cloudwatch/eventRule:EventRule": "AWS::Events::Rule",
    "aws:cloudwatch/logGroup:LogGroup": "AWS::Logs::LogGroup",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "AWS::Logs::MetricFilter",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "AWS::Logs::ResourcePolicy",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "AWS::CloudWatch::Alarm",
    "aws:ec2/eip:Eip": "AWS::EC2::EIP",
    "aws:ec2/flowLog:FlowLog": "AWS::EC2::FlowLog",
    "aws:ec2/launchTemplate:LaunchTemplate": "AWS::EC2::LaunchTemplate",
    "aws:ec2/natGateway:NatGateway": "AWS::EC2::NatGateway",
    "aws:ec2/placementGroup:PlacementGroup": "AWS::EC2::PlacementGroup",
    "aws:ec2/route:Route": "AWS::EC2::Route",
    "aws:ec2/routeTable:RouteTable": "AWS::EC2::RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "AWS::EC2::SubnetRouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup": "AWS::EC2::SecurityGroup",
    "aws:ec2/subnet:Subnet": "AWS::EC2::Subnet",
    "aws:ec2/vpc:Vpc": "AWS::EC2::VPC",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "AWS::EC2::VPCEndpoint",
    "aws:ecr/repository:Repository": "AWS::ECR::Repository",
    "aws:iam/instanceProfile:InstanceProfile": "AWS::IAM::InstanceProfile",
    "aws:iam/policy:Policy": "AWS::IAM::ManagedPolicy",
    "aws:iam/role:Role": "AWS::IAM::Role",
    "aws:iam/rolePolicy:RolePolicy": "AWS::IAM::RolePolicy",
    "aws:kms/alias:Alias": "AWS::KMS::Alias",
    "aws:kms/key:Key": "AWS::KMS::Key",
    "aws:s3/bucket:Bucket": "AWS::S3::Bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "AWS::S3::BucketPolicy",
    "aws:sagemaker/endpoint:Endpoint": "AWS::SageMaker::Endpoint",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "AWS::SageMaker::EndpointConfig",
    "aws:sagemaker/model:Model": "AWS::SageMaker::Model",
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": "AWS::SageMaker::ModelPackageGroup",
    "aws:secretsmanager/secret:Secret": "AWS::SecretsManager::Secret",
    "aws:sns/topic:Topic": "AWS::SNS::Topic",
    "aws:sns/topicSubscription:TopicSubscription": "AWS::SNS::Subscription",
}
"""Types whose CloudFormation twin is the same thing."""

CLOUD_CONTROL = ("AWS::SageMaker::ModelPackage",)
"""Types that are declared by Cloud Control, in CloudFormation's own names."""

NAMES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AWS::ApplicationAutoScaling::ScalingPolicy", "ScalingTargetId"): (),
    # The provider changes tags in place (internal/service/batch/compute_environment.go, @Tags).
    ("AWS::Batch::ComputeEnvironment", "Tags"): (),
    **{
        ("AWS::Batch::ComputeEnvironment", f"{_BATCH_MANAGED}/{name}"): ()
        for name in ("CapacityOptionType", "FipsEnabled")
    },
    ("AWS::Batch::JobQueue", "JobQueueType"): (),
    ("AWS::Budgets::Budget", "Budget/BudgetName"): ("name",),
    # The provider changes notifications in place (internal/service/budgets/budget.go).
    ("AWS::Budgets::Budget", "NotificationsWithSubscribers"): (),
    ("AWS::EC2::EIP", "TransferAddress"): (),
    ("AWS::EC2::FlowLog", "DeliverLogsPermissionArn"): ("iamRoleArn",),
    ("AWS::EC2::FlowLog", "LogGroupName"): (),
    ("AWS::EC2::FlowLog", "ResourceId"): ("eniId", "subnetId", "transitGatewayId", "vpcId"),
    ("AWS::EC2::FlowLog", "ResourceType"): (),
    ("AWS::EC2::NatGateway", "PrivateIpAddress"): ("privateIp",),
    ("AWS::EC2::PlacementGroup", "ParentGroupId"): (),
    # The provider changes tags in place (internal/service/ec2/ec2_placement_group.go, @Tags).
    ("AWS::EC2::PlacementGroup", "Tags"): (),
    ("AWS::EC2::SecurityGroup", "GroupDescription"): ("description",),
    # The provider replaces the association by itself (ReplaceRouteTableAssociation).
    ("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId"): (),
    ("AWS::EC2::VPC", "VpcEncryptionControl"): (),
    ("AWS::IAM::RolePolicy", "PolicyName"): ("name",),
    ("AWS::S3::Bucket", "BucketNamePrefix"): ("bucketPrefix",),
    ("AWS::SNS::Subscription", "TopicArn"): ("topic",),
    ("AWS::SageMaker::EndpointConfig", "EnableNetworkIsolation"): (),
    ("AWS::SageMaker::EndpointConfig", "ExplainerConfig"): (),
    ("AWS::SageMaker::EndpointConfig", "KmsKeyId"): ("kmsKeyArn",),
    ("AWS::SageMaker::EndpointConfig", "MetricsConfig"): (),
    ("AWS::SageMaker::EndpointConfig", "VpcConfig"): (),
}
"""(CloudFormation type, property path) -> the property paths here, where the names do not tell.

None where pulumi-aws has no such property, or where its provider (hashicorp/terraform-provider-aws) does
without a replacement, as the comment says."""


def create_only(cfn_type: str) -> list[str]:
    """The paths that CloudFormation calls create-only, such as ``BucketName`` or ``A/B``."""
    names: dict[str, str] = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text())
    schema: dict[str, Any] = json.loads((SCHEMAS / "resources" / f"{names[cfn_type]}.json").read_text())
    return sorted(path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", []))


def table() -> tuple[dict[str, list[str]], list[str]]:
    """Token -> the paths that force a replacement; and what could not be mapped."""
    found: dict[str, list[str]] = {}
    unmapped: list[str] = []
    for token, cfn_type in TYPES.items():
        paths: set[str] = set()
        for given in create_only(cfn_type):
            if (cfn_type, given) in NAMES:
                paths.update(NAMES[cfn_type, given])
            elif path := _path(declaration_of(token).inputs, given.split("/"), cfn_type):
                paths.add(path)
            else:
                unmapped.append(f"{cfn_type} {given}")
        found[token] = sorted(
            path for path in paths if not any(covers(other, path) for other in paths - {path})
        )
    for cfn_type in CLOUD_CONTROL:
        found[cfn_type] = create_only(cfn_type)
    return found, unmapped


def _path(members: Mapping[str, Member], parts: list[str], cfn_type: str) -> str:
    name = _name(members, parts[0], cfn_type.rsplit("::", 1)[-1])
    if not name or len(parts) == 1:
        return name
    shape = members[name].shapes[0]
    step, inner = (name, shape) if shape.item is None else (f"{name}[*]", shape.item)
    if inner.members is None:
        return ""
    rest = _path(members_of(inner.members), [part for part in parts[1:] if part != "*"], cfn_type)
    return f"{step}.{rest}" if rest else ""


def _name(members: Mapping[str, Member], given: str, kind: str) -> str:
    """The property that goes by this name: alike but for case, number, and the words of its owner."""
    plain = {_plain(name): name for name in members}
    stripped = given.removeprefix(kind)
    for candidate in (given, given + "s", given.removesuffix("s"), stripped, given.removesuffix("Name")):
        if candidate and _plain(candidate) in plain:
            return plain[_plain(candidate)]
    return plain.get("name", "") if given.endswith("Name") else ""


def _plain(name: str) -> str:
    return re.sub(r"\W", "", name).lower()


def main() -> None:
    """Write the table."""
    found, unmapped = table()
    if unmapped:
        raise SystemExit("No property is known for:\n" + "\n".join(unmapped))
    TABLE.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
