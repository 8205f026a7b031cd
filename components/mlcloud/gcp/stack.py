"""The whole stack on GCP, in the order in which the data flows."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_gcp as gcp

from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile, check_data_file
from mlcloud.core.errors import UserError
from mlcloud.core.settings import Settings
from mlcloud.gcp import settings_args
from mlcloud.gcp.foundation import GcpFoundation, GcpFoundationArgs
from mlcloud.gcp.storage import GcpStorage, GcpStorageArgs


def build(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare a stack on GCP: foundation to budget.

    Raises:
        UserError: something that the settings name cannot be used; nothing was declared.
    """
    data = _data_file(settings, context)
    return _Stack(settings, context, data).outputs()


def _data_file(settings: Settings, context: StackContext) -> DataFile | None:
    if settings.data is None or settings.training is None:
        return None
    if "://" in settings.data.path and not settings.data.path.startswith("file://"):
        raise UserError(
            f"mlcloud:data.path = {settings.data.path!r}: stacks on gcp train on files of the project. "
            "Name a file; it is uploaded under its hash, so that the run knows what it was trained on."
        )
    return check_data_file(
        context.file(settings.data.path),
        target=settings.training.target,
        task=settings.training.implied_task,
        file_format=settings.data.format,
    )


class _Stack:
    """The components of a stack, each of the values of those before it."""

    def __init__(self, settings: Settings, context: StackContext, data: DataFile | None) -> None:
        self._settings = settings
        self._context = context
        self._data = data
        # One place says the region: the settings. The default provider would read `gcp:region`.
        setup = gcp.Provider("gcp-setup", project=pulumi.Config("gcp").get("project"), region=context.region)
        client = gcp.organizations.get_client_config(opts=pulumi.InvokeOptions(provider=setup))
        if not client.project:
            raise UserError(
                "The stack's project of GCP is not known. Write it into the stack file, "
                "`pulumi config set gcp:project MY-PROJECT`, or export GOOGLE_PROJECT."
            )
        self._scope = context.scope(client.project)
        self._foundation = self._declare_foundation(setup)
        # Whatever this provider makes comes after the foundation: APIs are enabled, agents are there.
        provider = gcp.Provider(
            "gcp",
            project=client.project,
            region=context.region,
            # A user's own credentials have no project whose quota they could use.
            user_project_override=True,
            billing_project=client.project,
            opts=pulumi.ResourceOptions(depends_on=[self._foundation]),
        )
        self._options = pulumi.ResourceOptions(providers=[provider])
        self._storage = self._declare_storage()

    def _declare_foundation(self, setup: gcp.Provider) -> GcpFoundation:
        return GcpFoundation(
            "foundation",
            GcpFoundationArgs(scope=self._scope, services=settings_args.services(self._settings)),
            opts=pulumi.ResourceOptions(providers=[setup]),
        )

    def _declare_storage(self) -> GcpStorage:
        return GcpStorage(
            "storage",
            GcpStorageArgs(
                scope=self._scope,
                agents=self._foundation.agents,
                data=self._data,
                log_retention_days=self._settings.monitoring.log_retention_days,
            ),
            opts=self._options,
        )

    def outputs(self) -> Mapping[str, Any]:
        """Return what the stack tells: what the command line needs, and what people look for."""
        outputs: dict[str, Any] = {
            "cloud": self._context.cloud,
            "account": self._scope.account,
            "data_bucket": self._storage.data.name,
            "models_bucket": self._storage.models.name,
            "region": self._scope.region,
        }
        return outputs
