"""Provider resources (``pulumi:providers:*``): each stands for one configured instance of a provider."""

import threading
import uuid
from dataclasses import replace

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.providers.clients import CheckFailure, Diff, Made, ProviderClient
from mlcloud.embedded.providers.plugins import ProviderHost
from mlcloud.embedded.state.ledger import Ledger
from mlcloud.embedded.state.records import (
    PROVIDER_PREFIX,
    ResourceRecord,
    is_provider,
    reference_urn,
    urn_type,
)

_INTERNAL = "__internal"


class ProviderInstances:
    """Manages provider resources as a provider manages others, and hands out the instances by reference."""

    def __init__(self, host: ProviderHost, ledger: Ledger) -> None:
        self._host = host
        self._ledger = ledger
        self._lock = threading.RLock()
        self._checked: dict[str, ProviderClient] = {}
        self._configured: dict[str, ProviderClient] = {}

    def client(self, reference: str, *, needed_by: str) -> ProviderClient:
        """The instance that a reference names; one that was not registered is made as the state has it."""
        with self._lock:
            if reference in self._configured:
                return self._configured[reference]
            for record in self._ledger.current():
                if record.custom and record.reference == reference:
                    return self._configure(self._load(record.urn, needed_by), record, record.inputs)
        raise EngineError(f"{needed_by} refers to the provider {reference}, which is not in the state")

    def manager(self, record: ResourceRecord) -> "ProviderClient | ProviderInstances | None":
        """What makes, changes and ends a resource; ``None`` for a component."""
        if not record.custom:
            return None
        return self if is_provider(record.type) else self.client(record.provider, needed_by=record.urn)

    def ensure_known(self, package: str, *, needed_by: str) -> None:
        """Refuse a package that has no provider here, in the name of what needs it."""
        self._host.ensure_known(package, needed_by=needed_by)

    def _load(self, urn: str, needed_by: str) -> ProviderClient:
        return self._host.load(urn_type(urn).removeprefix(PROVIDER_PREFIX), needed_by=needed_by)

    def _configure(
        self, client: ProviderClient, record: ResourceRecord, inputs: Properties
    ) -> ProviderClient:
        client.configure(record.urn, record.id, _public(inputs))
        self._configured[record.reference] = client
        return client

    def check(
        self, urn: str, olds: Properties, news: Properties, **_options: bool
    ) -> tuple[Properties, list[CheckFailure]]:
        """Validate the configuration of a provider resource."""
        client = self._checked.get(urn) or self._load(urn, urn)
        inputs, failures = client.check_config(urn, _public(olds), _public(news))
        with self._lock:
            self._checked[urn] = client
        kept = {key: news[key] for key in ("version", _INTERNAL) if key in news}
        return {**inputs, **kept}, failures

    def diff(self, old: ResourceRecord, new: ResourceRecord) -> Diff:
        """Compare the configuration with the one in the state."""
        client = self._checked.get(new.urn) or self.client(f"{new.urn}::{old.id}", needed_by=new.urn)
        news = _public(new.inputs)
        diff = client.diff_config(new.urn, _without_internal(old), news)
        if diff.changed is None:
            return Diff(changed=values.plain(old.outputs) != values.plain(news))
        return diff

    def same(self, record: ResourceRecord, inputs: Properties) -> None:
        """Make the instance ready with the configuration that the state has."""
        with self._lock:
            self._configure(self._checked.pop(record.urn), record, inputs)

    def create(self, new: ResourceRecord, *, preview: bool) -> Made:
        """Configure a new instance."""
        return self._ready(new, UNKNOWN if preview else str(uuid.uuid4()))

    def update(self, old: ResourceRecord, new: ResourceRecord, **_options: bool) -> Made:
        """Configure the instance anew."""
        return self._ready(new, old.id)

    def _ready(self, new: ResourceRecord, provider_id: str) -> Made:
        self.same(replace(new, id=provider_id), new.inputs)
        return Made(id=provider_id, outputs=_public(new.inputs))

    def delete(self, record: ResourceRecord) -> None:
        """Nothing: the instance ends with the run."""

    def replaced_by(self, old: str, new: str) -> bool:
        """Whether moving a resource from one provider instance to another means that it is made anew."""
        if old == new:
            return False
        if not old or not new:
            return True
        before = self._ledger.olds.get(reference_urn(old))
        after = self._ledger.find(reference_urn(new))
        if before is None or after is None:
            return False
        client = self.client(new, needed_by=after.urn)
        return client.known and bool(
            client.diff_config(after.urn, _without_internal(before), _public(after.inputs)).replaces
        )


def _public(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key != _INTERNAL}


def _without_internal(record: ResourceRecord) -> ResourceRecord:
    return replace(record, inputs=_public(record.inputs))
