"""The GPU cluster on AWS: a managed compute environment of Batch that costs nothing while nothing runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_aws import batch, ec2, iam

from mlcloud.aws.arns import arn, cluster_log_group, domain_of, partition_of
from mlcloud.aws.instances import (
    BATCH_FAMILIES,
    accelerator_counts,
    gpus_of,
    instance_types_with,
    vcpus_of,
)
from mlcloud.aws.logs import declare_log_group, retention_problem
from mlcloud.aws.placement import Placement
from mlcloud.aws.policies import Statement, document, plain_document, trust
from mlcloud.core.args import one_of, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html
_IMAGE_TYPE: Final = "ECS_AL2023_NVIDIA"
ACCELERATORS: Final = tuple(dict.fromkeys(row.accelerator for row in BATCH_FAMILIES))
_ROOT_DEVICE: Final = "/dev/xvda"
_SPOT_ATTEMPTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class SingleNode:
    """Jobs that run on one machine each.

    Attributes:
        spot: Use spare capacity: cheaper, and it may be taken back; a job is tried three times. Default: yes.
    """

    spot: bool = True


@dataclass(frozen=True, kw_only=True)
class MultiNode:
    """Jobs that run on several machines together, close to each other.

    Batch has no spare capacity for these (https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html).

    Attributes:
        nodes: Machines of a job, 2 to 1000.
    """

    nodes: int


@dataclass(frozen=True, kw_only=True)
class AwsClusterArgs:
    """What a GPU cluster on AWS is made from.

    Attributes:
        scope: Whose it is and where.
        accelerator: The GPU's name: one of `ACCELERATORS`, such as `A10G`.
        accelerators: GPUs of one machine.
        max_machines: Most machines at once, of the smallest type that has these GPUs.
        placement: Private subnets and security groups; machines get no public address.
        key_arn: Key of logs and of the buckets' objects.
        image_uri: The image that jobs run, by digest.
        data_bucket_arn: The bucket that jobs read.
        models_bucket_arn: The bucket that jobs write.
        jobs: Jobs on one machine each, or on several together. Default: on one, spot.
        command: What a job runs in the image. Default `train`.
        memory_gb: Memory of a job on each machine, in GB; less than the machine has. Default 12.
        disk_gb: Disk of a machine, 30 to 16384 GB. Default 100.
        timeout_s: A job that takes longer is stopped, at least 60 s. Default 3600.
        log_retention_days: How long logs are kept, one of CloudWatch's numbers of days. Default 365.
    """

    scope: Scope
    accelerator: str
    accelerators: int
    max_machines: int
    placement: Placement
    key_arn: pulumi.Input[str]
    image_uri: pulumi.Input[str]
    data_bucket_arn: pulumi.Input[str]
    models_bucket_arn: pulumi.Input[str]
    jobs: SingleNode | MultiNode = SingleNode()
    command: Sequence[str] = ("train",)
    memory_gb: float = 12
    disk_gb: int = 100
    timeout_s: int = 3600
    log_retention_days: int = 365

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        nodes = self.jobs.nodes if isinstance(self.jobs, MultiNode) else 1
        validate(
            "The cluster",
            one_of("accelerator", self.accelerator, ACCELERATORS),
            _count_problem(self.accelerator, self.accelerators),
            within("jobs.nodes", nodes, low=2, high=1000) if isinstance(self.jobs, MultiNode) else None,
            within("max_machines", self.max_machines, low=nodes),
            within("memory_gb", self.memory_gb, low=1),
            within("disk_gb", self.disk_gb, low=30, high=16384),
            within("timeout_s", self.timeout_s, low=60),
            retention_problem("log_retention_days", self.log_retention_days),
        )

    @property
    def instance_types(self) -> list[str]:
        """The types that Batch may choose from; machines that work together are all alike."""
        found = instance_types_with(self.accelerator, self.accelerators, families=BATCH_FAMILIES)
        return found[:1] if isinstance(self.jobs, MultiNode) else found


def _count_problem(accelerator: str, count: int) -> Problem | None:
    counts = accelerator_counts(accelerator, families=BATCH_FAMILIES)
    if not counts or count in counts:
        return None
    allowed = f"{', '.join(map(str, counts))} of {accelerator} in one machine"
    return Problem(path="accelerators", value=count, allowed=allowed, fix=f"write one of {allowed}")


class AwsCluster(pulumi.ComponentResource):
    """A queue, the machines behind it, and the definition of its jobs."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    queue_arn: pulumi.Output[str]
    job_definition_arn: pulumi.Output[str]
    logs: pulumi.Output[str]
    """The name of the jobs' log group."""

    def __init__(self, name: str, args: AwsClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsCluster", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        environment = self._compute_environment(name, args, self._instance_profile(name, scope))
        queue = batch.JobQueue(
            f"{name}-queue",
            name=scope.name("aws-batch", name),
            state="ENABLED",
            priority=1,
            compute_environment_orders=[
                batch.JobQueueComputeEnvironmentOrderArgs(order=1, compute_environment=environment.arn)
            ],
            tags=scope.tags,
            opts=self._options,
        )
        log_group = declare_log_group(
            f"{name}-logs",
            name=cluster_log_group(scope.name("aws-batch", name)),
            scope=scope,
            retention_days=args.log_retention_days,
            key_arn=args.key_arn,
            parent=self,
        )
        definition = self._job_definition(name, args, self._job_role(name, args), log_group.name)
        self.id = queue.id
        self.name = queue.name
        self.queue_arn = queue.arn
        self.job_definition_arn = definition.arn
        self.logs = log_group.name
        self.register_outputs({"name": self.name, "queue_arn": self.queue_arn})

    def _instance_profile(self, name: str, scope: Scope) -> pulumi.Output[str]:
        """Declare what the machines may: join the cluster, fetch images, write logs."""
        role = iam.Role(
            f"{name}-machine",
            name=scope.name("aws-iam-role", name, "machine"),
            description="Machines of the GPU cluster",
            # EC2 sends neither account nor ARN along: a condition would shut it out.
            assume_role_policy=plain_document(
                Statement(
                    sid="Trust",
                    actions=["sts:AssumeRole"],
                    principal={"Service": f"ec2.{domain_of(scope.region)}"},
                )
            ),
            tags=scope.tags,
            opts=self._options,
        )
        policy = iam.RolePolicyAttachment(
            f"{name}-machine-policy",
            role=role.name,
            policy_arn=f"arn:{partition_of(scope.region)}:iam::aws:policy/service-role/"
            "AmazonEC2ContainerServiceforEC2Role",
            opts=self._options,
        )
        profile = iam.InstanceProfile(
            f"{name}-machine-profile",
            name=scope.name("aws-iam-role", name, "machine"),
            role=role.name,
            tags=scope.tags,
            opts=self._options,
        )
        return pulumi.Output.all(profile.arn, policy.id).apply(lambda known: str(known[0]))

    def _job_role(self, name: str, args: AwsClusterArgs) -> pulumi.Output[str]:
        """Declare what jobs may: read the data, write models, with the key of both."""
        scope = args.scope
        role = iam.Role(
            f"{name}-job",
            name=scope.name("aws-iam-role", name, "job"),
            description="Jobs of the GPU cluster",
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
            assume_role_policy=trust(scope, "ecs-tasks.amazonaws.com", arn(scope, "ecs", "*")),
            tags=scope.tags,
            opts=self._options,
        )
        data, models = args.data_bucket_arn, args.models_bucket_arn
        policy = iam.RolePolicy(
            f"{name}-job-policy",
            name="job",
            role=role.name,
            policy=document(
                Statement(sid="List", actions=["s3:ListBucket"], resources=[data, models]),
                Statement(sid="Read", actions=["s3:GetObject"], resources=[pulumi.Output.concat(data, "/*")]),
                Statement(
                    sid="Write",
                    actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    resources=[pulumi.Output.concat(models, "/*")],
                ),
                Statement(
                    sid="Key", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[args.key_arn]
                ),
            ),
            opts=self._options,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))

    def _compute_environment(
        self, name: str, args: AwsClusterArgs, profile_arn: pulumi.Output[str]
    ) -> batch.ComputeEnvironment:
        scope, spot = args.scope, isinstance(args.jobs, SingleNode) and args.jobs.spot
        template = self._launch_template(name, args)
        placement_group = None
        if isinstance(args.jobs, MultiNode):
            placement_group = ec2.PlacementGroup(
                f"{name}-together",
                name=scope.name("aws-batch", name),
                strategy="cluster",
                tags=scope.tags,
                opts=self._options,
            ).name
        resources = batch.ComputeEnvironmentComputeResourcesArgs(
            type="SPOT" if spot else "EC2",
            allocation_strategy="SPOT_PRICE_CAPACITY_OPTIMIZED" if spot else "BEST_FIT_PROGRESSIVE",
            min_vcpus=0,
            max_vcpus=args.max_machines * vcpus_of(args.instance_types[0]),
            instance_types=args.instance_types,
            instance_role=profile_arn,
            subnets=args.placement.subnet_ids,
            security_group_ids=args.placement.security_group_ids,
            ec2_configurations=[
                batch.ComputeEnvironmentComputeResourcesEc2ConfigurationArgs(image_type=_IMAGE_TYPE)
            ],
            launch_template=batch.ComputeEnvironmentComputeResourcesLaunchTemplateArgs(
                launch_template_id=template.id,
                version=template.latest_version.apply(str),
            ),
            placement_group=placement_group,
            tags=scope.tags,
        )
        return batch.ComputeEnvironment(
            f"{name}-machines",
            # Some changes replace it, and a queue is never without one: the next needs another name.
            name_prefix=f"{scope.name('aws-batch', name)}-",
            type="MANAGED",
            state="ENABLED",
            compute_resources=resources,
            # Machines at work finish their job before they are replaced.
            update_policy=batch.ComputeEnvironmentUpdatePolicyArgs(
                terminate_jobs_on_update=False, job_execution_timeout_minutes=max(1, args.timeout_s // 60)
            ),
            tags=scope.tags,
            opts=self._options,
        )

    def _launch_template(self, name: str, args: AwsClusterArgs) -> "ec2.LaunchTemplate":
        """Declare what Batch leaves open: IMDSv2 out of containers' reach, encrypted disks, no address."""
        # With AWS's key: one's own would need a grant to a role that a fresh account does not have yet
        # (https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html).
        volume = ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            encrypted="true",
            volume_size=args.disk_gb,
            volume_type="gp3",
            delete_on_termination="true",
        )
        tags = [
            ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=args.scope.tags)
            for kind in ("instance", "volume")
        ]
        return ec2.LaunchTemplate(
            f"{name}-template",
            name=args.scope.name("aws-batch", name),
            update_default_version=True,
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=_ROOT_DEVICE, ebs=volume)
            ],
            network_interfaces=[
                ec2.LaunchTemplateNetworkInterfaceArgs(
                    device_index=0,
                    associate_public_ip_address="false",
                    delete_on_termination="true",
                    security_groups=args.placement.security_group_ids,
                )
            ],
            tag_specifications=tags if args.scope.tags else None,
            tags=args.scope.tags,
            opts=self._options,
        )

    def _job_definition(
        self,
        name: str,
        args: AwsClusterArgs,
        role_arn: pulumi.Output[str],
        log_group: pulumi.Output[str],
    ) -> batch.JobDefinition:
        container = _container(args, role_arn, log_group)
        nodes = None if isinstance(args.jobs, SingleNode) else _nodes(args.jobs.nodes, container)
        return batch.JobDefinition(
            f"{name}-job-definition",
            name=args.scope.name("aws-batch", name),
            type="container" if nodes is None else "multinode",
            platform_capabilities=["EC2"] if nodes is None else None,
            container_properties=_json(container) if nodes is None else None,
            node_properties=None if nodes is None else _json(nodes),
            propagate_tags=True,
            retry_strategy=_retries(args.jobs),
            timeout=batch.JobDefinitionTimeoutArgs(attempt_duration_seconds=args.timeout_s),
            tags=args.scope.tags,
            opts=self._options,
        )


