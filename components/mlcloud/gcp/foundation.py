"""What a fresh project of GCP needs first: its APIs, and the agents that Google's services act with.

Services make their agents when they are first used, and an agent that is not there cannot be given a right
(https://cloud.google.com/iam/docs/create-service-agents). Here they are made, so that one update is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import logging, organizations, projects, storage

from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# serviceusage.googleapis.com, which enables the others, is on in every new project
# (https://cloud.google.com/service-usage/docs/enabled-service).
SERVICES: Final = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "containerscanning.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
)
NETWORK_SERVICES: Final = ("dns.googleapis.com", "networkconnectivity.googleapis.com")
BUDGET_SERVICES: Final = ("billingbudgets.googleapis.com",)
# Its own role, which Google grants only when it makes the agent by itself
# (https://cloud.google.com/iam/docs/service-agents, "Vertex AI Service Agent").
_VERTEX_AGENT_ROLE: Final = "roles/aiplatform.serviceAgent"


@dataclass(frozen=True, kw_only=True)
class ServiceAgents:
    """E-mail addresses of the agents that Google's services act with in a project.

    Attributes:
        storage: Cloud Storage's, which encrypts objects.
        artifact_registry: Artifact Registry's, which encrypts images.
        vertex: Vertex AI's, which pulls images, starts machines and encrypts their disks.
        logging: Cloud Logging's for keys, which encrypts logs.
    """

    storage: pulumi.Input[str]
    artifact_registry: pulumi.Input[str]
    vertex: pulumi.Input[str]
    logging: pulumi.Input[str]

    @classmethod
    def of_project(cls, number: str) -> "ServiceAgents":
        """Return the agents of a project, by their documented names; they must be there already.

        Source: https://cloud.google.com/iam/docs/service-agents

        Args:
            number: The project's number, not its id.
        """
        return cls(
            storage=f"service-{number}@gs-project-accounts.iam.gserviceaccount.com",
            artifact_registry=f"service-{number}@gcp-sa-artifactregistry.iam.gserviceaccount.com",
            vertex=f"service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com",
            logging=f"cmek-p{number}@gcp-sa-logging.iam.gserviceaccount.com",
        )


@dataclass(frozen=True, kw_only=True)
class GcpFoundationArgs:
    """What the foundation of a stack on GCP is made from.

    Attributes:
        scope: Whose it is and where.
        services: APIs that are enabled, at least one. They stay enabled when the stack goes: others of the
            project may use them. Default: what storage, training, serving and monitoring need.
    """

    scope: Scope
    services: Sequence[str] = SERVICES

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The foundation", within("services", len(self.services), low=1))


class GcpFoundation(pulumi.ComponentResource):
    """A project that is ready: APIs enabled, agents made."""

    id: pulumi.Output[str]
    """The project's id, known once all its APIs are enabled."""
    name: pulumi.Output[str]
    number: pulumi.Output[str]
    """The project's number."""
    agents: ServiceAgents
    """The agents, known once they are made."""

    def __init__(
        self, name: str, args: GcpFoundationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:GcpFoundation", name, {}, opts)
        scope = args.scope
        self._options = child_options(self, environment=scope.environment)
        enabled = [
            projects.Service(
                f"{name}-{service.split('.')[0]}",
                project=scope.account,
                service=service,
                disable_on_destroy=False,
                opts=self._options,
            )
            for service in args.services
        ]
        after = pulumi.InvokeOutputOptions(parent=self, depends_on=enabled)
        self.id = pulumi.Output.all(*[service.id for service in enabled]).apply(lambda _: scope.account)
        self.name = pulumi.Output.from_input(scope.account)
        self.number = organizations.get_project_output(project_id=scope.account, opts=after).number
        self.agents = ServiceAgents(
            # Asking for these two makes them (pulumi-gcp, getProjectServiceAccount and getProjectSettings).
            storage=storage.get_project_service_account_output(
                project=scope.account, opts=after
            ).email_address,
            logging=logging.get_project_settings_output(
                project=scope.account, opts=after
            ).kms_service_account_id,
            artifact_registry=self._agent(name, scope, "artifactregistry", enabled),
            vertex=self._agent(name, scope, "aiplatform", enabled, role=_VERTEX_AGENT_ROLE),
        )
        self.register_outputs({"id": self.id, "name": self.name, "number": self.number})

    def _agent(
        self,
        name: str,
        scope: Scope,
        service: str,
        enabled: Sequence[projects.Service],
        *,
        role: str | None = None,
    ) -> pulumi.Output[str]:
        """Make the agent of a service, and return its address, which waits for the agent's own role."""
        options = pulumi.ResourceOptions.merge(
            self._options, pulumi.ResourceOptions(depends_on=list(enabled))
        )
        agent = projects.ServiceIdentity(
            f"{name}-{service}-agent",
            project=scope.account,
            service=f"{service}.googleapis.com",
            opts=options,
        )
        if role is None:
            return agent.email
        granted = projects.IAMMember(
            f"{name}-{service}-agent-role",
            project=scope.account,
            role=role,
            member=agent.member,
            opts=self._options,
        )
        return pulumi.Output.all(agent.email, granted.id).apply(lambda known: str(known[0]))
