"""The trainer's image on AWS: a private repository, and an image that is built into it or named by digest."""

import json
import re
from dataclasses import dataclass

import pulumi
import pulumi_docker_build as docker_build
from pulumi_aws import ecr

from mlcloud.aws.arns import arn, domain_of
from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.image import ImageFromBuild
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_UNTAGGED_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class ImageFromDigest:
    """An image that lies in a repository of ECR, named by its digest.

    Attributes:
        image_uri: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hexadecimal digits>`;
            SageMaker reads from repositories of its own region alone
            (https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-containers-inference-private.html
            tells what else it takes).
    """

    image_uri: str


@dataclass(frozen=True, kw_only=True)
class AwsRegistryArgs:
    """What a registry on AWS is made from.

    Attributes:
        scope: Whose it is and where.
        image: Where the trainer's image comes from.
        key_arn: KMS key of the images.
    """

    scope: Scope
    image: ImageFromDigest | ImageFromBuild
    key_arn: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        if isinstance(self.image, ImageFromDigest):
            validate("The registry", _not_of_this_region(self.image.image_uri, self.scope))


def _ecr_uri(uri: str, scope: Scope) -> re.Match[str] | None:
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
    host = rf"(\d{{12}})\.dkr\.ecr\.{re.escape(scope.region)}\.{re.escape(domain_of(scope.region))}"
    return re.fullmatch(rf"{host}/([a-z0-9][a-z0-9._/-]*)@sha256:[0-9a-f]{{64}}", uri)


def _not_of_this_region(uri: str, scope: Scope) -> Problem | None:
    if _ecr_uri(uri, scope):
        return None
    form = f"<account>.dkr.ecr.{scope.region}.{domain_of(scope.region)}/<repository>@sha256:<digest>"
    fix = "push the image to ECR in the stack's region, or set `image` to `build`"
    return Problem(path="image", value=uri, allowed=form, fix=fix)


class AwsRegistry(pulumi.ComponentResource):
    """The image that trains and serves, by digest; with a repository of its own where it is built here."""

    id: pulumi.Output[str]
    """The repository's ARN."""
    name: pulumi.Output[str]
    """The repository's name."""
    image_uri: pulumi.Output[str]
    """The image by digest; known only once the image is in the repository."""
    repository_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsRegistry", name, {}, opts)
        if isinstance(args.image, ImageFromDigest):
            found = _ecr_uri(args.image.image_uri, args.scope)
            assert found is not None  # noqa: S101 - checked by the arguments
            account, repository_name = found.groups()
            self.repository_arn = pulumi.Output.from_input(
                arn(args.scope, "ecr", f"repository/{repository_name}").replace(args.scope.account, account)
            )
            self.name = pulumi.Output.from_input(repository_name)
            self.image_uri = pulumi.Output.from_input(args.image.image_uri)
        else:
            repository = self._repository(name, args)
            self.repository_arn = repository.arn
            self.name = repository.name
            self.image_uri = self._build(name, args, args.image, repository)
        self.id = self.repository_arn
        self.register_outputs({"id": self.id, "name": self.name, "image_uri": self.image_uri})

    def _repository(self, name: str, args: AwsRegistryArgs) -> ecr.Repository:
        scope = args.scope
        repository = ecr.Repository(
            f"{name}-repository",
            name=scope.name("aws-ecr-repository", "trainer"),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=not scope.is_prod,
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment, holds_data=True),
        )
        ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            policy=_only_untagged_expire(),
            opts=child_options(self, environment=scope.environment),
        )
        return repository

    def _build(
        self, name: str, args: AwsRegistryArgs, image: ImageFromBuild, repository: ecr.Repository
    ) -> pulumi.Output[str]:
        built = docker_build.Image(
            f"{name}-image",
            context=docker_build.BuildContextArgs(location=str(image.context)),
            dockerfile=docker_build.DockerfileArgs(location=str(image.dockerfile)),
            target=image.target,
            build_args=dict(image.build_args),
            platforms=[docker_build.Platform.LINUX_AMD64],
            # Tags are immutable: other content has another tag, and the same content is not pushed again.
            tags=[pulumi.Output.concat(repository.repository_url, ":", image.tag())],
            push=True,
            build_on_preview=False,
            registries=[
                docker_build.RegistryArgs(
                    address=repository.repository_url,
                    username=image.username,
                    password=pulumi.Output.secret(image.password),
                )
            ],
            opts=child_options(self, environment=args.scope.environment),
        )
        return pulumi.Output.concat(repository.repository_url, "@", built.digest)


def _only_untagged_expire() -> str:
    """Return a lifecycle that never takes an image that an endpoint may run: those have tags.

    SageMaker pulls the image again when it replaces a machine or scales out.
    """
    rule = {
        "rulePriority": 1,
        "description": "Layers of pushes that did not finish",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": _UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]}, separators=(",", ":"))
