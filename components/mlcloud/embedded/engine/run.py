"""What the parts of one run share."""

from dataclasses import dataclass

from mlcloud.embedded.engine.instances import ProviderInstances
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.ledger import Ledger
from mlcloud.embedded.project.target import Target


@dataclass(frozen=True, kw_only=True)
class Run:
    """One preview, update, refresh or deletion of a stack."""

    target: Target
    journal: Journal
    ledger: Ledger
    instances: ProviderInstances
