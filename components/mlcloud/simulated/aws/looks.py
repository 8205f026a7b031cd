"""How AWS resources look: identifiers as the Terraform provider imports them, ARNs as AWS documents them.

Sources: https://registry.terraform.io/providers/hashicorp/aws/latest/docs (each resource's "Import") and
https://docs.aws.amazon.com/service-authorization/latest/reference/ (each service's "Resource types").
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.aws import cloudcontrol
from mlcloud.simulated.cloud import Facts, Looks

_HERE = "arn:{partition}:%s:{region}:{account}:%s"
_GLOBAL = "arn:{partition}:%s::{account}:%s"
_MADE_AT = "2025-01-01T00:00:00Z"


def _here(service: str, resource: str, *, id_: str = "{name}", **outputs: str) -> Looks:
    """A resource of one region and account."""
    return Looks(id=id_, outputs={"arn": _HERE % (service, resource), **outputs})


def _global(service: str, resource: str, *, id_: str = "{name}", **outputs: str) -> Looks:
    """A resource of one account, in no region."""
    return Looks(id=id_, outputs={"arn": _GLOBAL % (service, resource), **outputs})


def _ec2(prefix: str, resource: str, **outputs: str) -> Looks:
    """A resource of EC2: its identifier is a prefix and 17 digits."""
    number = prefix + "-{seventeen}"
    return _here("ec2", f"{resource}/{number}", id_=number, **outputs)


LOOKS: Mapping[str, Looks] = {
    "aws:s3/bucket:Bucket": Looks(
        id="{bucket}",
        outputs={
            "arn": "arn:{partition}:s3:::{bucket}",
            "bucketDomainName": "{bucket}.s3.amazonaws.com",
            "bucketRegion": "{region}",
            "bucketRegionalDomainName": "{bucket}.s3.{region}.amazonaws.com",
        },
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Looks(
        id="{bucket}/{key}", outputs={"arn": "arn:{partition}:s3:::{bucket}/{key}"}
    ),
    "aws:kms/key:Key": _here("kms", "key/{uuid}", id_="{uuid}", keyId="{uuid}"),
    "aws:kms/keyPolicy:KeyPolicy": Looks(id="{keyId}"),
    "aws:kms/alias:Alias": _here(
        "kms", "{name}", targetKeyArn="arn:{partition}:kms:{region}:{account}:key/{targetKeyId}"
    ),
    "aws:iam/role:Role": _global("iam", "role{path|/}{name}", uniqueId="AROA{upper}"),
    "aws:iam/policy:Policy": _global("iam", "policy{path|/}{name}", id_="{arn}", policyId="ANPA{upper}"),
    "aws:iam/rolePolicy:RolePolicy": Looks(id="{role}:{name}"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Looks(id="{role}-{seventeen}"),
    "aws:iam/instanceProfile:InstanceProfile": _global(
        "iam", "instance-profile{path|/}{name}", uniqueId="AIPA{upper}"
    ),
    "aws:ecr/repository:Repository": _here(
        "ecr",
        "repository/{name}",
        registryId="{account}",
        repositoryUrl="{account}.dkr.ecr.{region}.amazonaws.com/{name}",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Looks(id="{repository}"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Looks(id="{repository}"),
    "aws:ec2/vpc:Vpc": _ec2("vpc", "vpc"),
    "aws:ec2/subnet:Subnet": _ec2("subnet", "subnet"),
    "aws:ec2/securityGroup:SecurityGroup": _ec2("sg", "security-group"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _ec2("sg", "security-group", name="default"),
    "aws:ec2/routeTable:RouteTable": _ec2("rtb", "route-table"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Looks(id="rtbassoc-{seventeen}"),
    "aws:ec2/route:Route": Looks(id="r-{routeTableId}{seven}"),
    "aws:ec2/internetGateway:InternetGateway": _ec2("igw", "internet-gateway"),
    "aws:ec2/natGateway:NatGateway": Looks(id="nat-{seventeen}"),
    "aws:ec2/eip:Eip": _ec2("eipalloc", "elastic-ip", allocationId="eipalloc-{seventeen}"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2("vpce", "vpc-endpoint", prefixListId="pl-{seven}"),
    "aws:ec2/flowLog:FlowLog": _ec2("fl", "vpc-flow-log"),
    "aws:ec2/launchTemplate:LaunchTemplate": _ec2("lt", "launch-template"),
    "aws:ec2/placementGroup:PlacementGroup": _here(
        "ec2", "placement-group/{name}", placementGroupId="pg-{seventeen}"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ec2(
        "sgr", "security-group-rule", securityGroupRuleId="sgr-{seventeen}"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ec2(
        "sgr", "security-group-rule", securityGroupRuleId="sgr-{seventeen}"
    ),
    "aws:sagemaker/model:Model": _here("sagemaker", "model/{name}"),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": _here("sagemaker", "endpoint-config/{name}"),
    "aws:sagemaker/endpoint:Endpoint": _here("sagemaker", "endpoint/{name}"),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": _here(
        "sagemaker", "model-package-group/{modelPackageGroupName}", id_="{modelPackageGroupName}"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _here("cloudwatch", "alarm:{name}"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _here(
        "cloudwatch", "alarm:{alarmName}", id_="{alarmName}"
    ),
    "aws:cloudwatch/dashboard:Dashboard": Looks(
        id="{dashboardName}", outputs={"dashboardArn": _GLOBAL % ("cloudwatch", "dashboard/{dashboardName}")}
    ),
    "aws:cloudwatch/logGroup:LogGroup": _here("logs", "log-group:{name}"),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Looks(id="{policyName}"),
    "aws:cloudwatch/eventRule:EventRule": _here("events", "rule/{name}"),
    "aws:cloudwatch/eventTarget:EventTarget": Looks(id="{rule}-{targetId}"),
    "aws:sns/topic:Topic": _here("sns", "{name}", id_="{arn}", owner="{account}"),
    "aws:sns/topicPolicy:TopicPolicy": Looks(id="{arn}", outputs={"owner": "{account}"}),
    "aws:sns/topicSubscription:TopicSubscription": Looks(
        id="{arn}", outputs={"arn": "{topic}:{uuid}", "ownerId": "{account}"}
    ),
    "aws:batch/computeEnvironment:ComputeEnvironment": _here("batch", "compute-environment/{name}"),
    "aws:batch/jobQueue:JobQueue": _here("batch", "job-queue/{name}", id_="{arn}"),
    "aws:batch/jobDefinition:JobDefinition": _here(
        "batch",
        "job-definition/{name}:{revision}",
        id_="{arn}",
        arnPrefix=_HERE % ("batch", "job-definition/{name}"),
    ),
    "aws:appautoscaling/target:Target": _here(
        "application-autoscaling", "scalable-target/{seventeen}", id_="{resourceId}"
    ),
    "aws:appautoscaling/policy:Policy": _here(
        "autoscaling", "scalingPolicy:{uuid}:resource/{serviceNamespace}/{resourceId}:policyName/{name}"
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": _here(
        "autoscaling",
        "scheduledAction:{uuid}:resource/{serviceNamespace}/{resourceId}:scheduledActionName/{name}",
        id_="{name}-{serviceNamespace}-{resourceId}",
    ),
    "aws:budgets/budget:Budget": _global("budgets", "budget/{name}", id_="{account}:{name}"),
    "aws:secretsmanager/secret:Secret": _here("secretsmanager", "secret:{name}-{seven}", id_="{arn}"),
}

_PREFIXES: Mapping[str, str] = {
    "allocationId": "eipalloc",
    "defaultNetworkAclId": "acl",
    "defaultRouteTableId": "rtb",
    "defaultSecurityGroupId": "sg",
    "dhcpOptionsId": "dopt",
    "mainRouteTableId": "rtb",
    "networkInterfaceId": "eni",
    "vpcId": "vpc",
}
_OWNERS = frozenset({"accountId", "ownerId", "registryId"})


def fallback(token: str, inputs: Mapping[str, Any]) -> Looks:
    """The looks of a type without a row: named after what it belongs to, or numbered."""
    if token == cloudcontrol.RESOURCE:
        return cloudcontrol.looks(inputs)
    _, module, kind = token.split(":")
    service = module.split("/")[0]
    for owner in ("name", "bucket"):
        if isinstance(inputs.get(owner), str):
            return _here(service, f"{kind[0].lower()}{kind[1:]}/{{{owner}}}", id_=f"{{{owner}}}")
    number = kind.lower() + "-{seventeen}"
    return _here(service, number, id_=number)


def computed(name: str, facts: Facts, inputs: Properties, render: Callable[[str], str]) -> Any:
    """An output without a template; ``None`` where nothing is known of its name."""
    if name == "tagsAll":
        tags: Any = inputs.get("tags") or {}
        return {**facts.tags, **cast("Properties", tags)} if isinstance(tags, dict) else tags
    if name == "region" or name in _OWNERS:
        return facts.region if name == "region" else facts.account
    if name in _PREFIXES:
        return render(_PREFIXES[name] + "-{seventeen}")
    if name.endswith(("Date", "Time", "edAt", "Timestamp")):
        return _MADE_AT
    return render(f"{name}-{{seven}}") if name.endswith("Id") else None
