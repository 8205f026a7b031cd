"""Which controls and waivers there are, by cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlcloud.policy import aws, azure, environment, gcp, image
from mlcloud.policy.control import Control, Waiver
from mlcloud.policy.resource import Declared


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The controls of a cloud, and what is waived of them.

    Attributes:
        cloud: Its name in the settings.
        package: The Pulumi package whose resources they judge.
        controls: The controls.
        waivers: What need not hold.
    """

    cloud: str
    package: str
    controls: Sequence[Control]
    waivers: Sequence[Waiver]


_OF_EVERY_CLOUD: Final = (*environment.CONTROLS, *image.CONTROLS)
CATALOGUES: Final = (
    Catalogue(cloud="aws", package="aws", controls=(*aws.CONTROLS, *_OF_EVERY_CLOUD), waivers=aws.WAIVERS),
    Catalogue(cloud="gcp", package="gcp", controls=(*gcp.CONTROLS, *_OF_EVERY_CLOUD), waivers=gcp.WAIVERS),
    Catalogue(
        cloud="azure",
        package="azure-native",
        controls=(*azure.CONTROLS, *_OF_EVERY_CLOUD),
        waivers=azure.WAIVERS,
    ),
)


def catalogue_of(declared: Declared) -> Catalogue:
    """Return the controls of the clouds that a plan declares resources of; none for `local`."""
    packages = {resource.type.split(":")[0] for resource in declared.resources}
    found = [one for one in CATALOGUES if one.package in packages]
    return Catalogue(
        cloud=", ".join(one.cloud for one in found),
        package="",
        controls=[control for one in found for control in one.controls],
        waivers=[waiver for one in found for waiver in one.waivers],
    )
