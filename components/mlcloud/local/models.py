"""The registry on this machine: which version of a model is live, verified before it is served."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mlcloud.core.options import child_options
from mlcloud.local.resources import ModelVersion
from mlcloud.local.scope import LocalScope


@dataclass(frozen=True, kw_only=True)
class LocalModelArgs:
    """What a model version on this machine is made from.

    Attributes:
        scope: Whose it is and where.
        model_name: The model's name in the registry.
        uri: `file://` URI of the model's folder or archive.
        sha256: SHA-256 of the folder's manifest, or of the archive.
        metrics: Metrics on held-out rows, by name. Default: none are known.
        version: The version's label. Default: the first 12 characters of the hash.
        run: Name of the run that trained it. Default: none is known.
    """

    scope: LocalScope
    model_name: str
    uri: pulumi.Input[str]
    sha256: pulumi.Input[str]
    metrics: pulumi.Input[Mapping[str, float]] | None = None
    version: str | None = None
    run: pulumi.Input[str] | None = None


class LocalModel(pulumi.ComponentResource):
    """The live version of a model: a run's own, or a pinned one."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    version: pulumi.Output[str]
    uri: pulumi.Output[str]
    sha256: pulumi.Output[str]
    registry: str
    """Absolute path of the registry's folder: this version and those before it."""

    def __init__(self, name: str, args: LocalModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:LocalModel", name, {}, opts)
        self.registry = args.scope.folder("registry")
        version = ModelVersion(
            f"{name}-version",
            name=args.model_name,
            registry_directory=self.registry,
            model_uri=args.uri,
            model_sha256=args.sha256,
            metrics=args.metrics,
            version=args.version,
            run=args.run,
            opts=child_options(self, environment=args.scope.environment),
        )
        self.id = version.id
        self.name = version.name
        self.version = version.version
        self.uri = version.uri
        self.sha256 = version.sha256
        self.register_outputs({"version": self.version, "uri": self.uri, "sha256": self.sha256})
