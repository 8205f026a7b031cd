"""A version of a model in Vertex AI's registry: uploaded once for equal contents, never deleted in use."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from mlcloud.provider.errors import ResourceError, Unhealthy
from mlcloud.provider.gcp import model_version as registry
from mlcloud.provider.gcp.clients import Clients, clients_in
from mlcloud.provider.gcp.model_inputs import VertexModelInputs, VertexModelOutputs
from mlcloud.provider.resource import Context, Resource

READY: Final = "ready"
DIFFERS: Final = "differs"
_CLAIM_DIGITS: Final = 16


class VertexModel(
    Resource[VertexModelInputs, VertexModelOutputs], token="mlcloud:gcp:Model", delete_before_replace=False
):
    """A version of a model: another content makes another version, labels and aliases change in place.

    An upload whose answer was lost is found again by its content. Deleting waits until nothing serves the
    version, and leaves a version that another resource has taken over. See ADR 0013.
    """

    @override
    def preview(self, new: VertexModelInputs, old: VertexModelOutputs | None) -> Mapping[str, object]:
        """The model's name follows from the inputs, the version's from the upload."""
        certain: dict[str, object] = {"status": READY}
        if old is None:
            certain |= {"name": registry.model_name(new), "content_sha256": registry.content_sha256(new)}
        return certain

    @override
    def drift(self, identifier: str, outputs: VertexModelOutputs) -> list[str]:
        """A version that was last seen with other labels or aliases."""
        return [] if outputs.status == READY else ["status"]

    @override
    def create(self, context: Context, new: VertexModelInputs) -> tuple[str, VertexModelOutputs]:
        """Upload it, or take over a version of the same content that an interrupted update left."""
        clients, claim = clients_in(new.project, new.region), uuid.uuid4().hex[:_CLAIM_DIGITS]
        content = registry.content_sha256(new)[: registry.CONTENT_DIGITS]
        name = registry.model_name(new)
        found = registry.with_label(clients, name, registry.CONTENT_LABEL, content)
        if found is not None:
            version_id = found["versionId"]
            context.log(f"The version {version_id} has this content already: it is taken.", ephemeral=True)
        else:
            found = registry.upload(context, clients, new, claim)
        registry.settle(clients, new, found, claim)
        outputs = _outputs(new, found, claim)
        return outputs.version_name, outputs

    @override
    def read(
        self, context: Context, identifier: str, inputs: VertexModelInputs, outputs: VertexModelOutputs
    ) -> VertexModelOutputs | None:
        """Gone when the version is; ill when its labels or aliases are not as declared."""
        found = _own(clients_in(outputs.project, outputs.region), outputs)
        if found is None:
            return None
        differing = registry.differences(inputs, found, outputs.claim)
        if differing:
            reason = f"{', '.join(differing)} of the version are not as declared. The next update mends it."
            raise Unhealthy(identifier, replace(outputs, status=DIFFERS), [reason])
        return replace(outputs, status=READY)

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: VertexModelInputs,
        outputs: VertexModelOutputs,
        new: VertexModelInputs,
    ) -> VertexModelOutputs:
        """Change names, labels and aliases."""
        clients = clients_in(new.project, new.region)
        found = _own(clients, outputs)
        if found is None:
            raise ResourceError(
                f"{outputs.version_name} is gone, or another resource has taken it over. Run the update with "
                "a refresh: it is then uploaded again."
            )
        registry.settle(clients, new, found, outputs.claim)
        return _outputs(new, found, outputs.claim)

    @override
    def delete(self, context: Context, identifier: str, outputs: VertexModelOutputs) -> None:
        """Delete the version once nothing serves it, and the model with its last version."""
        clients = clients_in(outputs.project, outputs.region)
        if _own(clients, outputs) is None:
            return
        registry.wait_until_unused(context, clients, outputs)
        registry.remove(context, clients, outputs.name, outputs.version_id)


def _own(clients: Clients, outputs: VertexModelOutputs) -> dict[str, Any] | None:
    """The version, as long as it is this resource's: a newer one of the same content may have taken it."""
    found = registry.describe(clients, outputs.version_name)
    if found is None:
        return None
    return found if found.get("labels", {}).get(registry.CLAIM_LABEL) in (outputs.claim, None) else None


def _outputs(new: VertexModelInputs, found: Mapping[str, Any], claim: str) -> VertexModelOutputs:
    name, version_id = registry.model_name(new), str(found["versionId"])
    return VertexModelOutputs(
        project=new.project,
        region=new.region,
        name=name,
        version_id=version_id,
        version_name=f"{name}@{version_id}",
        content_sha256=registry.content_sha256(new),
        claim=claim,
        status=READY,
        undeploy_wait_s=new.undeploy_wait_s,
    )
