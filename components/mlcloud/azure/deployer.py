"""Who deploys, and what somebody needs who brings new data, images and models into a stack that is up."""

from dataclasses import dataclass
from typing import Literal

import pulumi

PrincipalType = Literal["User", "Group", "ServicePrincipal"]


@dataclass(frozen=True, kw_only=True)
class Deployer:
    """A person, a group or a service of Microsoft Entra ID that deploys.

    Attributes:
        principal_id: Its object id.
        principal_type: What it is.
    """

    principal_id: pulumi.Input[str]
    principal_type: PrincipalType
