"""The trainer's image on GCP: a private repository, and an image that is built into it or named by digest."""

import re
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_docker_build as docker_build
from pulumi_gcp import artifactregistry

from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.image import ImageFromBuild
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.foundation import ServiceAgents
from mlcloud.gcp.grants import USUAL_WAIT_S, once_seen, wait_problem

_UNTAGGED_AFTER: Final = f"{14 * 24 * 3600}s"
_IMAGE_NAME: Final = "trainer"
_READER: Final = "roles/artifactregistry.reader"
# https://cloud.google.com/artifact-registry/docs/docker/names; a project's id may begin with a domain.
_URI: Final = re.compile(
    r"[a-z0-9-]+-docker\.pkg\.dev/(?P<project>[a-z0-9.:-]+)/(?P<repository>[a-z0-9-]+)/[a-z0-9._/-]+@sha256:[0-9a-f]{64}"
)


@dataclass(frozen=True, kw_only=True)
class ImageFromDigest:
    """An image that lies in Artifact Registry, named by its digest.

    Attributes:
        image_uri: `<region>-docker.pkg.dev/<project>/<repository>/<image>@sha256:<64 hexadecimal digits>`.
            Where it is another project's, its owner lets Vertex AI's agent of this project read it.
    """

    image_uri: str


@dataclass(frozen=True, kw_only=True)
class GcpRegistryArgs:
    """What a registry on GCP is made from.

    Attributes:
        scope: Whose it is and where.
        image: Where the trainer's image comes from.
        key_name: KMS key of the images; Artifact Registry's agent must be allowed to use it.
        agents: Google's agents of the project; Vertex AI's reads the images.
        grant_wait_s: Seconds that its new right to read takes to be seen everywhere, 0 to 3600. Default 120.
    """

    scope: Scope
    image: ImageFromDigest | ImageFromBuild
    key_name: pulumi.Input[str]
    agents: ServiceAgents
    grant_wait_s: float = USUAL_WAIT_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The registry",
            _not_by_digest(self.image.image_uri) if isinstance(self.image, ImageFromDigest) else None,
            wait_problem(self.grant_wait_s),
        )


def _not_by_digest(uri: str) -> Problem | None:
    if _URI.fullmatch(uri):
        return None
    form = "<region>-docker.pkg.dev/<project>/<repository>/<image>@sha256:<digest>"
    fix = "push the image to Artifact Registry, or set `image` to `build`"
    return Problem(path="image", value=uri, allowed=form, fix=fix)


class GcpRegistry(pulumi.ComponentResource):
    """The image that trains and serves, by digest; with a repository of its own where it is built here."""

    id: pulumi.Output[str]
    """The repository's full name."""
    name: pulumi.Output[str]
    """The repository's name."""
    image_uri: pulumi.Output[str]
    """The image by digest; known once it is in the repository, Vertex AI may read it, and that is seen."""

    def __init__(self, name: str, args: GcpRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpRegistry", name, {}, opts)
        if isinstance(args.image, ImageFromDigest):
            found = _URI.fullmatch(args.image.image_uri)
            assert found is not None  # noqa: S101 - checked by the arguments
            location = args.image.image_uri.split("-docker.")[0]
            place = f"projects/{found['project']}/locations/{location}/repositories/{found['repository']}"
            self.id = pulumi.Output.from_input(place)
            self.name = pulumi.Output.from_input(found["repository"])
            self.image_uri = pulumi.Output.from_input(args.image.image_uri)
        else:
            repository, granted = self._repository(name, args)
            self.id = repository.id
            self.name = repository.name
            self.image_uri = self._build(name, args, args.image, repository, granted)
        self.register_outputs({"id": self.id, "name": self.name, "image_uri": self.image_uri})

    def _repository(
        self, name: str, args: GcpRegistryArgs
    ) -> tuple[artifactregistry.Repository, artifactregistry.RepositoryIamMember]:
        scope = args.scope
        repository = artifactregistry.Repository(
            f"{name}-repository",
            repository_id=scope.name("gcp-artifact-repository", "trainer"),
            project=scope.account,
            location=scope.region,
            format="DOCKER",
            description=f"The trainer of {scope.project}/{scope.stack}",
            kms_key_name=args.key_name,
            docker_config=artifactregistry.RepositoryDockerConfigArgs(immutable_tags=True),
            # As the project does it: the foundation enables the scanner's API.
            vulnerability_scanning_config=artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            cleanup_policies=[_only_untagged_go()],
            cleanup_policy_dry_run=False,
            labels=scope.tags,
            opts=child_options(self, environment=scope.environment, holds_data=True),
        )
        granted = artifactregistry.RepositoryIamMember(
            f"{name}-reader",
            project=scope.account,
            location=scope.region,
            repository=repository.name,
            role=_READER,
            member=pulumi.Output.concat("serviceAccount:", args.agents.vertex),
            opts=child_options(self, environment=scope.environment),
        )
        return repository, granted

    def _build(
        self,
        name: str,
        args: GcpRegistryArgs,
        image: ImageFromBuild,
        repository: artifactregistry.Repository,
        granted: artifactregistry.RepositoryIamMember,
    ) -> pulumi.Output[str]:
        place = pulumi.Output.concat(repository.registry_uri, f"/{_IMAGE_NAME}")
        built = docker_build.Image(
            f"{name}-image",
            context=docker_build.BuildContextArgs(location=str(image.context)),
            dockerfile=docker_build.DockerfileArgs(location=str(image.dockerfile)),
            target=image.target,
            build_args=dict(image.build_args),
            platforms=[docker_build.Platform.LINUX_AMD64],
            # Tags are immutable: other content has another tag, and the same content is not pushed again.
            tags=[pulumi.Output.concat(place, ":", image.tag())],
            push=True,
            build_on_preview=False,
            registries=[
                docker_build.RegistryArgs(
                    address=f"{args.scope.region}-docker.pkg.dev",
                    username=image.username,
                    password=pulumi.Output.secret(image.password),
                )
            ],
            opts=child_options(self, environment=args.scope.environment),
        )
        known = once_seen(
            f"{name}-reader-grant",
            built.digest,
            [granted],
            wait_s=args.grant_wait_s,
            opts=child_options(self, environment=args.scope.environment),
        )
        return pulumi.Output.concat(place, "@", known)


def _only_untagged_go() -> artifactregistry.RepositoryCleanupPolicyArgs:
    """Return a policy that never takes an image that an endpoint may run: those have tags.

    Vertex AI pulls the image again when it replaces a replica or scales out.
    """
    return artifactregistry.RepositoryCleanupPolicyArgs(
        id="untagged",
        action="DELETE",
        condition=artifactregistry.RepositoryCleanupPolicyConditionArgs(
            tag_state="UNTAGGED", older_than=_UNTAGGED_AFTER
        ),
    )
