"""Several updates at one place: the plugin of a killed engine lives on, and takes nothing from the next."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mlcloud.provider.local import endpoint, monitor_resource
from mlcloud.provider.local.claims import MARK, Claim, claim_of
from mlcloud.provider.local.endpoint import Endpoint, EndpointInputs
from mlcloud.provider.local.files import write_json
from mlcloud.provider.local.mailbox import Mailbox
from mlcloud.provider.local.monitor_resource import Monitor, MonitorInputs
from mlcloud.provider.local.processes import ProcessRef

URN = "urn:pulumi:dev::houses::mlcloud:local:Any::served"


def test_who_asks_no_longer_takes_its_own_request_back(tmp_path: Path) -> None:
    mailbox = Mailbox(path=tmp_path)
    mailbox.ask({"request_id": "1", "webhook": "https://example.org/token"})
    asker = mailbox.asker()
    assert asker is not None
    assert asker.pid == os.getpid()
    assert (tmp_path / "request.json").stat().st_mode & 0o077 == 0
    mailbox.stop_waiting()
    assert list(tmp_path.iterdir()) == []


def test_who_asks_no_longer_leaves_the_request_of_the_next(tmp_path: Path) -> None:
    mailbox = Mailbox(path=tmp_path)
    mailbox.ask({"request_id": "2"})
    parent = ProcessRef.of(os.getppid())
    assert parent is not None
    write_json(tmp_path / "waiting.json", asdict(parent))
    mailbox.stop_waiting()
    assert mailbox.asker() == parent
    assert mailbox.take() == {"request_id": "2"}


def test_what_a_killed_asker_had_half_written_goes_with_the_next_request(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f".request.json.{ended.pid}.{'0' * 32}"
    left.write_text('{"webhook": ')
    Mailbox(path=tmp_path).ask({"request_id": "3"})
    assert not left.exists()


def make_endpoint(place: Path, context: Any) -> None:
    inputs = EndpointInputs(name="e", directory=str(place), model_uri="file:///m", model_sha256="a" * 64)
    Endpoint().create(context, inputs)


def make_monitor(place: Path, context: Any) -> None:
    folders = dict.fromkeys(("endpoint_directory", "runs_directory", "registry_directory"), "/nowhere")
    inputs = MonitorInputs(name="m", directory=str(place), project="p", stack="s", **cast(Any, folders))
    Monitor().create(context, inputs)


@pytest.mark.parametrize(("make", "kind"), [(make_endpoint, "endpoint"), (make_monitor, "monitor")])
@pytest.mark.parametrize("is_overtaken", [True, False])
def test_a_creation_that_fails_leaves_nothing_but_what_the_next_has_made(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make: Callable[[Path, Any], None],
    kind: str,
    is_overtaken: bool,
) -> None:
    place, nexts = tmp_path / "place", Claim.new(kind, URN)

    def start(*arguments: Any) -> None:
        if is_overtaken:
            nexts.write(place / MARK)
        raise KeyboardInterrupt

    monkeypatch.setattr(endpoint, "start", start)
    monkeypatch.setattr(monitor_resource, "start", start)
    monkeypatch.setattr(endpoint, "_deployment", lambda *arguments: None)
    with pytest.raises(KeyboardInterrupt):
        make(place, SimpleNamespace(urn=URN))
    assert place.exists() == is_overtaken
    if is_overtaken:
        assert claim_of(place / MARK) == nexts
