"""Plans of a program on the embedded engine: plain records to assert on, options included."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.state.records import Snapshot


class _FrozenState:
    """A state that is only read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def exists(self) -> bool:
        return bool(self._snapshot.resources)

    def lock(self) -> Any:
        return nullcontext([])

    def read(self) -> Snapshot:
        return deepcopy(self._snapshot)

    def write(self, snapshot: Snapshot) -> None:
        raise AssertionError("a plan must not write")

    def add_history(self, update: Any) -> None:
        raise AssertionError("a plan must not write")


def plan(
    build: Callable[[], Any],
    *,
    providers: Mapping[str, Any],
    project: str = "shop",
    stack: str = "dev",
    config: Mapping[str, str] | None = None,
    secret_keys: frozenset[str] = frozenset(),
    snapshot: Snapshot | None = None,
    folder: Path | None = None,
) -> Plan:
    """What ``pulumi preview`` would show of a program that is a function.

    Args:
        build: Declares the resources.
        providers: Package to an object with the ResourceProvider methods, or a class of such objects.
        project: The project's name.
        stack: The stack's name.
        config: ``namespace:key`` to text.
        secret_keys: The keys of ``config`` that are secret.
        snapshot: The state before; none when not given.
        folder: The program's current directory while it runs; where it is when not given.
    """
    folder = folder or Path.cwd()
    engine = Engine(
        target=Target(
            project=project,
            stack=stack,
            root=folder,
            folder=folder,
            config=config or {},
            secret_keys=secret_keys,
        ),
        program=build,
        state=_FrozenState(snapshot or Snapshot()),
        providers=providers,
    )
    return engine.preview()
