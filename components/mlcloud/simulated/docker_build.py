"""The simulated docker-build provider: an image is checked and named, and never built."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.cloud import Cloud, Facts, Looks
from mlcloud.simulated.servicer import SimulatedProvider

IMAGE = "docker-build:index:Image"


def _looks(token: str, inputs: Mapping[str, Any]) -> Looks:
    """An image's reference is its first tag with the digest.

    Source: https://www.pulumi.com/registry/packages/docker-build/api-docs/image/
    """
    del token
    tags: Any = inputs.get("tags")
    known = [tag for tag in cast("list[Any]", tags) if isinstance(tag, str)] if isinstance(tags, list) else []
    reference = f"{known[0]}@sha256:{{long}}" if known else "sha256:{long}"
    return Looks(
        id="sha256:{long}", outputs={"contextHash": "{long}", "digest": "sha256:{long}", "ref": reference}
    )


def _computed(name: str, facts: Facts, inputs: Properties, render: Callable[[str], str]) -> None:
    del name, facts, inputs, render


def _replaces(token: str) -> tuple[str, ...]:
    """Nothing: a changed image is built again under the same resource."""
    del token
    return ()


DOCKER_BUILD = Cloud(
    package="docker-build",
    fallback=_looks,
    computed=_computed,
    replaces=_replaces,
    # Where the sources lie says nothing of them: an image is what its tags say that it is.
    content={IMAGE: ("buildArgs", "platforms", "tags", "target")},
)


class SimulatedDockerBuild(SimulatedProvider):
    """A provider instance that builds nothing."""

    def __init__(self) -> None:
        super().__init__(DOCKER_BUILD)
