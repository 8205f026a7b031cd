"""Models on AWS: the registry's group and version, and the model that an endpoint's containers serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
from pulumi_aws import cloudcontrol, sagemaker
from typing_extensions import override

from mlcloud.aws.placement import Placement
from mlcloud.core.args import one_of, validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.core.served import ServedModelBase

Approval = Literal["Approved", "PendingManualApproval", "Rejected"]
APPROVALS: Final[tuple[Approval, ...]] = ("Approved", "PendingManualApproval", "Rejected")
# What the container answers and takes (docs/guides/container.md).
_CONTENT_TYPES: Final = ["application/json", "text/csv"]
_ARCHIVE: Final = ".tar.gz"


@dataclass(frozen=True, kw_only=True)
class ServedModel(ServedModelBase):
    """A model and the image that serves it.

    Attributes:
        name: The model's name, as predictions answer it.
        uri: `s3://` URI of the model's archive (`.tar.gz`), with its hash in the key.
        sha256: SHA-256 of the model's manifest; the server refuses any other model.
        version: The version's label. Default: the first 12 digits of the hash.
        image_uri: The trainer's image in ECR, by digest.
    """

    @staticmethod
    @override
    def uri_problem(uri: str) -> Problem | None:
        """Return the problem of an address that is not as `uri` says."""
        if uri.startswith("s3://") and uri.endswith(_ARCHIVE):
            return None
        return Problem(
            path="uri",
            value=uri,
            allowed=f"the s3:// URI of an archive that ends with {_ARCHIVE}",
            fix="upload the model's folder as an archive: SageMaker unpacks it for the container",
        )

    @property
    def content(self) -> dict[str, pulumi.Input[str]]:
        """Everything that makes it another model of SageMaker when it changes."""
        return {"image": self.image_uri, "model-uri": self.uri, **self.environment}


@dataclass(frozen=True, kw_only=True)
class AwsModelArgs:
    """What a model version in SageMaker's registry is made from.

    Attributes:
        scope: Whose it is and where.
        model: The model and its image.
        approval: Whether people have said yes to it. Default `PendingManualApproval`: prod's pin approves.
        metrics: Metrics on held-out rows, by name. Default: none are known.
    """

    scope: Scope
    model: ServedModel
    approval: Approval = "PendingManualApproval"
    metrics: pulumi.Input[Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The model version", one_of("approval", self.approval, APPROVALS))


class AwsModel(pulumi.ComponentResource):
    """A group in the registry, and in it the version that is live; earlier versions stay."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    version: pulumi.Output[str]
    uri: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(self, name: str, args: AwsModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsModel", name, {}, opts)
        scope, model = args.scope, args.model
        group = sagemaker.ModelPackageGroup(
            f"{name}-group",
            model_package_group_name=scope.name("aws-sagemaker", model.name),
            model_package_group_description=f"Versions of {model.name}",
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment, holds_data=True),
        )
        # pulumi-aws has the group alone; the version comes from CloudFormation's own type.
        package = cloudcontrol.Resource(
            f"{name}-version",
            type_name="AWS::SageMaker::ModelPackage",
            desired_state=pulumi.Output.json_dumps(_package(group, args), sort_keys=True),
            opts=child_options(
                self,
                environment=scope.environment,
                # A version that was live is history, and what a rollback needs. Little but the approval
                # can change, and Cloud Control would try: any change registers another version.
                extra=pulumi.ResourceOptions(
                    retain_on_delete=scope.is_prod or None, replace_on_changes=["desiredState"]
                ),
            ),
        )
        self.id = package.id
        self.name = group.model_package_group_name
        self.version = model.label
        self.uri = pulumi.Output.from_input(model.uri)
        self.sha256 = pulumi.Output.from_input(model.sha256)
        self.register_outputs({"version": self.version, "uri": self.uri, "sha256": self.sha256})


def _package(group: sagemaker.ModelPackageGroup, args: AwsModelArgs) -> Any:
    """The version's properties in CloudFormation's words.

    Tags are the group's: SageMaker refuses a version's own
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html).
    """
    model = args.model
    return {
        "ModelPackageGroupName": group.model_package_group_name,
        "ModelApprovalStatus": args.approval,
        "InferenceSpecification": {
            "Containers": [
                {"Image": model.image_uri, "ModelDataUrl": model.uri, "Environment": model.environment}
            ],
            "SupportedContentTypes": _CONTENT_TYPES,
            "SupportedResponseMIMETypes": _CONTENT_TYPES,
        },
        "CustomerMetadataProperties": pulumi.Output.all(
            sha256=model.sha256, version=model.label, metrics=args.metrics
        ).apply(_metadata),
    }


def _metadata(known: Mapping[str, Any]) -> dict[str, str]:
    metrics: Mapping[str, float] = known["metrics"] or {}
    return {
        "sha256": known["sha256"],
        "version": known["version"],
        **{f"metric.{name}": f"{value:.6g}" for name, value in sorted(metrics.items())},
    }


def declare_model(
    resource_name: str,
    *,
    name: pulumi.Input[str],
    model: ServedModel,
    role_arn: pulumi.Input[str],
    placement: Placement | None,
    isolated: bool,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> sagemaker.Model:
    """Declare the model of an endpoint's configuration.

    Args:
        resource_name: Its name in the program.
        name: Its name in SageMaker; another one for other content, since a model cannot be changed.
        model: What is served, and by which image.
        role_arn: The role with which SageMaker fetches both.
        placement: Subnets and security groups of the container. None: no network of one's own.
        isolated: Whether the container can reach no network at all; SageMaker brings the model.
        tags: Its tags.
        opts: Its options.
    """
    vpc = (
        None
        if placement is None
        else sagemaker.ModelVpcConfigArgs(
            subnets=placement.subnet_ids, security_group_ids=placement.security_group_ids
        )
    )
    return sagemaker.Model(
        resource_name,
        name=name,
        execution_role_arn=role_arn,
        primary_container=sagemaker.ModelPrimaryContainerArgs(
            image=model.image_uri, model_data_url=model.uri, environment=model.environment
        ),
        enable_network_isolation=isolated,
        vpc_config=vpc,
        tags=tags,
        opts=opts,
    )
