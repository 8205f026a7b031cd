"""The network on AWS: a private VPC of the stack's own, one that is there already, or none."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, iam, vpc

from mlcloud.aws.arns import arn, log_group_arns
from mlcloud.aws.logs import declare_log_group, retention_problem
from mlcloud.aws.placement import Placement
from mlcloud.aws.policies import Statement, document, trust
from mlcloud.aws.vpc_endpoints import s3_policy, service_policy
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# What training and serving talk to (https://docs.aws.amazon.com/sagemaker/latest/dg/infrastructure-give-access.html).
SERVICES = ("sagemaker.api", "sagemaker.runtime", "ecr.api", "ecr.dkr", "logs", "sts", "kms")
# What machines of a Batch cluster need beyond that: all three, or the traffic takes the public way
# (https://docs.aws.amazon.com/batch/latest/userguide/vpc-interface-endpoints.html,
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html).
CLUSTER_SERVICES = ("ecs", "ecs-agent", "ecs-telemetry")
_HTTPS = 443
# VpcConfig in SageMaker's API model takes at most 16 subnets; ours need one in each of two zones at least.
_ZONES_MIN, _ZONES_MAX = 2, 16
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
_VPC_PREFIX_MIN, _VPC_PREFIX_MAX = 16, 24
_SUBNET_BITS = 4


@dataclass(frozen=True, kw_only=True)
class ManagedNetwork:
    """A VPC of the stack's own, without a way to the internet.

    Attributes:
        zones: Availability zones, 2 to 16; one private subnet in each.
        buckets: ARNs of the buckets that can be reached from inside.
        key_arn: KMS key of the flow logs; the only one that can be used from inside.
        cidr: Its addresses, a private block of /16 to /24. Default `10.20.0.0/16`.
        services: AWS services that are reached by interface endpoints. Each costs by the hour and zone.
            Default: what training and serving need.
        log_retention_days: Flow logs are kept for so many days, one of CloudWatch's numbers. Default 365.
    """

    zones: Sequence[str]
    buckets: Sequence[pulumi.Input[str]]
    key_arn: pulumi.Input[str]
    cidr: str = "10.20.0.0/16"
    services: Sequence[str] = SERVICES
    log_retention_days: int = 365


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """Subnets and security groups that somebody else looks after.

    Attributes:
        subnet_ids: 1 to 16 subnets, better in two zones.
        security_group_ids: 1 to 5 security groups.
    """

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class NoNetwork:
    """No VPC: what runs is in SageMaker's own, and its data goes over AWS's public addresses, encrypted."""


@dataclass(frozen=True, kw_only=True)
class AwsNetworkArgs:
    """What a network on AWS is made from.

    Attributes:
        scope: Whose it is and where.
        network: Which kind of network.
    """

    scope: Scope
    network: ManagedNetwork | ExistingNetwork | NoNetwork

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        if isinstance(self.network, ManagedNetwork):
            validate(
                "The network",
                within("network.zones", len(self.network.zones), low=_ZONES_MIN, high=_ZONES_MAX),
                _cidr_problem(self.network.cidr),
                retention_problem("network.log_retention_days", self.network.log_retention_days),
            )
        elif isinstance(self.network, ExistingNetwork):
            validate(
                "The network",
                within("network.subnet_ids", len(self.network.subnet_ids), low=1, high=_ZONES_MAX),
                within("network.security_group_ids", len(self.network.security_group_ids), low=1, high=5),
            )


def _cidr_problem(cidr: str) -> Problem | None:
    try:
        block = ipaddress.IPv4Network(cidr)
    except ValueError:
        block = None
    if block is not None and block.is_private and _VPC_PREFIX_MIN <= block.prefixlen <= _VPC_PREFIX_MAX:
        return None
    allowed = f"a private IPv4 block of /{_VPC_PREFIX_MIN} to /{_VPC_PREFIX_MAX}, such as 10.20.0.0/16"
    return Problem(path="network.cidr", value=cidr, allowed=allowed, fix="write such a block")


class AwsNetwork(pulumi.ComponentResource):
    """Where training and serving run."""

    id: pulumi.Output[str]
    """The VPC's id; empty where the stack has no VPC of its own."""
    name: pulumi.Output[str]
    placement: Placement | None
    """Subnets and security groups, known once what runs in them reaches what it needs; None: no network."""

    def __init__(self, name: str, args: AwsNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsNetwork", name, {}, opts)
        self._scope = args.scope
        self.name = pulumi.Output.from_input(args.scope.name("aws-sagemaker"))
        self.id = pulumi.Output.from_input("")
        self.placement = None
        if isinstance(args.network, ExistingNetwork):
            self.placement = Placement(
                subnet_ids=list(args.network.subnet_ids),
                security_group_ids=list(args.network.security_group_ids),
            )
        elif isinstance(args.network, ManagedNetwork):
            self._declare(name, args.network)
        self.register_outputs({"id": self.id, "name": self.name})

    def _options(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        extra = pulumi.ResourceOptions(depends_on=list(depends_on)) if depends_on else None
        return child_options(self, environment=self._scope.environment, extra=extra)

    def _tags(self, part: str) -> dict[str, str]:
        return {**self._scope.tags, "Name": f"{self._scope.name('aws-sagemaker')}-{part}"}

    def _declare(self, name: str, network: ManagedNetwork) -> None:
        own = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=network.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._options(),
        )
        # Whoever forgets to name a group gets this one, which lets nothing through.
        ec2.DefaultSecurityGroup(
            f"{name}-default-group",
            vpc_id=own.id,
            ingress=[],
            egress=[],
            tags=self._tags("default"),
            opts=self._options(),
        )
        self._flow_logs(name, network, own)
        subnets, table = self._subnets(name, network, own)
        reach_s3 = ec2.VpcEndpoint(
            f"{name}-endpoint-s3",
            vpc_id=own.id,
            service_name=f"com.amazonaws.{self._scope.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id],
            policy=s3_policy(self._scope, network.buckets),
            tags=self._tags("s3"),
            opts=self._options(),
        )
        workload, rules = self._groups(name, own, reach_s3)
        endpoints = self._interface_endpoints(name, network, own, subnets, rules)
        self.id = own.id
        reached = [resource.id for resource in (reach_s3, *rules.values(), *endpoints)]
        self.placement = Placement(
            subnet_ids=[subnet.id for subnet in subnets],
            security_group_ids=[pulumi.Output.all(workload.id, *reached).apply(lambda ids: str(ids[0]))],
        )

    def _flow_logs(self, name: str, network: ManagedNetwork, own: ec2.Vpc) -> None:
        """Keep who talked to whom (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html)."""
        scope = self._scope
        group_name = f"/mlcloud/{scope.project}/{scope.stack}/flow-logs"
        group = declare_log_group(
            f"{name}-flow-logs",
            name=group_name,
            scope=scope,
            retention_days=network.log_retention_days,
            key_arn=network.key_arn,
            parent=self,
        )
        role = iam.Role(
            f"{name}-flow-logs-role",
            name=scope.name("aws-iam-role", "flow-logs"),
            description="Writes the flow logs of the stack's VPC",
            assume_role_policy=trust(
                scope, "vpc-flow-logs.amazonaws.com", arn(scope, "ec2", "vpc-flow-log/*")
            ),
            tags=scope.tags,
            opts=self._options(),
        )
        write = Statement(
            sid="Write",
            actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            resources=log_group_arns(scope, [group_name]),
        )
        policy = iam.RolePolicy(
            f"{name}-flow-logs-policy", role=role.name, policy=document(write), opts=self._options()
        )
        ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=own.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=self._tags("flow-log"),
            opts=self._options(policy),
        )

    def _subnets(
        self, name: str, network: ManagedNetwork, own: ec2.Vpc
    ) -> tuple[list[ec2.Subnet], ec2.RouteTable]:
        """Declare a private subnet in each zone, and one table without a route out."""
        table = ec2.RouteTable(
            f"{name}-routes", vpc_id=own.id, tags=self._tags("private"), opts=self._options()
        )
        blocks = ipaddress.IPv4Network(network.cidr).subnets(prefixlen_diff=_SUBNET_BITS)
        subnets: list[ec2.Subnet] = []
        for zone, block in zip(network.zones, blocks, strict=False):
            subnet = ec2.Subnet(
                f"{name}-subnet-{zone}",
                vpc_id=own.id,
                availability_zone=zone,
                cidr_block=str(block),
                map_public_ip_on_launch=False,
                tags=self._tags(zone),
                opts=self._options(),
            )
            ec2.RouteTableAssociation(
                f"{name}-route-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._options()
            )
            subnets.append(subnet)
        return subnets, table

    def _groups(
        self, name: str, own: ec2.Vpc, reach_s3: ec2.VpcEndpoint
    ) -> tuple[ec2.SecurityGroup, dict[str, pulumi.CustomResource]]:
        """Declare what may talk to what: what runs with itself, with the interface endpoints and with S3."""

        def group(part: str, description: str) -> ec2.SecurityGroup:
            return ec2.SecurityGroup(
                f"{name}-{part}-group",
                name=f"{self._scope.name('aws-sagemaker')}-{part}",
                description=description,
                vpc_id=own.id,
                tags=self._tags(part),
                opts=self._options(),
            )

        workload = group("workload", "Training and serving")
        services = group("services", "Interface endpoints of AWS services")
        rules: dict[str, pulumi.CustomResource] = {
            "services": services,
            "in-https": vpc.SecurityGroupIngressRule(
                f"{name}-services-in-https",
                security_group_id=services.id,
                description="AWS services, from what runs",
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                referenced_security_group_id=workload.id,
                tags=self._tags("in-https"),
                opts=self._options(),
            ),
            "out-https": vpc.SecurityGroupEgressRule(
                f"{name}-workload-out-https",
                security_group_id=workload.id,
                description="AWS services, by interface endpoints",
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                referenced_security_group_id=services.id,
                tags=self._tags("out-https"),
                opts=self._options(),
            ),
            "out-s3": vpc.SecurityGroupEgressRule(
                f"{name}-workload-out-s3",
                security_group_id=workload.id,
                description="S3, by the gateway endpoint",
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                prefix_list_id=reach_s3.prefix_list_id,
                tags=self._tags("out-s3"),
                opts=self._options(),
            ),
        }
        self._among_themselves(name, workload, rules)
        return workload, rules

    def _among_themselves(
        self, name: str, workload: ec2.SecurityGroup, rules: dict[str, pulumi.CustomResource]
    ) -> None:
        """Let the machines of one run talk, also encrypted: IKE on UDP 500, and ESP, IP protocol 50.

        https://docs.aws.amazon.com/sagemaker/latest/dg/train-encrypt.html
        """
        protocols: dict[str, tuple[str, int | None, int | None, str]] = {
            "tcp": ("tcp", 0, 65535, "Machines of one run"),
            "ike": ("udp", 500, 500, "Machines of one run, keys of their encryption"),
            "esp": ("50", None, None, "Machines of one run, encrypted"),
        }
        for part, (protocol, low, high, description) in protocols.items():
            rules[f"in-{part}"] = vpc.SecurityGroupIngressRule(
                f"{name}-workload-in-{part}",
                security_group_id=workload.id,
                description=description,
                ip_protocol=protocol,
                from_port=low,
                to_port=high,
                referenced_security_group_id=workload.id,
                tags=self._tags(f"in-{part}"),
                opts=self._options(),
            )
            rules[f"out-{part}"] = vpc.SecurityGroupEgressRule(
                f"{name}-workload-out-{part}",
                security_group_id=workload.id,
                description=description,
                ip_protocol=protocol,
                from_port=low,
                to_port=high,
                referenced_security_group_id=workload.id,
                tags=self._tags(f"out-{part}"),
                opts=self._options(),
            )

    def _interface_endpoints(
        self,
        name: str,
        network: ManagedNetwork,
        own: ec2.Vpc,
        subnets: Sequence[ec2.Subnet],
        rules: dict[str, pulumi.CustomResource],
    ) -> list[ec2.VpcEndpoint]:
        return [
            ec2.VpcEndpoint(
                f"{name}-endpoint-{service}",
                vpc_id=own.id,
                service_name=f"com.amazonaws.{self._scope.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in subnets],
                security_group_ids=[rules["services"].id],
                policy=service_policy(self._scope, service, network.key_arn),
                tags=self._tags(service),
                opts=self._options(),
            )
            for service in network.services
        ]
