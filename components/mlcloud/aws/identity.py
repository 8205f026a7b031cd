"""Identities on AWS: one role that trains, one that serves, and what the deployer of new models may do."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from mlcloud.aws.arns import TRAINING_LOG_GROUP, alarms_arn, arn, endpoint_log_group, log_group_arns
from mlcloud.aws.deployer import deployer_documents
from mlcloud.aws.placement import Placement
from mlcloud.aws.policies import Statement, document, trust
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

SAGEMAKER = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AwsIdentityArgs:
    """What the identities of a stack on AWS are made from.

    Attributes:
        scope: Whose they are and where.
        data_bucket_arn: The bucket that training reads.
        models_bucket_arn: The bucket that training writes and serving reads.
        key_arn: KMS key of both buckets, of volumes and of images.
        repository_arn: ECR repository of the trainer's image.
        endpoint_name: Name of the endpoint that will serve.
        placement: Subnets and security groups of what runs. Default: none, and no right to join a network.
        answers: Where an asynchronous endpoint writes its answers, as ARNs of objects, `.../answers/*`.
            Default: nowhere.
        cluster_name: Name of the queue of Batch on which the stack trains. Default: it trains on SageMaker.
    """

    scope: Scope
    data_bucket_arn: pulumi.Input[str]
    models_bucket_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    endpoint_name: str
    placement: Placement | None = None
    answers: Sequence[pulumi.Input[str]] = ()
    cluster_name: str | None = None


class AwsIdentity(pulumi.ComponentResource):
    """Roles that can be used at once: their ARNs are known only when their policies are attached."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    training_role_arn: pulumi.Output[str]
    endpoint_role_arn: pulumi.Output[str]
    deployer_policy_arns: pulumi.Output[Sequence[str]]
    """Policies for whoever brings new data, images and models into a stack that is up; attach both."""
    ready: pulumi.Output[bool]
    """True once each role has its policy."""

    def __init__(self, name: str, args: AwsIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsIdentity", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        training = self._role(name, scope, "training", "Trains the stack's models", _training(args))
        endpoint = self._role(name, scope, "endpoint", "Serves the stack's models", _endpoint(args))
        self.training_role_arn, self.endpoint_role_arn = training, endpoint
        policies = [
            iam.Policy(
                f"{name}-deployer-{part}",
                name=scope.name("aws-iam-role", "deployer", part),
                description=f"Brings new data, images and models into {scope.project}/{scope.stack}: {part}",
                policy=content,
                tags=scope.tags,
                opts=self._options,
            )
            for part, content in deployer_documents(
                scope,
                data_bucket_arn=args.data_bucket_arn,
                models_bucket_arn=args.models_bucket_arn,
                key_arn=args.key_arn,
                repository_arn=args.repository_arn,
                role_arns=[endpoint] if args.cluster_name else [training, endpoint],
                endpoint_name=args.endpoint_name,
                cluster_name=args.cluster_name,
            ).items()
        ]
        self.deployer_policy_arns = pulumi.Output.all(*[policy.arn for policy in policies])
        self.ready = pulumi.Output.all(training, endpoint).apply(lambda _: True)
        self.id = training
        self.name = pulumi.Output.from_input(scope.name("aws-iam-role"))
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "training_role_arn": training,
                "endpoint_role_arn": endpoint,
                "deployer_policy_arns": self.deployer_policy_arns,
                "ready": self.ready,
            }
        )

    def _role(
        self, name: str, scope: Scope, part: str, description: str, statements: Sequence[Statement]
    ) -> pulumi.Output[str]:
        """Declare a role of SageMaker's with one policy, and return its ARN, which waits for the policy.

        What needs the role then never comes before the policy, whichever output it was given.
        """
        role = iam.Role(
            f"{name}-{part}",
            name=scope.name("aws-iam-role", part),
            description=description,
            # https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html
            assume_role_policy=trust(scope, SAGEMAKER, arn(scope, "sagemaker", "*")),
            tags=scope.tags,
            opts=self._options,
        )
        policy = iam.RolePolicy(
            f"{name}-{part}-policy",
            name=part,
            role=role.name,
            policy=document(*statements),
            opts=self._options,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))


