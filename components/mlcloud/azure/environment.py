"""The environment of Azure Machine Learning: the trainer's image, and how it is asked."""

import re
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from mlcloud.azure.resources import AzureUniqueName
from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# What the trainer's image answers, and on which port, wherever the platform does not say one.
SERVING_PORT: Final = 8080
LIVENESS_PATH: Final = "/v2/health/live"
READINESS_PATH: Final = "/v2/health/ready"
SCORING_PATH: Final = "/score"
_DIGEST: Final = re.compile(r".+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class AzureEnvironmentArgs:
    """What an environment is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace: Name of the workspace.
        image_uri: The image, by digest.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]
    image_uri: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        if isinstance(self.image_uri, str):
            validate("The environment", _not_by_digest(self.image_uri))


def _not_by_digest(uri: str) -> Problem | None:
    if _DIGEST.fullmatch(uri):
        return None
    allowed = "an image by digest: <registry>/<image>@sha256:<digest>"
    return Problem(path="image_uri", value=uri, allowed=allowed, fix="name the image by its digest")


class AzureEnvironment(pulumi.ComponentResource):
    """The image as jobs and deployments name it: another image is another version."""

    id: pulumi.Output[str]
    """Resource id of the version."""
    name: pulumi.Output[str]
    """The environment's name."""
    version: pulumi.Output[str]
    """The version's name, which follows from the image."""

    def __init__(
        self, name: str, args: AzureEnvironmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureEnvironment", name, {}, opts)
        scope = args.scope
        options = child_options(self, environment=scope.environment)
        container = ml.EnvironmentContainer(
            f"{name}-environment",
            name=scope.name("azure-ml-environment"),
            workspace_name=args.workspace,
            resource_group_name=args.resource_group,
            properties=ml.EnvironmentContainerPropertiesArgs(
                description=f"The trainer of {scope.project}/{scope.stack}", tags=scope.tags
            ),
            opts=options,
        )
        version = ml.EnvironmentVersion(
            f"{name}-version",
            name=container.name,
            version=self._version_name(name, args),
            workspace_name=args.workspace,
            resource_group_name=args.resource_group,
            properties=ml.EnvironmentVersionPropertiesArgs(
                image=args.image_uri, os_type="Linux", inference_config=_inference_config(), tags=scope.tags
            ),
            opts=child_options(
                self,
                environment=scope.environment,
                extra=pulumi.ResourceOptions(
                    # A rollback names the image that was live.
                    retain_on_delete=scope.is_prod or None,
                    # What still runs names it until its successor runs; azure-native would delete it first.
                    delete_before_replace=False,
                ),
            ),
        )
        self.id = version.id
        self.name = container.name
        self.version = version.name
        self.register_outputs({"id": self.id, "name": self.name, "version": self.version})

    def _version_name(self, name: str, args: AzureEnvironmentArgs) -> pulumi.Output[str]:
        """A name of the image: prod keeps versions, and an image may be served again."""
        named = AzureUniqueName(
            f"{name}-version-name",
            prefix="v",
            content={"image": args.image_uri},
            opts=child_options(self, environment=args.scope.environment),
        )
        return named.name


def _inference_config() -> ml.InferenceContainerPropertiesArgs:
    """Return where the container is asked (the trainer's server, `serving/protocols`)."""
    return ml.InferenceContainerPropertiesArgs(
        liveness_route=ml.RouteArgs(path=LIVENESS_PATH, port=SERVING_PORT),
        readiness_route=ml.RouteArgs(path=READINESS_PATH, port=SERVING_PORT),
        scoring_route=ml.RouteArgs(path=SCORING_PATH, port=SERVING_PORT),
    )
