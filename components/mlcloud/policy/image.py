"""Controls of the images that a stack builds, on every cloud."""

from typing import Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import expect

CONTROLS: Final = (
    Control(
        id="image-non-root",
        sources=["CKV_DOCKER_3"],
        title="Containers do not run as root",
        severity="medium",
        why="What breaks out of a container that runs as root is root.",
        types=["docker-build:index:Image"],
        judge=expect(
            "target",
            lambda value: value == "nonroot",
            "`nonroot`",
            "build the target `nonroot` of trainer/Dockerfile",
        ),
    ),
)
