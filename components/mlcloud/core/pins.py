"""A pinned model that lies where the stack's endpoint may not read."""

from urllib.parse import urlsplit

import pulumi

from mlcloud.core.copies import address_in, copy_command
from mlcloud.core.settings import Cloud, ModelPin


def warn_of_a_foreign_bucket(pin: ModelPin, own_bucket: pulumi.Output[str], *, cloud: Cloud) -> None:
    """Warn when a pin names another bucket than the stack's own, with the command that copies the model.

    Args:
        pin: The pinned model.
        own_bucket: Name of the bucket that the stack's endpoint reads; on Azure the account's host.
        cloud: Where both are.
    """

    def warn(own: str) -> None:
        theirs = urlsplit(pin.uri).netloc
        if theirs != own:
            pulumi.log.warn(
                f"mlcloud:model.uri is in the bucket {theirs}; this stack's endpoint reads {own}. "
                f"Copy it: {copy_command(cloud, pin.uri, own)}, and pin {address_in(own, pin.uri)}"
            )

    own_bucket.apply(warn)
