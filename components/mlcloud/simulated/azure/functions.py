"""The functions of pulumi-azure-native that are answered without an account."""

import uuid
from collections.abc import Mapping

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.cloud import Facts, Function, digits


def guid_of(text: str) -> str:
    """A GUID that follows from a text."""
    return str(uuid.UUID(digits(text, 32)))


def tenant_of(subscription: str) -> str:
    """A subscription's tenant: a GUID that follows from its id."""
    return guid_of(f"tenant {subscription}")


def _client_config(facts: Facts, arguments: Properties) -> Properties:
    del arguments
    return {
        "clientId": guid_of(f"client {facts.account}"),
        "objectId": guid_of(f"object {facts.account}"),
        "subscriptionId": facts.account,
        "tenantId": tenant_of(facts.account),
    }


FUNCTIONS: Mapping[str, Function] = {"azure-native:authorization:getClientConfig": _client_config}
