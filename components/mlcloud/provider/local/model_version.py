"""A model version: the registry's entry of a model that is there and is the one meant."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from mlcloud.core.lineage import Lineage
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.claims import Claim, remove_empty_folders
from mlcloud.provider.local.files import path_of
from mlcloud.provider.local.models import REPORT, is_whole, metrics_of, verify_model
from mlcloud.provider.local.registry import Entry, entry_path, read_entry, register, unregister
from mlcloud.provider.resource import Context, Resource

VERSION_LENGTH: Final = 12
KIND: Final = "model-version"


@dataclass(frozen=True, kw_only=True)
class ModelVersionInputs:
    """What a model version is made from.

    Attributes:
        name: name of the model in the registry.
        registry_directory: absolute path of the registry's folder.
        model_uri: `file://` URI of the model's folder or archive.
        model_sha256: the model's SHA-256: of the folder's manifest, or of the archive.
        metrics: its metrics on held-out rows, by name.
        stage: what the version is for. Default `live`.
        version: label of the version. Default: the first 12 characters of the SHA-256.
        run: name of the run that made the model. Default: none is known.
    """

    name: str = field(metadata=options(replace=True, check=checks.name))
    registry_directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    model_uri: str = field(metadata=options(check=checks.local_uri))
    model_sha256: str = field(metadata=options(replace=True, check=checks.sha256))
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    stage: str = field(default="live", metadata=options(check=checks.name))
    version: str | None = field(default=None, metadata=options(replace=True, check=checks.label))
    run: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelVersionOutputs:
    """What a model version offers.

    Attributes:
        name: name of the model in the registry.
        version: label of the version.
        uri: the model's `file://` URI.
        sha256: the model's SHA-256.
        stage: what the version is for.
        metrics: its metrics on held-out rows, by name.
        entry: absolute path of the registry's entry.
    """

    name: str
    version: str = field(metadata=options(derived_from=("model_sha256",)))
    uri: str = field(metadata=options(derived_from=("model_uri",)))
    sha256: str = field(metadata=options(derived_from=("model_sha256",)))
    stage: str
    metrics: dict[str, float]
    entry: str = field(metadata=options(derived_from=("registry_directory", "model_sha256", "version")))


class ModelVersion(Resource[ModelVersionInputs, ModelVersionOutputs], token="mlcloud:local:ModelVersion"):
    """Registers a model; the model itself belongs to its bucket. The version before stays, as `kept`."""

    @override
    def preview(self, new: ModelVersionInputs, old: ModelVersionOutputs | None) -> Mapping[str, object]:
        """Everything follows from the inputs."""
        return vars(_outputs(new))

    @override
    def drift(self, identifier: str, outputs: ModelVersionOutputs) -> list[str]:
        """The entry may have been removed by hand."""
        return [] if Path(outputs.entry).is_file() else ["entry"]

    @override
    def create(self, context: Context, new: ModelVersionInputs) -> tuple[str, ModelVersionOutputs]:
        """Check the model and write the entry."""
        claim = Claim.new(KIND, context.urn)
        outputs = _register(claim, new)
        return claim.identifier(f"{outputs.name}/{outputs.version}"), outputs

    @override
    def read(
        self, context: Context, identifier: str, inputs: ModelVersionInputs, outputs: ModelVersionOutputs
    ) -> ModelVersionOutputs | None:
        """Gone when the entry is, or when there is no such model any more."""
        there = Path(outputs.entry).is_file() and is_whole(path_of(outputs.uri), outputs.sha256)
        return outputs if there else None

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: ModelVersionInputs,
        outputs: ModelVersionOutputs,
        new: ModelVersionInputs,
    ) -> ModelVersionOutputs:
        """Check the model and write the entry again."""
        return _register(Claim.of(KIND, context.urn, identifier), new)

    @override
    def abandon(self, context: Context, inputs: ModelVersionInputs) -> None:
        """Take back an entry that carries this version's URN."""
        entry = Path(_outputs(inputs).entry)
        own = read_entry(entry)
        if own is not None and own.urn == context.urn and own.until is None:
            unregister(entry.parent.parent, entry, own.urn, own.token)
        remove_empty_folders(entry.parent)

    @override
    def delete(self, context: Context, identifier: str, outputs: ModelVersionOutputs) -> None:
        """Keep the entry where another has followed; else all that this resource registered goes."""
        entry = Path(outputs.entry)
        unregister(entry.parent.parent, entry, context.urn, Claim.of(KIND, context.urn, identifier).token)


def _outputs(new: ModelVersionInputs) -> ModelVersionOutputs:
    version = new.version if new.version is not None else new.model_sha256[:VERSION_LENGTH]
    return ModelVersionOutputs(
        name=new.name,
        version=version,
        uri=new.model_uri,
        sha256=new.model_sha256,
        stage=new.stage,
        metrics=new.metrics,
        entry=str(entry_path(Path(new.registry_directory), new.name, version)),
    )


def _register(claim: Claim, new: ModelVersionInputs) -> ModelVersionOutputs:
    model = path_of(new.model_uri)
    try:
        manifest = verify_model(model, new.model_sha256)
    except ResourceError as error:
        raise ResourceError(
            f"modelUri: {error} Train it in this stack (`model: training`), or pin a model that is there."
        ) from None
    outputs, report = _outputs(new), model / REPORT
    lineage = Lineage.of_manifest(manifest, run=new.run or "", report=str(report) if report.is_file() else "")
    entry = Entry(
        name=outputs.name,
        version=outputs.version,
        uri=outputs.uri,
        sha256=outputs.sha256,
        stage=outputs.stage,
        metrics=outputs.metrics or metrics_of(manifest),
        lineage=None if lineage is None else lineage.plain(),
        created=time.time(),
        until=None,
        urn=claim.urn,
        token=claim.token,
    )
    register(Path(new.registry_directory), entry)
    return outputs
