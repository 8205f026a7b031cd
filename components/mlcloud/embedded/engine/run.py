"""What the parts of one run share."""

from dataclasses import dataclass

from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.providers.instances import ProviderInstances
from mlcloud.embedded.state.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Run:
    """One preview, update, refresh or deletion of a stack."""

    target: Target
    journal: Journal
    ledger: Ledger
    instances: ProviderInstances
