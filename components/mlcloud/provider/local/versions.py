"""The versions of an endpoint: the one that serves, the one that is tried, and those that end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local import memory
from mlcloud.provider.local.generations import Generation, ended
from mlcloud.provider.local.scaling import within
from mlcloud.provider.local.server_process import ServerProcess, open_listener
from mlcloud.provider.local.serving import Deployment, EndpointFolder
from mlcloud.provider.local.traffic import Traffic
from mlcloud.provider.rollout import ALL

_KEPT_LOGS: Final = 3
# What may change while the servers go on.
_NUMBERS: Final = (
    "replicas",
    "least",
    "most",
    "target_in_flight",
    "scale_in_after_s",
    "start_timeout_s",
    "drain_timeout_s",
)


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What versions need of the supervisor's loop.

    Attributes:
        say: writes a line to its log.
        save: writes what runs to the state.
        pause: lets it work for a moment while a version starts; raises when nobody wants that any more.
    """

    say: Callable[[str], None]
    save: Callable[[], None]
    pause: Callable[[], None]


class Versions:
    """The generations of one endpoint, and which of them has what part of the traffic.

    Attributes:
        current: what serves, and what the traffic goes back to; None before there is one.
        starting: what is being started and has no traffic.
        candidate: what is tried: started, and not settled.
        candidate_id: the request that the candidate came with; empty when there is none.
        failure: why the last candidate was taken back; empty when it was not.
    """

    def __init__(self, folder: EndpointFolder, loop: Loop) -> None:
        self.current: Generation | None = None
        self.starting: Generation | None = None
        self.candidate: Generation | None = None
        self.candidate_id = ""
        self.failure = ""
        self._folder = folder
        self._loop = loop
        self._traffic = Traffic()
        self._is_resizing = False
        # Those that finish their last requests, and when each must have.
        self._draining: list[tuple[Generation, float]] = []
        self._count = _last_generation(folder)

    @property
    def is_changing(self) -> bool:
        """Whether one starts or ends."""
        return self.starting is not None or bool(self._draining)

    def living(self) -> list[Generation]:
        """Those that have servers, the oldest first."""
        newest = (self.current, self.starting, self.candidate)
        return [*(old for old, _ in self._draining), *(one for one in newest if one is not None)]

    def private_ports(self) -> dict[str, int]:
        """Where the servers that take users' requests are asked for their load, by the process.

        The candidate's, too: it is to carry alone what both carry now.
        """
        answering = [one for one in (self.current, self.candidate) if one is not None]
        servers = [server for generation in answering for server in generation.servers()]
        return {str(server.ref): server.private_port for server in servers if server.ready}

    # Requests

    def deploy(self, deployment: Deployment) -> None:
        """Start a generation and ask it in private; the first one serves, a later one is a candidate."""
        if self.candidate is not None:
            self.take_back("another update took its place")
        if self.current is not None:
            # The load has chosen the number, and goes on to: an update does not begin with the fewest.
            servers = within(self.current.deployment.replicas, deployment.scaling)
            deployment = replace(deployment, replicas=servers)
        if self.current is not None and _differs_in_number(self.current.deployment, deployment):
            self._resize(self.current, deployment)
            return
        new = self._start(deployment)
        self.failure = ""
        if self.current is None:
            self._traffic.move([(new, ALL)])
            self.current = new
            self._loop.say(f"version {deployment.version}: serves")
        else:
            self.candidate, self.candidate_id = new, deployment.request_id
        self._remove_old_logs()

    def _start(self, deployment: Deployment) -> Generation:
        old = self.current
        self._loop.say(f"version {deployment.version}: starts")
        self._count += 1
        log = self._folder.logs / f"{self._count:04d}-{deployment.version}.log"
        keeps_port = old is not None and deployment.port in (0, old.listener.getsockname()[1])
        listener = (
            old.listener
            if old is not None and keeps_port
            else open_listener(deployment.port, any_port=deployment.any_port)
        )
        new = Generation(deployment, listener, log, self._loop.say)
        self.starting = new
        try:
            self._check_memory(deployment.replicas)
            new.start()
            self._loop.save()
            self._prove(new.servers(), new)
        except BaseException:
            for server in new.servers():
                server.kill()
            if not keeps_port:
                listener.close()
            raise
        finally:
            self.starting = None
        return new

    def _resize(self, current: Generation, deployment: Deployment) -> None:
        """Have more servers or fewer of what serves."""
        before = current.servers()
        wanted, was = deployment.replicas, current.deployment
        self._check_memory(wanted - len(before))
        try:
            leaving = current.resize(wanted)
            current.deployment = replace(was, **_numbers(deployment))
            if leaving is not None:
                self._traffic.settle()
                self._retire(leaving)
            self._loop.save()
            self._is_resizing = True  # what is proved now does not leave as the load goes
            self._prove([server for server in current.servers() if server not in before], current)
        except BaseException:
            failed = current.resize(was.replicas)
            current.deployment = was
            for server in [] if failed is None else failed.servers():
                server.kill()
            raise
        finally:
            self._is_resizing = False
        self._loop.say(f"version {was.version}: {wanted} servers")

    def _prove(self, servers: Sequence[ServerProcess], of: Generation) -> None:
        """Wait until each is ready, and has predicted what it should.

        Raises:
            ResourceError: one is not, or has not.
        """
        deployment = of.deployment
        deadline = time.monotonic() + deployment.start_timeout_s
        for server in servers:
            while not (server.ready or of.admit(server)):
                self._check_alive(server, deployment)
                if time.monotonic() > deadline:
                    raise ResourceError(
                        f"Version {deployment.version} was not ready within {deployment.start_timeout_s:g} s "
                        f"(startTimeoutS): {server.last_words()}"
                    )
                self._loop.pause()
            failure = None if deployment.smoke is None else server.smoke_failure(deployment.smoke)
            if failure is not None:
                self._check_alive(server, deployment)
                raise ResourceError(f"Version {deployment.version} failed its smoke prediction: {failure}.")
        for server in servers:
            self._check_alive(server, deployment)

    def _check_memory(self, more: int) -> None:
        running = [] if self.current is None else self.current.servers()
        known = [size for size in (server.memory_bytes() for server in running) if size is not None]
        memory.check(max(0, more), known, memory.available_bytes())

    def scale(self, servers: int) -> None:
        """Have so many servers of what serves, as its load wants; new ones take part once they are ready.

        Raises:
            ResourceError: there is too little memory for more.
        """
        current = self.current
        if current is None or self.candidate is not None or self._is_resizing:
            return
        self._check_memory(servers - len(current.replicas))
        leaving = current.resize(servers)
        if leaving is not None:
            self._traffic.settle()
            self._retire(leaving)
        self._loop.say(f"version {current.deployment.version}: {servers} servers, as the load wants")
        self._loop.save()

    def move(self, percent: int) -> None:
        """Give the candidate a share of the traffic, in percent."""
        current, candidate = self._tried()
        self._traffic.move([(current, ALL - percent), (candidate, percent)])
        self._loop.say(f"version {candidate.deployment.version}: {percent} % of the traffic")

    def settle(self) -> None:
        """Let the candidate serve for good; the one before it drains."""
        old, new = self._tried()
        if new.weight < ALL:
            self._traffic.move([(old, 0), (new, ALL)])
        self.current, self.candidate, self.candidate_id = new, None, ""
        self._retire(old)
        if old.listener is not new.listener:
            old.listener.close()
        self._loop.say(f"version {new.deployment.version}: serves")

    def _tried(self) -> tuple[Generation, Generation]:
        if self.current is None or self.candidate is None:
            reason = self.failure or "there is none"
            raise ResourceError(f"The version that was to take traffic was taken back: {reason}.")
        return self.current, self.candidate

    def take_back(self, reason: str) -> None:
        """Give all the traffic back to the old version, and end the candidate."""
        current, candidate = self._tried()
        version = candidate.deployment.version
        self.candidate, self.candidate_id = None, ""
        self.failure = reason
        self._loop.say(f"version {version}: taken back, {reason}")
        self._traffic.move([(current, ALL), (candidate, 0)])
        self._retire(candidate)
        if candidate.listener is not current.listener:
            candidate.listener.close()
        self._loop.save()

    def _check_alive(self, server: ServerProcess, deployment: Deployment) -> None:
        if server.exit_code is not None:
            raise ResourceError(
                f"Version {deployment.version} did not start ({ended(server)}): {server.last_words()}"
            )

    def _retire(self, old: Generation) -> None:
        deadline = time.monotonic() + old.deployment.drain_timeout_s
        old.weight = 0
        for server in old.servers():
            server.drain()
        self._draining.append((old, deadline))

    # Looking after what runs

    def look_after(self) -> bool:
        """Start crashed servers again, end those that are late; returns whether something changed."""
        changed = False
        for old, deadline in list(self._draining):
            changed |= old.forget_ended()
            if time.monotonic() > deadline:
                for server in old.servers():
                    server.kill()
            if not old.servers():
                self._draining.remove((old, deadline))
        for generation in (self.current, self.candidate):
            changed |= generation is not None and generation.look_after()
        return changed

    def next_look_s(self) -> float | None:
        """In how many seconds a look is due; None when nothing is waited for."""
        looks = [one.next_look_s() for one in (self.current, self.candidate) if one is not None]
        return min((look for look in looks if look is not None), default=None)

    def end(self) -> None:
        """Take no more connections, and let every version finish what it has begun."""
        self._traffic.close()
        for generation in (self.current, self.candidate):
            if generation is not None:
                self._retire(generation)
                generation.listener.close()
        self.current = self.candidate = None
        self.candidate_id = ""

    def _remove_old_logs(self) -> None:
        kept = {generation.log for generation in self.living()}
        for log in set(sorted(self._folder.logs.glob("*.log"))[:-_KEPT_LOGS]) - kept:
            log.unlink()
            log.with_suffix(".log.1").unlink(missing_ok=True)


def _differs_in_number(old: Deployment, new: Deployment) -> bool:
    """Whether another number of servers, and other limits of time, are all that is wanted."""
    numbers = _numbers(new)
    same = replace(old, **numbers, request_id="", port=new.port, any_port=new.any_port)
    return numbers != _numbers(old) and same == replace(new, request_id="")


def _numbers(deployment: Deployment) -> dict[str, Any]:
    return {name: getattr(deployment, name) for name in _NUMBERS}


def _last_generation(folder: EndpointFolder) -> int:
    """The number of the newest log: an earlier supervisor's logs go first, not this one's."""
    return max((int(log.name[:4]) for log in folder.logs.glob("[0-9][0-9][0-9][0-9]-*.log")), default=0)
