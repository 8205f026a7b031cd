"""Models on Azure: a model in the workspace's registry, and in it the version that an endpoint serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from typing_extensions import override

from mlcloud.azure.descriptions import description
from mlcloud.azure.resources import AzureUniqueName
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.core.served import ServedModelBase

_HOST: Final = ".blob.core.windows.net/"


@dataclass(frozen=True, kw_only=True)
class ServedModel(ServedModelBase):
    """A model and the image that serves it.

    Attributes:
        name: The model's name, as predictions answer it.
        uri: `https://<account>.blob.core.windows.net/<container>/...`, the model's folder, with its hash in
            the name.
        sha256: SHA-256 of the model's manifest; the server refuses any other model.
        version: The version's label. Default: the first 12 digits of the hash.
        image_uri: The trainer's image in the registry, by digest.
    """

    @staticmethod
    @override
    def uri_problem(uri: str) -> Problem | None:
        """Return the problem of an address that is not as `uri` says."""
        if uri.startswith("https://") and _HOST in uri and not uri.endswith((".tar.gz", ".tgz")):
            return None
        return Problem(
            path="uri",
            value=uri,
            allowed="the address of a folder: https://<account>.blob.core.windows.net/<container>/<folder>",
            fix="upload the model's files themselves: Azure ML mounts a folder into the container",
        )


@dataclass(frozen=True, kw_only=True)
class AzureModelArgs:
    """What a model version in a workspace is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace: Name of the workspace.
        model: The model and its image.
        datastore: Name of the workspace's datastore for the container of `model.uri`. Default `models`.
        metrics: Metrics on held-out rows, by name. Default: none are known.
        job: Name of the job that trained it. Default: none is known.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]
    model: ServedModel
    datastore: pulumi.Input[str] = "models"
    metrics: pulumi.Input[Mapping[str, float]] | None = None
    job: pulumi.Input[str] | None = None


class AzureModel(pulumi.ComponentResource):
    """The version of a model that is live; earlier versions stay in prod."""

    id: pulumi.Output[str]
    """The version's resource id, `.../workspaces/<workspace>/models/<model>/versions/<version>`."""
    name: pulumi.Output[str]
    version: pulumi.Output[str]
    uri: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(self, name: str, args: AzureModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureModel", name, {}, opts)
        scope, model = args.scope, args.model
        # A version that was live is history, and what a rollback needs.
        kept = pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None)
        container = ml.ModelContainer(
            f"{name}-container",
            name=scope.name("azure-ml-model", model.name),
            resource_group_name=args.resource_group,
            workspace_name=args.workspace,
            properties=ml.ModelContainerPropertiesArgs(
                description=f"Models of {scope.project}/{scope.stack}", is_archived=False, tags=scope.tags
            ),
            opts=child_options(self, environment=scope.environment, extra=kept),
        )
        version = ml.ModelVersion(
            f"{name}-version",
            name=container.name,
            version=self._version_name(name, args),
            resource_group_name=args.resource_group,
            workspace_name=args.workspace,
            properties=ml.ModelVersionPropertiesArgs(
                model_type="custom_model",
                model_uri=datastore_uri(args),
                description=pulumi.Output.all(version=model.label, metrics=args.metrics).apply(description),
                is_anonymous=False,
                is_archived=False,
                job_name=args.job,
                properties={"mlcloud_sha256": model.sha256},
                tags={**scope.tags, "mlcloud-version": model.label},
            ),
            opts=child_options(
                self,
                environment=scope.environment,
                # What is served goes after its successor has come; azure-native would delete it first.
                extra=pulumi.ResourceOptions.merge(
                    kept,
                    pulumi.ResourceOptions(
                        delete_before_replace=False,
                        # Which job trained it is said once: a version cannot be told another.
                        ignore_changes=["properties.jobName"],
                    ),
                ),
            ),
        )
        self.id = version.id
        self.name = pulumi.Output.from_input(model.name)
        self.version = model.label
        self.uri = pulumi.Output.from_input(model.uri)
        self.sha256 = pulumi.Output.from_input(model.sha256)
        self.register_outputs({"version": self.version, "uri": self.uri, "sha256": self.sha256})

    def _version_name(self, name: str, args: AzureModelArgs) -> pulumi.Output[str]:
        """A name of the content: what is registered cannot be changed, and may be registered again."""
        model = args.model
        named = AzureUniqueName(
            f"{name}-version-name",
            prefix="v",
            content={"sha256": model.sha256, "uri": model.uri},
            opts=child_options(self, environment=args.scope.environment),
        )
        return named.name


def datastore_uri(args: AzureModelArgs) -> pulumi.Output[str]:
    """Return the model's folder as Azure ML names it, below the workspace's datastore of its container.

    https://learn.microsoft.com/azure/machine-learning/how-to-manage-models
    """

    def written(known: list[str]) -> str:
        group, workspace, datastore, uri = known
        path = uri.partition(_HOST)[2].partition("/")[2].strip("/")
        return (
            f"azureml://subscriptions/{args.scope.account}/resourcegroups/{group}/workspaces/{workspace}"
            f"/datastores/{datastore}/paths/{path}"
        )

    return pulumi.Output.all(args.resource_group, args.workspace, args.datastore, args.model.uri).apply(
        written
    )
