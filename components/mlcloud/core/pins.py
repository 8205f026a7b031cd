"""A pinned model that lies where the stack's endpoint may not read."""

from urllib.parse import urlsplit

import pulumi

from mlcloud.core.settings import ModelPin


def warn_of_a_foreign_bucket(pin: ModelPin, own_bucket: pulumi.Output[str], *, copy_command: str) -> None:
    """Warn when a pin names another bucket than the stack's own, with the command that copies the model.

    Args:
        pin: The pinned model.
        own_bucket: Name of the bucket that the stack's endpoint reads.
        copy_command: What copies an object or folder in that cloud, such as `aws s3 cp`.
    """
    place = urlsplit(pin.uri)

    def warn(own: str) -> None:
        if place.netloc != own:
            pulumi.log.warn(
                f"mlcloud:model.uri is in the bucket {place.netloc}; this stack's endpoint reads {own}. "
                f"Copy it: {copy_command} {pin.uri} {place.scheme}://{own}{place.path}, and pin that address."
            )

    own_bucket.apply(warn)
