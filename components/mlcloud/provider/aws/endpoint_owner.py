"""Whose an endpoint is that is there before this stack's state knows of it."""

from collections.abc import Mapping
from typing import Any

from mlcloud.provider.aws.clients import Clients
from mlcloud.provider.aws.endpoint_inputs import EndpointInputs
from mlcloud.provider.aws.endpoint_revision import own_prefix
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.owner import owner_of


def demand_own(clients: Clients, new: EndpointInputs, found: Mapping[str, Any]) -> None:
    """Refuse an endpoint that only has the name of this stack's, before anything of it changes.

    This stack's own, which an interrupted update left, runs one of its revisions and has its tags: both are
    there from the moment it is made.

    Raises:
        ResourceError: it is somebody else's.
    """
    foreign = _foreign(clients, new, found)
    if foreign is not None:
        raise ResourceError(
            f"The endpoint {new.name} in {new.region} is there and is not this stack's: it {foreign}. "
            "Nothing of it was changed. Rename the project or the stack, or delete that endpoint yourself."
        )


def _foreign(clients: Clients, new: EndpointInputs, found: Mapping[str, Any]) -> str | None:
    """What shows that it is somebody else's; None when it is this stack's."""
    config = str(found["EndpointConfigName"])
    if not config.startswith(own_prefix(new.name)):
        return f"runs the configuration {config}"
    wanted = owner_of(new.tags)
    if not wanted:
        return None
    tags = {
        str(tag["Key"]): str(tag["Value"])
        for tag in clients.pages("sagemaker", "list_tags", "Tags", ResourceArn=str(found["EndpointArn"]))
    }
    if all(tags.get(key) == value for key, value in wanted.items()):
        return None
    seen = ", ".join(f"{key}: {tags.get(key, 'none')}" for key in wanted)
    return f"has the tags {seen}"
