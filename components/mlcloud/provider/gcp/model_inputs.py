"""Inputs and outputs of a model in Vertex AI's registry."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.fields import options
from mlcloud.provider.gcp import checks

# ModelContainerSpec.deploymentTimeout: at most two hours.
LONGEST_START_S: Final = 7200
DEFAULT_UNDEPLOY_WAIT_S: Final = 300.0
DEFAULT_ALIAS: Final = "default"
_SECONDS = checks.between(1, 3600)


def _aliases(value: Sequence[str]) -> str | None:
    # MergeVersionAliasesRequest: 1 to 128 characters, not like a version's number.
    wrong = [alias for alias in value if not re.fullmatch(r"[a-z]([a-z0-9-]{0,126}[a-z0-9])?", alias)]
    if wrong:
        return (
            f"{', '.join(wrong)}: an alias has 1 to 128 of a-z, 0-9 and -, a letter first, no - at the end."
        )
    if DEFAULT_ALIAS in value:
        return f"`{DEFAULT_ALIAS}` is the newest version's of itself: leave it out."
    return None


def _env(value: Mapping[str, str]) -> str | None:
    wrong = [name for name in value if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    if wrong:
        return f"{', '.join(wrong)}: a variable's name has letters, digits and _, no digit first."
    taken = [name for name in value if name.startswith("AIP_")]
    return f"{', '.join(taken)}: names that begin with AIP_ are Vertex AI's own." if taken else None


@dataclass(frozen=True, kw_only=True)
class VertexModelInputs:
    """What a version of a model is made from. All but names, labels and aliases makes another version.

    Attributes:
        project: identifier of the project.
        region: name of the region.
        model_id: identifier of the model, 1 to 63 of a-z, 0-9, _ and -; this is a version of it.
        image_uri: image of the server, by digest.
        artifact_uri: `gs://` folder of the model. Default: the image brings it.
        predict_route: path that takes predictions. Default /predict.
        health_route: path that says whether the server is ready. Default /ready.
        port: port on which the server listens, 1 to 65535. Default 8080.
        env: environment of the server.
        command: what starts instead of the image's entry point.
        args: what the entry point is given instead of the image's own.
        liveness_route: path that says whether the server works at all; else it is started again.
            Default: Vertex AI's own look, at the port.
        probe_period_s: seconds from one look to the next, 1 to 3600. Default: Vertex AI's own, 10.
        probe_timeout_s: seconds within which the server must answer it, 1 to 3600. Default: its own, 1.
        probe_failures: failures in a row that count, 1 to 1000. Default: Vertex AI's own, 3.
        startup_s: seconds that the server may take before the looks count, 1 to 7200. Default: none.
        start_timeout_s: seconds that the server may take to be ready, at most 7200. Default: Vertex AI's.
        shared_memory_mb: memory of the machine kept as shared memory, in MB. Default: none.
        kms_key_name: key that encrypts the model. Default: Google's own.
        display_name: name for people. Default: `modelId`.
        description: of this version, for people.
        aliases: other names of this version, such as `prod`.
        labels: labels of this version.
        undeploy_wait_s: seconds that deleting waits until nothing serves it, 0 to 3600. Default 300.
        grant_wait_s: seconds for which a refusal may be a grant that Google does not see yet, 0 to 3600.
            Default 600.
    """

    project: str = field(metadata=options(replace=True, check=checks.project))
    region: str = field(metadata=options(replace=True, check=checks.region))
    model_id: str = field(metadata=options(replace=True, check=checks.model_id))
    image_uri: str = field(metadata=options(replace=True, check=checks.image))
    artifact_uri: str | None = field(default=None, metadata=options(replace=True, check=checks.gs_uri))
    predict_route: str = field(default="/predict", metadata=options(replace=True, check=checks.route))
    health_route: str = field(default="/ready", metadata=options(replace=True, check=checks.route))
    port: int = field(default=8080, metadata=options(replace=True, check=checks.between(1, 65535)))
    env: dict[str, str] = field(default_factory=dict[str, str], metadata=options(replace=True, check=_env))
    command: list[str] = field(default_factory=list[str], metadata=options(replace=True))
    args: list[str] = field(default_factory=list[str], metadata=options(replace=True))
    liveness_route: str | None = field(default=None, metadata=options(replace=True, check=checks.route))
    probe_period_s: int | None = field(default=None, metadata=options(replace=True, check=_SECONDS))
    probe_timeout_s: int | None = field(default=None, metadata=options(replace=True, check=_SECONDS))
    probe_failures: int | None = field(
        default=None, metadata=options(replace=True, check=checks.between(1, 1000))
    )
    startup_s: int | None = field(
        default=None, metadata=options(replace=True, check=checks.between(1, LONGEST_START_S))
    )
    start_timeout_s: int | None = field(
        default=None, metadata=options(replace=True, check=checks.between(1, LONGEST_START_S))
    )
    shared_memory_mb: int | None = field(
        default=None, metadata=options(replace=True, check=checks.between(1, 1_000_000))
    )
    kms_key_name: str | None = field(default=None, metadata=options(replace=True, check=checks.kms_key))
    display_name: str | None = None
    description: str | None = None
    aliases: list[str] = field(default_factory=list[str], metadata=options(check=_aliases))
    labels: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.labels))
    undeploy_wait_s: float = field(
        default=DEFAULT_UNDEPLOY_WAIT_S, metadata=options(check=checks.between(0, 3600))
    )
    grant_wait_s: float = field(default=checks.GRANT_WAIT_S, metadata=options(check=checks.grant_wait))


@dataclass(frozen=True, kw_only=True)
class VertexModelOutputs:
    """What a version of a model offers.

    Attributes:
        project: identifier of the project.
        region: name of the region.
        name: full name of the model.
        version_id: number of this version.
        version_name: full name of this version, `<name>@<version>`: what a deployment takes.
        content_sha256: SHA-256 of all that makes another version.
        claim: mark of this resource on the version: only who has set it deletes the version.
        status: `ready`; `differs` where somebody has changed it.
        undeploy_wait_s: seconds that deleting waits until nothing serves it.
    """

    project: str = field(metadata=options(stable=True))
    region: str = field(metadata=options(stable=True))
    name: str = field(metadata=options(stable=True))
    version_id: str = field(metadata=options(stable=True))
    version_name: str = field(metadata=options(stable=True))
    content_sha256: str = field(metadata=options(stable=True))
    claim: str = field(metadata=options(stable=True))
    status: str
    undeploy_wait_s: float