def _training(args: AwsIdentityArgs) -> list[Statement]:
    """Return what a training job needs.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, "CreateTrainingJob API".
    """
    return [
        Statement(
            sid="Find",
            actions=["s3:ListBucket"],
            resources=[args.data_bucket_arn, args.models_bucket_arn],
        ),
        Statement(
            sid="ReadData",
            actions=["s3:GetObject"],
            resources=[pulumi.Output.concat(args.data_bucket_arn, "/objects/*")],
        ),
        Statement(
            sid="WriteModels",
            actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            resources=[pulumi.Output.concat(args.models_bucket_arn, "/*")],
        ),
        *_key(args, ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]),
        *_image(args),
        # All stacks of an account share this group, so that none declares it: the first run makes it.
        Statement(
            sid="MakeLogGroup",
            actions=["logs:CreateLogGroup"],
            resources=log_group_arns(args.scope, [TRAINING_LOG_GROUP]),
        ),
        *_observe(args, [TRAINING_LOG_GROUP], ["/aws/sagemaker/TrainingJobs"]),
        *_join(args),
    ]


def _endpoint(args: AwsIdentityArgs) -> list[Statement]:
    """Return what a model's containers need, and SageMaker in their name: to read, and to say what they do.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, "CreateModel API".
    """
    return [
        Statement(sid="Find", actions=["s3:ListBucket"], resources=[args.models_bucket_arn]),
        Statement(
            sid="ReadModels",
            actions=["s3:GetObject"],
            resources=[pulumi.Output.concat(args.models_bucket_arn, "/*")],
        ),
        *(
            [
                Statement(
                    sid="Answer",
                    actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    resources=args.answers,
                )
            ]
            if args.answers
            else []
        ),
        *_key(args, ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]),
        *_image(args),
        *_observe(
            args,
            [endpoint_log_group(args.endpoint_name)],
            ["AWS/SageMaker", "/aws/sagemaker/Endpoints"],
        ),
        # For a rollback: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
        Statement(
            sid="WatchUpdates",
            actions=["cloudwatch:DescribeAlarms"],
            resources=[alarms_arn(args.scope)],
        ),
        *_join(args),
    ]


def _key(args: AwsIdentityArgs, actions: list[str]) -> list[Statement]:
    """Let a role use the stack's key, and hand it to SageMaker for volumes alone."""
    return [
        Statement(sid="UseKey", actions=actions, resources=[args.key_arn]),
        Statement(
            sid="EncryptVolumes",
            actions=["kms:CreateGrant"],
            resources=[args.key_arn],
            condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def _image(args: AwsIdentityArgs) -> list[Statement]:
    return [
        Statement(
            sid="PullImage",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=[args.repository_arn],
        ),
        # It names no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/ (ECR).
        Statement(sid="LogIn", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
    ]


def _observe(args: AwsIdentityArgs, groups: list[str], namespaces: list[str]) -> list[Statement]:
    return [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=log_group_arns(args.scope, groups),
        ),
        # It names no resource; the namespace limits it.
        Statement(
            sid="WriteMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            condition={"StringEquals": {"cloudwatch:namespace": namespaces}},
        ),
    ]


def _join(args: AwsIdentityArgs) -> list[Statement]:
    """Let SageMaker put network interfaces into the stack's subnets, with the stack's groups, and no others.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, "... in a VPC".
    """
    if args.placement is None:
        return []
    scope = args.scope
    interfaces = arn(scope, "ec2", "network-interface/*")

    def named(kind: str, ids: pulumi.Input[Sequence[pulumi.Input[str]]]) -> pulumi.Output[list[str]]:
        return pulumi.Output.from_input(ids).apply(
            lambda plain: [arn(scope, "ec2", f"{kind}/{one}") for one in plain]
        )

    subnets = named("subnet", args.placement.subnet_ids)
    groups = named("security-group", args.placement.security_group_ids)
    places = pulumi.Output.all(subnets, groups).apply(lambda both: [*both[0], *both[1], interfaces])
    return [
        Statement(sid="Join", actions=["ec2:CreateNetworkInterface"], resources=places),
        Statement(
            sid="Attach",
            actions=["ec2:CreateNetworkInterfacePermission"],
            resources=[interfaces],
            condition={"ArnEquals": {"ec2:Subnet": subnets}},
        ),
        Statement(
            sid="Leave",
            actions=["ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission"],
            resources=[interfaces],
        ),
        # They name no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/ (EC2).
        Statement(
            sid="Look",
            actions=[
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            resources=["*"],
        ),
    ]
