"""The trainer's image on Azure: a registry, and an image that is built into it or named by digest."""

import re
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_docker_build as docker_build
from pulumi_azure_native import containerregistry

from mlcloud.azure.encryption import Encryption, after_key
from mlcloud.azure.placement import private_in_prod
from mlcloud.azure.resources import AzureRegistryLogin
from mlcloud.core.args import needed_in_prod, validate
from mlcloud.core.errors import Problem
from mlcloud.core.image import ImageSources
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_UNTAGGED_AFTER_DAYS: Final = 14
_IMAGE_NAME: Final = "trainer"
_URI: Final = re.compile(r"[a-z0-9]{5,50}\.azurecr\.io/[a-z0-9._/-]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ImageFromDigest:
    """An image that lies in a registry of Azure, named by its digest.

    Attributes:
        image_uri: `<registry>.azurecr.io/<image>@sha256:<64 hexadecimal digits>`. Where the registry is not
            the stack's own, its owner lets the stack's identities pull; what runs in a private workspace
            reaches no other registry.
    """

    image_uri: str


@dataclass(frozen=True, kw_only=True)
class AzureRegistryArgs:
    """What a registry on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        image: Where the trainer's image comes from. One that is built is pushed with the default credentials,
            to a private registry only from its network.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone; prod demands it. Default false.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    image: ImageFromDigest | ImageSources
    encryption: Encryption | None = None
    private: bool = False

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The registry",
            _not_by_digest(self.image.image_uri) if isinstance(self.image, ImageFromDigest) else None,
            needed_in_prod(
                "encryption", self.encryption, "a key of the stack's own", prod=self.scope.is_prod
            ),
            private_in_prod(self.scope, private=self.private),
        )


def _not_by_digest(uri: str) -> Problem | None:
    if _URI.fullmatch(uri):
        return None
    form = "<registry>.azurecr.io/<image>@sha256:<digest>"
    fix = "push the image to a registry of Azure, or set `image` to `build`"
    return Problem(path="image", value=uri, allowed=form, fix=fix)


class AzureRegistry(pulumi.ComponentResource):
    """A registry of the stack's own, which its workspace is attached to, and the image by digest."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    registry_id: pulumi.Output[str]
    """Resource id of the stack's registry."""
    login_server: pulumi.Output[str]
    """`<registry>.azurecr.io`"""
    image_uri: pulumi.Output[str]
    """The image by digest; where it is built here, known only once it is in the registry."""

    def __init__(
        self, name: str, args: AzureRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureRegistry", name, {}, opts)
        registry = self._registry(name, args)
        self.id = self.registry_id = registry.id
        self.name = registry.name
        self.login_server = registry.login_server
        if isinstance(args.image, ImageFromDigest):
            self.image_uri = pulumi.Output.from_input(args.image.image_uri)
        else:
            self.image_uri = self._build(name, args.scope, args.image)
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "registry_id": self.registry_id,
                "login_server": self.login_server,
                "image_uri": self.image_uri,
            }
        )

    def _registry(self, name: str, args: AzureRegistryArgs) -> containerregistry.Registry:
        """Declare the registry: of the premium tier where it is private or has a key of its own.

        Only that tier has private endpoints, own keys, zones and retention
        (https://learn.microsoft.com/azure/container-registry/container-registry-skus).
        """
        scope, encryption = args.scope, args.encryption
        premium = args.private or encryption is not None
        return containerregistry.Registry(
            f"{name}-registry",
            registry_name=scope.name("azure-container-registry", _IMAGE_NAME),
            resource_group_name=args.resource_group,
            location=scope.region,
            sku=containerregistry.SkuArgs(name="Premium" if premium else "Basic"),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            data_endpoint_enabled=premium,
            zone_redundancy="Enabled" if premium else "Disabled",
            public_network_access="Disabled" if args.private else "Enabled",
            network_rule_bypass_options="AzureServices",
            network_rule_set=containerregistry.NetworkRuleSetArgs(default_action="Deny")
            if args.private
            else None,
            policies=_policies(private=args.private) if premium else None,
            identity=None
            if encryption is None
            else containerregistry.IdentityPropertiesArgs(
                type=containerregistry.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=pulumi.Output.from_input(encryption.identity_id).apply(
                    lambda identity: {identity: containerregistry.UserIdentityPropertiesArgs()}
                ),
            ),
            encryption=None
            if encryption is None
            else containerregistry.EncryptionPropertyArgs(
                status="enabled",
                key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
                    identity=encryption.client_id, key_identifier=encryption.key_uri
                ),
            ),
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(
                child_options(self, environment=scope.environment, holds_data=True), after_key(encryption)
            ),
        )

    def _build(self, name: str, scope: Scope, image: ImageSources) -> pulumi.Output[str]:
        options = child_options(self, environment=scope.environment)
        login = AzureRegistryLogin(f"{name}-login", login_server=self.login_server, opts=options)
        place = pulumi.Output.concat(self.login_server, f"/{_IMAGE_NAME}")
        built = docker_build.Image(
            f"{name}-image",
            context=docker_build.BuildContextArgs(location=str(image.context)),
            dockerfile=docker_build.DockerfileArgs(location=str(image.dockerfile)),
            target=image.target,
            build_args=dict(image.build_args),
            platforms=[docker_build.Platform.LINUX_AMD64],
            # Other content has another tag, and the same content is not pushed again.
            tags=[pulumi.Output.concat(place, ":", image.tag())],
            push=True,
            build_on_preview=False,
            registries=[
                docker_build.RegistryArgs(
                    address=self.login_server, username=login.username, password=login.password
                )
            ],
            opts=options,
        )
        return pulumi.Output.concat(place, "@", built.digest)


def _policies(*, private: bool) -> containerregistry.PoliciesArgs:
    """Return what goes and what leaves: images without a tag, after a while; nothing, to elsewhere.

    An image that an endpoint may run has a tag. Export can be forbidden only where the internet is, too
    (https://learn.microsoft.com/azure/container-registry/data-loss-prevention).
    """
    return containerregistry.PoliciesArgs(
        retention_policy=containerregistry.RetentionPolicyArgs(
            days=_UNTAGGED_AFTER_DAYS, status=containerregistry.PolicyStatus.ENABLED
        ),
        export_policy=containerregistry.ExportPolicyArgs(status="disabled" if private else "enabled"),
    )
