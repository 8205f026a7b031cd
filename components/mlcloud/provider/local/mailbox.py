"""How a resource asks a process that outlives it: a request, who waits for the answer, and who takes it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import read_json, sweep, write_json
from mlcloud.provider.local.processes import ProcessRef


class NotTakenError(ResourceError):
    """A process ended before it took the request: it has done nothing of what was asked."""


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """Two files in the process's folder. A request may hold secrets: no other user reads it, and it is taken.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def _request(self) -> Path:
        return self.path / "request.json"

    @property
    def _waiting(self) -> Path:
        return self.path / "waiting.json"

    def ask(self, request: Mapping[str, Any]) -> None:
        """Leave a request, and that this process waits for the answer.

        Raises:
            NotTakenError: the folder is gone, as where the process was ending and has removed it.
        """
        sweep(self.path)
        me = ProcessRef.of(os.getpid())
        assert me is not None  # noqa: S101 - this process runs
        try:
            write_json(self._waiting, asdict(me))
            write_json(self._request, dict(request), private=True)
        except FileNotFoundError:
            raise NotTakenError(f"{self.path} is gone.") from None

    @property
    def is_untaken(self) -> bool:
        """Whether the request that was left is there still, or is gone with its folder."""
        return self._request.exists() or not self.path.exists()

    def stop_waiting(self) -> None:
        """Take note of the answer, or ask no longer: what nobody has taken goes.

        A plugin whose engine was killed lives on for a moment, in which the next one may ask already.
        """
        asker = self.asker()
        if asker is None or asker.pid == os.getpid():
            self._request.unlink(missing_ok=True)
            self._waiting.unlink(missing_ok=True)

    def asker(self) -> ProcessRef | None:
        """Who waits for an answer; None when nobody does any more."""
        content = read_json(self._waiting)
        try:
            return None if content is None else ProcessRef(**content)
        except TypeError:
            return None

    def take(self) -> dict[str, Any] | None:
        """Take the request that waits, if any."""
        taken = self._request.with_name("request.taken.json")
        try:
            self._request.replace(taken)  # one that arrives meanwhile is another one
            return read_json(taken)
        except FileNotFoundError:
            return None
        finally:
            taken.unlink(missing_ok=True)
