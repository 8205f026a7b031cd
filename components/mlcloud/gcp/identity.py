"""Identities on GCP: one service account that trains, one that serves, and what a deployer may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import projects, serviceaccount, storage

from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.deployer import DEPLOYER_PERMISSIONS, role_id
from mlcloud.gcp.foundation import ServiceAgents
from mlcloud.gcp.grants import USUAL_WAIT_S, once_seen, wait_problem

_READ: Final = "roles/storage.objectViewer"
# What Cloud Storage's mount in a training container needs to write
# (https://cloud.google.com/storage/docs/cloud-storage-fuse/overview#access).
_WRITE: Final = "roles/storage.objectUser"
# A container with an account of its own loses all that Vertex AI's default account may do
# (https://cloud.google.com/vertex-ai/docs/general/custom-service-account); whether its lines are among that,
# Google does not say, and a run that fails without a word is worse than this one right. It is a project's:
# no log can be named in a grant (https://cloud.google.com/logging/docs/access-control).
_WRITE_LOGS: Final = "roles/logging.logWriter"
_ACT_AS: Final = "roles/iam.serviceAccountUser"
_PUBLIC: Final = ("allUsers", "allAuthenticatedUsers")


@dataclass(frozen=True, kw_only=True)
class GcpIdentityArgs:
    """What the identities of a stack on GCP are made from.

    Attributes:
        scope: Whose they are and where.
        data_bucket: Name of the bucket that training reads.
        models_bucket: Name of the bucket that training writes and serving reads.
        agents: Google's agents of the project; Vertex AI's reads models.
        grant_wait_s: Seconds that a new role takes to be seen everywhere, 0 to 3600. Default 120.
        deployers: Who brings new data, images and models into a stack that is up, as IAM writes members:
            `user:a@example.com`, `group:...`, `serviceAccount:...`. Default: nobody but who may already.
    """

    scope: Scope
    data_bucket: pulumi.Input[str]
    models_bucket: pulumi.Input[str]
    agents: ServiceAgents
    deployers: Sequence[str] = ()
    grant_wait_s: float = USUAL_WAIT_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The identities",
            *(_member_problem(member) for member in self.deployers),
            wait_problem(self.grant_wait_s),
        )


def _member_problem(member: str) -> Problem | None:
    if ":" in member and member not in _PUBLIC:
        return None
    allowed = "a member of this organisation: user:..., group:... or serviceAccount:..."
    return Problem(path="deployers", value=member, allowed=allowed, fix="name who deploys")


class GcpIdentity(pulumi.ComponentResource):
    """Service accounts that can be used at once: addresses are known when their roles are made, and seen."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    training_account: pulumi.Output[str]
    """E-mail address of the account that trains."""
    endpoint_account: pulumi.Output[str]
    """E-mail address of the account that serves."""
    deployer_role: pulumi.Output[str]
    """The role of whoever brings new data, images and models into a stack that is up."""
    ready: pulumi.Output[bool]
    """True once each account has its roles."""

    def __init__(self, name: str, args: GcpIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpIdentity", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        training = self._account(name, scope, "training", "Trains the stack's models")
        endpoint = self._account(name, scope, "endpoint", "Serves the stack's models")
        agent = pulumi.Output.concat("serviceAccount:", args.agents.vertex)
        trains = [
            self._on_bucket(f"{name}-training-data", args.data_bucket, _READ, training.member),
            self._on_bucket(f"{name}-training-models", args.models_bucket, _WRITE, training.member),
            self._on_project(f"{name}-training-logs", scope, _WRITE_LOGS, training.member),
        ]
        serves = [
            self._on_bucket(f"{name}-endpoint-models", args.models_bucket, _READ, endpoint.member),
            # Vertex AI copies the model's folder for the container.
            self._on_bucket(f"{name}-vertex-models", args.models_bucket, _READ, agent),
            self._on_project(f"{name}-endpoint-logs", scope, _WRITE_LOGS, endpoint.member),
        ]
        self.training_account, self.endpoint_account = (
            once_seen(
                f"{name}-{part}-grants",
                account.email,
                grants,
                wait_s=args.grant_wait_s,
                opts=self._options,
            )
            for part, account, grants in (("training", training, trains), ("endpoint", endpoint, serves))
        )
        role = projects.IAMCustomRole(
            f"{name}-deployer",
            project=scope.account,
            role_id=role_id(scope),
            title=scope.name("gcp-display-name", "deployer"),
            description=f"Brings new data, images and models into {scope.project}/{scope.stack}",
            permissions=list(DEPLOYER_PERMISSIONS),
            stage="GA",
            opts=self._options,
        )
        self.deployer_role = role.name
        self._let_deploy(name, args, role, [training, endpoint])
        self.ready = pulumi.Output.all(self.training_account, self.endpoint_account).apply(lambda _: True)
        self.id = training.id
        self.name = pulumi.Output.from_input(scope.name("gcp-service-account"))
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "training_account": self.training_account,
                "endpoint_account": self.endpoint_account,
                "deployer_role": self.deployer_role,
                "ready": self.ready,
            }
        )

    def _account(self, name: str, scope: Scope, part: str, description: str) -> serviceaccount.Account:
        return serviceaccount.Account(
            f"{name}-{part}",
            project=scope.account,
            account_id=scope.name("gcp-service-account", part),
            display_name=scope.name("gcp-display-name", part),
            description=description,
            opts=self._options,
        )

    def _on_bucket(
        self, resource_name: str, bucket: pulumi.Input[str], role: str, member: pulumi.Input[str]
    ) -> storage.BucketIAMMember:
        return storage.BucketIAMMember(
            resource_name, bucket=bucket, role=role, member=member, opts=self._options
        )

    def _on_project(
        self, resource_name: str, scope: Scope, role: str, member: pulumi.Input[str]
    ) -> projects.IAMMember:
        return projects.IAMMember(
            resource_name, project=scope.account, role=role, member=member, opts=self._options
        )

    def _let_deploy(
        self,
        name: str,
        args: GcpIdentityArgs,
        role: projects.IAMCustomRole,
        accounts: Sequence[serviceaccount.Account],
    ) -> None:
        """Give each deployer the role, and what it may do with buckets and accounts on these alone."""
        for member in args.deployers:
            who = f"{name}-deployer-{member.split(':', 1)[1]}"
            projects.IAMMember(
                who, project=args.scope.account, role=role.name, member=member, opts=self._options
            )
            for part, bucket in (("data", args.data_bucket), ("models", args.models_bucket)):
                self._on_bucket(f"{who}-{part}", bucket, _WRITE, member)
            for part, account in zip(("training", "endpoint"), accounts, strict=True):
                serviceaccount.IAMMember(
                    f"{who}-{part}-account",
                    service_account_id=account.name,
                    role=_ACT_AS,
                    member=member,
                    opts=self._options,
                )
