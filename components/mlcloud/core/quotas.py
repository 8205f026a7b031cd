"""What a stack needs of an account, compared with what the account may have: before half an hour is lost.

Each cloud has a ``quotas`` module with a function ``check``. It talks to the cloud through its own SDK and
default credentials, so it is asked for, never part of a preview. Only the chosen cloud's module is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from mlcloud.core.errors import UserError
from mlcloud.core.settings import Settings

CLOUDS_WITH_QUOTAS = ("aws", "gcp", "azure")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class QuotaCheck:
    """One quota that a stack counts against."""

    quota: str
    """The quota's name, as the cloud's console shows it."""
    code: str
    """The cloud's own code of it; empty where the cloud does not list it."""
    setting: str
    """The key of the stack file that needs it."""
    needed: float
    """The most that the stack will use at once, in the quota's unit."""
    why: str
    """How that number comes about."""
    allowed: float | None
    """What the account may use; None where the cloud does not say."""
    fix: str
    """What to ask for, as a command or an instruction; empty where nothing is missing."""

    @property
    def missing(self) -> float:
        """How much the account lacks; 0 where it has enough, or where the cloud does not say."""
        return 0 if self.allowed is None else max(0, self.needed - self.allowed)


class QuotaOperations(Protocol):
    """The function of a cloud's ``quotas`` module."""

    def check(self, settings: Settings, provider_config: Mapping[str, str]) -> Sequence[QuotaCheck]:
        """Compare every quota that the stack counts against with the account's."""
        ...


def check_quotas(settings: Settings, provider_config: Mapping[str, str] = _NOTHING) -> Sequence[QuotaCheck]:
    """Compare what a stack needs with what the account may have; the account is asked.

    Args:
        settings: The stack's settings.
        provider_config: The stack's whole config, `namespace:key` to a text; providers of clouds have keys of
            their own in it, such as `gcp:project`.

    Raises:
        UserError: the stack's cloud has no quotas or is not asked for them, or the account cannot be asked.
    """
    if settings.cloud not in CLOUDS_WITH_QUOTAS:
        raise UserError(
            f"--quotas: {settings.cloud} has no quotas that can be asked for; clouds that have: "
            f"{', '.join(CLOUDS_WITH_QUOTAS)}."
        )
    module = cast("QuotaOperations", import_module(f"mlcloud.{settings.cloud}.quotas"))
    return module.check(settings, provider_config)
