"""The stack's own key, and who may use it: what everything that encrypts with it is given."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """A key in a vault, and an identity that may wrap and unwrap with it.

    Attributes:
        identity_id: Resource id of the user-assigned identity.
        client_id: The identity's client id.
        key_name: The key's name.
        key_uri: The key's address without a version, so that a rotated key is followed:
            `https://<vault>.vault.azure.net/keys/<key>`.
        key_version_uri: The same with a version, for a workspace, which follows no rotation.
        vault_uri: The vault's address, `https://<vault>.vault.azure.net/`.
        vault_id: Resource id of the vault.
        ready: What must be there before the key is used: the identity's role, and that it is seen.
            Default: nothing.
    """

    identity_id: pulumi.Input[str]
    client_id: pulumi.Input[str]
    key_name: pulumi.Input[str]
    key_uri: pulumi.Input[str]
    key_version_uri: pulumi.Input[str]
    vault_uri: pulumi.Input[str]
    vault_id: pulumi.Input[str]
    ready: Sequence[pulumi.Resource] = ()


def after_key(encryption: Encryption | None) -> pulumi.ResourceOptions:
    """Return the options of what encrypts with the key: it comes after the key may be used."""
    return pulumi.ResourceOptions(depends_on=[] if encryption is None else list(encryption.ready))
