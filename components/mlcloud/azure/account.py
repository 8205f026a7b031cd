"""Whose subscription a stack on Azure is in, and who deploys: looked up before anything is declared."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_azure_native as azure_native
from pulumi_azure_native import authorization

from mlcloud.azure.deployer import Deployer
from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.scope import Scope

# Applications of Microsoft's by which people sign in: the command line and PowerShell
# (https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in).
_PEOPLES_CLIENTS: Final = ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "1950a258-227b-4e31-a9cf-717495945fc2")


@dataclass(frozen=True, kw_only=True)
class Account:
    """What is looked up, here and nowhere else.

    Attributes:
        scope: The stack's place.
        tenant_id: The subscription's tenant.
        deployer: Who runs this update.
    """

    scope: Scope
    tenant_id: str
    deployer: Deployer


def look(context: StackContext, provider: azure_native.Provider) -> Account:
    """Look up who deploys, and into which subscription.

    Raises:
        UserError: the subscription is not known.
    """
    client = authorization.get_client_config(opts=pulumi.InvokeOptions(provider=provider))
    if not client.subscription_id:
        raise UserError(
            "The stack's subscription of Azure is not known. Write it into the stack file, "
            "`pulumi config set azure-native:subscriptionId MY-SUBSCRIPTION`, or export ARM_SUBSCRIPTION_ID."
        )
    person = client.client_id in _PEOPLES_CLIENTS
    return Account(
        scope=context.scope(client.subscription_id),
        tenant_id=client.tenant_id,
        deployer=Deployer(
            principal_id=client.object_id, principal_type="User" if person else "ServicePrincipal"
        ),
    )
