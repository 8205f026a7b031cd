"""A name that follows from a content and is never given twice."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

CONTENT_DIGITS: Final = 8
_NONCE_BYTES: Final = 2
# Deployments of online endpoints have 32 characters at most, and digits, a hyphen and a nonce follow
# (https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas).
LONGEST_PREFIX: Final = 32 - CONTENT_DIGITS - 1 - 2 * _NONCE_BYTES


def _prefix(value: str) -> str | None:
    if len(value) <= LONGEST_PREFIX and re.fullmatch(r"[a-z][a-z0-9-]*", value):
        return None
    return f'"{value}" is not a prefix: 1 to {LONGEST_PREFIX} of a-z, 0-9 and -, a letter first.'


@dataclass(frozen=True, kw_only=True)
class AzureUniqueNameInputs:
    """What a name is made from.

    Attributes:
        prefix: what the name begins with, 1 to 19 of a-z, 0-9 and -, a letter first.
        content: all that is named. Any change of it gives another name.
    """

    prefix: str = field(metadata=options(replace=True, check=_prefix))
    content: dict[str, str] = field(metadata=options(replace=True))


@dataclass(frozen=True, kw_only=True)
class AzureUniqueNameOutputs:
    """What a name offers.

    Attributes:
        name: the prefix, eight digits of the content's hash, and four that no other name has.
    """

    name: str = field(metadata=options(stable=True))


def content_digits(content: Mapping[str, str]) -> str:
    """The digits that a content gives to its name."""
    text = json.dumps(dict(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:CONTENT_DIGITS]


class AzureUniqueName(
    Resource[AzureUniqueNameInputs, AzureUniqueNameOutputs], token="mlcloud:azure:UniqueName"
):
    """A name for a thing that is made before the one it replaces is deleted, and to which one may go back.

    azure-native refuses to create what is there already (pulumi-azure-native issue 1123), and Pulumi deletes
    a replaced resource by its id: a name of the content alone would be refused, or deleted again, when an
    update goes back to a content whose earlier resource still waits to be deleted, or was kept.
    """

    @override
    def create(self, context: Context, new: AzureUniqueNameInputs) -> tuple[str, AzureUniqueNameOutputs]:
        """Give a name; nothing is made in Azure."""
        del context
        name = f"{new.prefix}{content_digits(new.content)}-{secrets.token_hex(_NONCE_BYTES)}"
        return name, AzureUniqueNameOutputs(name=name)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: AzureUniqueNameInputs,
        outputs: AzureUniqueNameOutputs,
    ) -> AzureUniqueNameOutputs | None:
        """It is what it was."""
        del context, identifier, inputs
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureUniqueNameInputs,
        outputs: AzureUniqueNameOutputs,
        new: AzureUniqueNameInputs,
    ) -> AzureUniqueNameOutputs:
        """Nothing of it changes in place."""
        del context, identifier, old, new
        return outputs

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureUniqueNameOutputs) -> None:
        """Nothing was made."""
        del context, identifier, outputs
