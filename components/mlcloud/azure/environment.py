"""The environment of Azure Machine Learning: the trainer's image, and how it is asked."""

from dataclasses import dataclass

import pulumi

from mlcloud.core.scope import Scope


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


class AzureEnvironment(pulumi.ComponentResource):
    """The image as jobs and deployments name it: one version for each digest."""

    id: pulumi.Output[str]
    """Resource id of the version."""
    name: pulumi.Output[str]
    """The environment's name."""
    version: pulumi.Output[str]
    """The version's name: the beginning of the image's digest."""

    def __init__(
        self, name: str, args: AzureEnvironmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureEnvironment", name, {}, opts)
        raise NotImplementedError(args)
