"""Storage on Azure: one account without keys, with a container each for data and models."""

from dataclasses import dataclass

import pulumi

from mlcloud.azure.deployer import Deployer
from mlcloud.azure.encryption import Encryption
from mlcloud.core.datafile import DataFile
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AzureStorageArgs:
    """What the storage of a stack on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        log_workspace_id: Resource id of the Log Analytics workspace that takes its access logs.
        data: A data file to upload into the data container. Default: none.
        uploader: Who uploads the file, and gets the right to: no role of a subscription's owner has it.
            Default: somebody who has it already.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone; prod demands it. Default false.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    log_workspace_id: pulumi.Input[str]
    data: DataFile | None = None
    uploader: Deployer | None = None
    encryption: Encryption | None = None
    private: bool = False


class AzureStorage(pulumi.ComponentResource):
    """A storage account with the content-addressed data file, and a place for models."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    account_id: pulumi.Output[str]
    """Resource id of the account."""
    account: pulumi.Output[str]
    """The account's name."""
    data: pulumi.Output[str]
    """Name of the data container."""
    models: pulumi.Output[str]
    """Name of the models container."""
    data_uri: pulumi.Output[str] | None
    """`https://<account>.blob.core.windows.net/<container>/...` of the uploaded file; None: no file was given."""
    models_uri: pulumi.Output[str]
    """`https://<account>.blob.core.windows.net/<container>`, without a slash at the end."""

    def __init__(self, name: str, args: AzureStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureStorage", name, {}, opts)
        raise NotImplementedError(args)
