"""The trainer's image on Azure: a registry, and an image that is built into it or named by digest."""

from dataclasses import dataclass

import pulumi

from mlcloud.azure.encryption import Encryption
from mlcloud.core.image import ImageSources
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class ImageFromDigest:
    """An image that lies in a registry of Azure, named by its digest.

    Attributes:
        image_uri: `<registry>.azurecr.io/<image>@sha256:<64 hexadecimal digits>`. Where the registry is not
            the stack's own, its owner lets the stack's identities pull.
    """

    image_uri: str


@dataclass(frozen=True, kw_only=True)
class AzureRegistryArgs:
    """What a registry on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        image: Where the trainer's image comes from. One that is built is pushed with the default credentials.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone; prod demands it. Default false.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    image: ImageFromDigest | ImageSources
    encryption: Encryption | None = None
    private: bool = False


class AzureRegistry(pulumi.ComponentResource):
    """A registry of the stack's own, and the image that trains and serves, by digest."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    registry_id: pulumi.Output[str]
    """Resource id of the stack's registry."""
    login_server: pulumi.Output[str]
    """`<registry>.azurecr.io`"""
    image_uri: pulumi.Output[str]
    """The image by digest; known only once it is in the registry."""

    def __init__(
        self, name: str, args: AzureRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureRegistry", name, {}, opts)
        raise NotImplementedError(args)
