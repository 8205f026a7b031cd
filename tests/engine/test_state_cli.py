"""The real Pulumi CLI opens what this engine wrote, and this engine what the CLI leaves behind."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from mlcloud.embedded.properties.marks import SECRET_SIGNATURE, SIGNATURE_KEY
from mlcloud.embedded.state.backend import FileBackend, Update
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase

pytestmark = pytest.mark.skipif(
    shutil.which("pulumi") is None, reason="pulumi is not on PATH: its recorded answers stand for it"
)

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:thing::default"
THING = "urn:pulumi:dev::shop::thing:index:Thing::one"


def snapshot() -> Snapshot:
    secret = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": {"token": "hush"}}
    return Snapshot(
        resources=[
            ResourceRecord(urn=STACK, type="pulumi:pulumi:Stack", custom=False, outputs={"out": secret}),
            ResourceRecord(urn=PROVIDER, type="pulumi:providers:thing", custom=True, id="provider-id"),
            ResourceRecord(
                urn=THING,
                type="thing:index:Thing",
                custom=True,
                id="thing-id",
                inputs={"size": 1},
                outputs={"size": 1, "ratio": float("inf")},
                parent=STACK,
                provider=f"{PROVIDER}::provider-id",
                dependencies=[PROVIDER],
                property_dependencies={"size": []},
                created="2026-01-01T00:00:00Z",
                modified="2026-01-01T00:00:00Z",
            ),
        ]
    )


class Cli:
    """The Pulumi CLI in a project of its own, with the two exports that open the state folder."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "state"
        self._folder = folder / "project"
        self._folder.mkdir()
        (self._folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        self._environ = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.home}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.home / "passphrase"),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        self._environ.pop("PULUMI_CONFIG_PASSPHRASE", None)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def answer(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout


def open_backend(home: Path) -> FileBackend:
    return FileBackend.open(f"file://{home}", Passphrase(home=home, environ={}))


def test_the_cli_opens_a_state_of_this_engine_and_this_engine_what_the_cli_made_of_it(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    state = open_backend(cli.home).stack("shop", "dev")
    with state.lock():
        state.write(snapshot())
    state.add_history(
        Update(
            kind="update",
            succeeded=True,
            start_time_s=time.time(),
            resource_changes={"create": 3},
            config={"shop:a": 1, "shop:b": {"secure": "v1:a:b"}, "shop:c": ["x"]},
        )
    )
    [listed] = json.loads(cli.answer("stack", "ls", "--json"))
    assert (listed["name"], listed["resourceCount"]) == ("dev", 3)
    exported = json.loads(cli.answer("stack", "export", "--stack", "dev", "--show-secrets"))
    stack, _, thing = exported["deployment"]["resources"]
    assert json.loads(stack["outputs"]["out"]["plaintext"]) == {"token": "hush"}
    assert thing["provider"] == f"{PROVIDER}::provider-id"
    [entry] = json.loads(cli.answer("stack", "history", "--stack", "dev", "--json"))
    assert (entry["kind"], entry["result"], entry["resourceChanges"]) == (
        "update",
        "succeeded",
        {"create": 3},
    )

    cli.answer("state", "protect", "--stack", "dev", "--yes", THING)
    [*_, protected] = open_backend(cli.home).stack("shop", "dev").read().resources
    assert protected.protect
    assert protected.outputs == {"size": 1, "ratio": float("inf")}


def test_the_cli_respects_a_lock_of_this_engine(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    state = open_backend(cli.home).stack("shop", "dev")
    state.write(snapshot())
    with state.lock():
        result = cli.run("stack", "rm", "--stack", "dev", "--yes", "--force")
    assert result.returncode != 0
    assert f"pid {os.getpid()}" in result.stderr
    assert state.exists()
