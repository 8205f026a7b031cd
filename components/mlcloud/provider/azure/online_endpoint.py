"""Online endpoints of Azure ML: what has their traffic, whose they are, and what moves it.

An endpoint is set as a whole: its PATCH takes tags and identity alone
(`PartialMinimalTrackedResourceWithIdentity`), and the API knows no etag. So a move reads the endpoint, writes
it with another traffic, and reads it again until it says what was written
(https://learn.microsoft.com/rest/api/azureml/online-endpoints/create-or-update).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from mlcloud.provider.azure import operations
from mlcloud.provider.azure.clients import AzureError, Clients, short_name
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.owner import owner_of
from mlcloud.provider.resource import Context
from mlcloud.provider.rollout import described

_TRIES: Final = 5
# What a PUT may set (OnlineEndpoint, OnlineEndpointProperties); the rest is Azure's.
_SET: Final = ("location", "tags", "kind", "sku")
_SET_PROPERTIES: Final = ("authMode", "compute", "description", "properties", "publicNetworkAccess")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Who gets the requests.

    Attributes:
        traffic: share of the requests by deployment, in percent; they add up to 100, or there are none.
        mirror: share of the requests that is copied, by deployment; the answers are thrown away.
    """

    traffic: Mapping[str, int]
    mirror: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint as Azure ML has it."""

    content: Mapping[str, Any]

    @property
    def split(self) -> Split:
        """Who gets the requests; who gets none is left out."""
        return Split(traffic=self._shares("traffic"), mirror=self._shares("mirrorTraffic"))

    @property
    def scoring_url(self) -> str:
        """Where predictions are asked for."""
        return str(self._properties.get("scoringUri") or "")

    @property
    def is_private(self) -> bool:
        """Whether it answers inside a network alone, where this machine need not be."""
        return self._properties.get("publicNetworkAccess") == "Disabled"

    @property
    def owner(self) -> dict[str, str]:
        """What its tags say of its stack."""
        return owner_of(self.content.get("tags"))

    def strangers(self, owners: Mapping[str, Mapping[str, str]], owner: Mapping[str, str]) -> list[str]:
        """Deployments with traffic, or a copy of it, that are somebody else's.

        Args:
            owners: whose each deployment is, as `owners` tells.
            owner: who may have traffic.
        """
        split = self.split
        return sorted(name for name in {**split.traffic, **split.mirror} if owners.get(name) != owner)

    @property
    def _properties(self) -> Mapping[str, Any]:
        return cast("dict[str, Any]", self.content.get("properties") or {})

    def _shares(self, name: str) -> dict[str, int]:
        found = cast("dict[str, int]", self._properties.get(name) or {})
        return {key: int(share) for key, share in found.items() if int(share) > 0}


def path_of(clients: Clients, resource_group: str, workspace: str, endpoint: str) -> str:
    """The path of an endpoint, which is also its id."""
    return f"{clients.workspace(resource_group, workspace)}/onlineEndpoints/{endpoint}"


def describe(clients: Clients, path: str) -> Endpoint | None:
    """The endpoint; None when there is none."""
    found = clients.find(path)
    return None if found is None else Endpoint(content=found)


def owners(clients: Clients, path: str) -> dict[str, dict[str, str]]:
    """What the tags of each of the endpoint's deployments say of its stack, by name."""
    return {str(item["name"]): owner_of(item.get("tags")) for item in clients.pages(f"{path}/deployments")}


def settled(context: Context, clients: Clients, path: str, limit_s: float) -> Endpoint | None:
    """The endpoint when nothing goes on with it: an interrupted update, or somebody else, may change it."""
    found = operations.settled(context, clients, path, limit_s, f"changing {short_name(path)}")
    return None if found is None else Endpoint(content=found)


def expect(context: Context, clients: Clients, path: str, limit_s: float) -> Endpoint:
    """The endpoint when nothing goes on with it; it must be there."""
    found = settled(context, clients, path, limit_s)
    if found is None:
        raise ResourceError(f"endpoint: there is no endpoint {short_name(path)}: declare it first.")
    return found


def body(content: Mapping[str, Any], split: Split) -> dict[str, Any]:
    """The endpoint as it is, with another traffic, as a PUT takes it."""
    found = {key: content[key] for key in _SET if content.get(key) is not None}
    identity = cast("dict[str, Any]", content.get("identity") or {})
    if identity:
        found["identity"] = {"type": identity["type"]}
        if identity.get("userAssignedIdentities"):
            # Their principal and client ids are Azure's to tell.
            found["identity"]["userAssignedIdentities"] = {
                key: {} for key in identity["userAssignedIdentities"]
            }
    properties = cast("dict[str, Any]", content.get("properties") or {})
    kept = {key: properties[key] for key in _SET_PROPERTIES if properties.get(key) is not None}
    found["properties"] = {**kept, "traffic": dict(split.traffic), "mirrorTraffic": dict(split.mirror)}
    return found


def move(context: Context, clients: Clients, path: str, split: Split, limit_s: float) -> Endpoint:
    """Set the endpoint's traffic, and read it back: what Azure ML says then is the one truth.

    The same again changes nothing, so that a lost answer is looked after by the same steps.

    Raises:
        ResourceError: Azure ML refuses it, or somebody else moves it at the same time.
        Cancelled: the engine asked to stop; a move that has begun goes on in Azure.
    """
    name = short_name(path)
    found = expect(context, clients, path, limit_s)
    for _ in range(_TRIES):
        if found.split == split:
            return found
        try:
            started = clients.put(path, body(found.content, split))
            operations.finish(context, clients, started, limit_s, f"moving the traffic of {name}")
        except AzureError as error:
            # Another change came between reading and writing: it is waited for.
            if not operations.is_busy(error):
                raise
        found = expect(context, clients, path, limit_s)
    if found.split == split:
        return found
    raise ResourceError(
        f"The traffic of {name} is {described(found.split.traffic)}, not {described(split.traffic)}: "
        "something else moves it at the same time. Let one of them do it."
    )
