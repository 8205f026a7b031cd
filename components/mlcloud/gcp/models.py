"""Models on GCP: a model of Vertex AI's registry, and in it the version that an endpoint serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from typing_extensions import override

from mlcloud.core.args import validate
from mlcloud.core.context import label
from mlcloud.core.errors import ABSENT, Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.core.served import ServedModelBase
from mlcloud.gcp.descriptions import description
from mlcloud.gcp.resources import VertexModel

# What the container answers (docs/guides/container.md).
_LIVENESS_ROUTE: Final = "/v2/health/live"
_STARTUP_S: Final = (1, 7200)


@dataclass(frozen=True, kw_only=True)
class ServedModel(ServedModelBase):
    """A model and the image that serves it.

    Attributes:
        name: The model's name, as predictions answer it.
        uri: `gs://` URI of the model's folder, with its hash in the name.
        sha256: SHA-256 of the model's manifest; the server refuses any other model.
        version: The version's label. Default: the first 12 digits of the hash.
        image_uri: The trainer's image in Artifact Registry, by digest.
    """

    @staticmethod
    @override
    def uri_problem(uri: str) -> Problem | None:
        """Return the problem of an address that is not as `uri` says."""
        if uri.startswith("gs://") and not uri.endswith((".tar.gz", ".tgz")):
            return None
        return Problem(
            path="uri",
            value=uri,
            allowed="the gs:// URI of a folder",
            fix="upload the model's files themselves: Vertex AI copies a folder for the container",
        )


@dataclass(frozen=True, kw_only=True)
class GcpModelArgs:
    """What a model version in Vertex AI's registry is made from.

    Attributes:
        scope: Whose it is and where.
        model: The model and its image.
        key_name: KMS key that encrypts it; Vertex AI's agent must be allowed to use it. Needed in prod.
            Default: Google's own keys.
        startup_s: Seconds that the server may take before it is looked at, 1 to 7200. Default 300.
        metrics: Metrics on held-out rows, by name. Default: none are known.
    """

    scope: Scope
    model: ServedModel
    key_name: pulumi.Input[str] | None = None
    startup_s: int = 300
    metrics: pulumi.Input[Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _STARTUP_S
        own = "a key of one's own"
        missing = Problem(path="key_name", value=ABSENT, allowed=f"{own}, in prod", fix=f"give {own}")
        wrong = Problem(
            path="startup_s",
            value=self.startup_s,
            allowed=f"{low} to {high} seconds",
            fix=f"write {min(max(self.startup_s, low), high)}",
        )
        validate(
            "The model version",
            missing if self.scope.is_prod and self.key_name is None else None,
            None if low <= self.startup_s <= high else wrong,
        )


class GcpModel(pulumi.ComponentResource):
    """The version of a model that is live; earlier versions stay in prod."""

    id: pulumi.Output[str]
    """The version's full name, `projects/.../models/<model>@<version>`."""
    name: pulumi.Output[str]
    version: pulumi.Output[str]
    uri: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(self, name: str, args: GcpModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpModel", name, {}, opts)
        scope, model = args.scope, args.model
        version = VertexModel(
            f"{name}-version",
            project=scope.account,
            region=scope.region,
            model_id=scope.name("gcp-vertex-model", model.name),
            image_uri=model.image_uri,
            artifact_uri=model.uri,
            env=model.environment,
            args=["serve"],
            liveness_route=_LIVENESS_ROUTE,
            startup_s=args.startup_s,
            kms_key_name=args.key_name,
            display_name=scope.name("gcp-display-name", model.name),
            description=pulumi.Output.all(version=model.label, metrics=args.metrics).apply(description),
            labels={**scope.tags, "mlcloud-version": model.label.apply(label)},
            opts=child_options(
                self,
                environment=scope.environment,
                # A version that was live is history, and what a rollback needs.
                extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None),
            ),
        )
        self.id = version.version_name
        self.name = pulumi.Output.from_input(model.name)
        self.version = model.label
        self.uri = pulumi.Output.from_input(model.uri)
        self.sha256 = pulumi.Output.from_input(model.sha256)
        self.register_outputs({"version": self.version, "uri": self.uri, "sha256": self.sha256})