def _json(value: Any) -> pulumi.Output[str]:
    return pulumi.Output.from_input(value).apply(lambda known: json.dumps(known, sort_keys=True))


def _container(
    args: AwsClusterArgs, role_arn: pulumi.Input[str], log_group: pulumi.Input[str]
) -> dict[str, Any]:
    machine = args.instance_types[0]
    needs = {
        "VCPU": vcpus_of(machine),
        "MEMORY": round(args.memory_gb * 1024),
        "GPU": gpus_of(machine),
    }
    return {
        "image": args.image_uri,
        "command": list(args.command),
        "jobRoleArn": role_arn,
        "privileged": False,
        "resourceRequirements": [{"type": kind, "value": str(value)} for kind, value in needs.items()],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": log_group, "awslogs-region": args.scope.region},
        },
    }


def _nodes(count: int, container: dict[str, Any]) -> dict[str, Any]:
    return {
        "mainNode": 0,
        "numNodes": count,
        "nodeRangeProperties": [{"targetNodes": "0:", "container": container}],
    }


def _retries(jobs: SingleNode | MultiNode) -> batch.JobDefinitionRetryStrategyArgs:
    """Try again when the machine was taken back, and never when the job itself failed."""
    if isinstance(jobs, MultiNode) or not jobs.spot:
        return batch.JobDefinitionRetryStrategyArgs(attempts=1)
    exits = batch.JobDefinitionRetryStrategyEvaluateOnExitArgs
    return batch.JobDefinitionRetryStrategyArgs(
        attempts=_SPOT_ATTEMPTS,
        evaluate_on_exits=[
            exits(action="RETRY", on_status_reason="Host EC2*"),
            exits(action="EXIT", on_reason="*"),
        ],
    )
