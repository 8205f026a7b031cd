"""The file backend: what was written is there whole, whatever happens while it is written."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mlcloud.embedded.properties.marks import SECRET_SIGNATURE, SIGNATURE_KEY
from mlcloud.embedded.state import backend as backend_module
from mlcloud.embedded.state.backend import FileBackend, StackState, StateError, Update
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase, SecretsError

SECRET = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": "hush"}


def open_backend(root: Path) -> FileBackend:
    return FileBackend.open(
        f"file://{root}", Passphrase(home=root, environ={"PULUMI_CONFIG_PASSPHRASE": "x"})
    )


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    return open_backend(tmp_path / "home").stack("shop", "dev")


def snapshot_of(*names: str, **outputs: object) -> Snapshot:
    records = [
        ResourceRecord(
            urn=f"urn:pulumi:dev::shop::a:b:C::{name}", type="a:b:C", custom=False, outputs=outputs
        )
        for name in names
    ]
    return Snapshot(resources=records)


def test_the_files_lie_where_the_cli_looks_for_them(tmp_path: Path, state: StackState) -> None:
    assert not state.exists()
    assert state.read() == Snapshot()
    assert not (tmp_path / "home").exists()
    state.write(snapshot_of("one"))
    with state.lock():
        locks = list((tmp_path / "home/.pulumi/locks/organization/shop/dev").iterdir())
    assert len(locks) == 1
    assert (tmp_path / "home/.pulumi/meta.yaml").read_text() == "version: 1\n"
    document = json.loads((tmp_path / "home/.pulumi/stacks/shop/dev.json").read_text())
    assert document["version"] == 3
    assert document["checkpoint"]["stack"] == "organization/shop/dev"


def test_a_state_comes_back_to_another_process_and_keeps_its_salt(tmp_path: Path, state: StackState) -> None:
    state.write(snapshot_of("one", token=SECRET))
    first = open_backend(tmp_path / "home").stack("shop", "dev")
    snapshot = first.read()
    assert snapshot.resources == snapshot_of("one", token=SECRET).resources
    salt = snapshot.secrets_providers
    first.write(snapshot)
    assert open_backend(tmp_path / "home").stack("shop", "dev").read().secrets_providers == salt
    assert "hush" not in state.path.read_text()


def test_the_state_of_another_passphrase_is_not_overwritten(tmp_path: Path, state: StackState) -> None:
    state.write(snapshot_of("one", token=SECRET))
    before = state.path.read_bytes()
    other = FileBackend.open(
        f"file://{tmp_path / 'home'}", Passphrase(home=tmp_path, environ={"PULUMI_CONFIG_PASSPHRASE": "y"})
    ).stack("shop", "dev")
    with pytest.raises(SecretsError, match="passphrase is wrong"):
        other.read()
    assert state.path.read_bytes() == before


def test_the_state_before_the_last_one_is_kept(state: StackState) -> None:
    state.write(snapshot_of("one"))
    first = state.path.read_bytes()
    state.write(snapshot_of("one", "two"))
    assert state.path.with_name("dev.json.bak").read_bytes() == first
    state.path.with_name("dev.json").write_text('{"version": 3, "chec')
    with pytest.raises(StateError, match=r"dev\.json.*\n.*before it is in .*dev\.json\.bak"):
        state.read()


def test_the_history_has_a_pair_of_files_for_each_update(tmp_path: Path, state: StackState) -> None:
    state.write(snapshot_of("one"))
    for succeeded in (False, True):
        state.add_history(
            Update(
                kind="update",
                succeeded=succeeded,
                start_time_s=time.time(),
                resource_changes={"create": 1},
                config={"shop:size": 3, "shop:token": {"secure": "v1:a:b"}},
            )
        )
    files = sorted((tmp_path / "home/.pulumi/history/shop/dev").iterdir())
    assert [path.name.split(".", 1)[1] for path in files] == ["checkpoint.json", "history.json"] * 2
    first, last = (json.loads(path.read_text()) for path in files[1::2])
    assert (first["result"], last["result"]) == ("failed", "succeeded")
    assert last["kind"] == "update"
    assert last["resourceChanges"] == {"create": 1}
    assert last["config"]["shop:token"] == {"secure": "v1:a:b"}
    state.write(snapshot_of("one", "two"))
    assert len(json.loads(files[0].read_text())["checkpoint"]["latest"]["resources"]) == 1


@pytest.mark.parametrize(
    "url", ["s3://bucket/state", "https://api.pulumi.com", "azblob://x", "/plain/path", ""]
)
def test_a_backend_of_another_kind_is_refused_by_name(url: str) -> None:
    with pytest.raises(StateError, match=r"only opens file:// URLs.\nRun this stack with pulumi"):
        FileBackend.open(url, Passphrase(home=Path("/nowhere"), environ={}))


def test_urls_are_read_as_the_cli_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    phrase = Passphrase(home=tmp_path, environ={})
    roots = {
        "file:///a/b": Path("/a/b"),
        "file://./state": tmp_path / "state",
        "file://state": tmp_path / "state",
        "file://~": tmp_path / "user",
        "file://~/state": tmp_path / "user/state",
        "file:///a%20b?no_tmp_dir=true": Path("/a b"),
    }
    assert {url: FileBackend.open(url, phrase).root for url in roots} == roots


@pytest.mark.parametrize("content", ["version: 0\n", "version: 2\n", "", "[", "x: 1\n"])
def test_a_layout_that_is_not_known_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "meta.yaml").write_text(content)
    with pytest.raises(StateError, match=str(tmp_path)):
        open_backend(tmp_path)


def test_the_oldest_layout_that_has_no_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".pulumi" / "stacks").mkdir(parents=True)
    (tmp_path / ".pulumi" / "stacks" / "dev.json").write_text("{}")
    with pytest.raises(StateError, match="pulumi state upgrade"):
        open_backend(tmp_path)


def test_a_compressed_state_is_refused_and_not_taken_for_an_empty_one(state: StackState) -> None:
    state.write(Snapshot())
    state.path.rename(state.path.with_name("dev.json.gz"))
    with pytest.raises(StateError, match="compressed"):
        state.read()


@pytest.mark.parametrize("name", ["", "a/b", "../up", "..", "a b", "x" * 101])
def test_a_name_that_would_leave_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StateError, match="not allowed"):
        open_backend(tmp_path).stack("shop", name)
    with pytest.raises(StateError, match="not allowed"):
        open_backend(tmp_path).stack(name, "dev")


def full_disk(below: Path) -> object:
    """Return an os.fsync that finds no room, as a full disk does, for files below a folder."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().is_relative_to(below):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    return fsync


def test_a_full_disk_loses_neither_the_old_state_nor_the_new_one(
    tmp_path: Path, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.write(snapshot_of("one"))
    before = state.path.read_bytes()
    monkeypatch.setattr(os, "fsync", full_disk(tmp_path / "home"))
    monkeypatch.setattr(backend_module.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(
        StateError, match=r"No space left on device.\nIt was saved to .*copy that file"
    ) as caught:
        state.write(snapshot_of("one", "two"))
    assert state.path.read_bytes() == before
    assert [path.name for path in state.path.parent.iterdir()] == ["dev.json"]
    rescued = Path(str(caught.value).split("saved to ")[1].split(":")[0])
    monkeypatch.undo()
    rescued.replace(state.path)
    assert len(state.read().resources) == 2


def test_a_full_disk_everywhere_keeps_the_old_state_and_says_what_to_do(
    tmp_path: Path, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.write(snapshot_of("one"))
    monkeypatch.setattr(os, "fsync", full_disk(tmp_path))
    monkeypatch.setattr(backend_module.tempfile, "tempdir", str(tmp_path / "no such folder"))
    with pytest.raises(StateError, match=r"Make room, then run `mlcloud up STACK`"):
        state.write(snapshot_of("one", "two"))
    monkeypatch.undo()
    assert len(state.read().resources) == 1


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_state(
    tmp_path: Path, state: StackState
) -> None:
    state.write(snapshot_of("one"))
    program = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_state_backend import open_backend, snapshot_of\n"
        "state = open_backend(Path(sys.argv[1])).stack('shop', 'dev'); state.read()\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for count in (1, 200): state.write(snapshot_of(*map(str, range(count))))\n"
    )
    for delay_s in (0.01, 0.03, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "home"), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)
        assert len(open_backend(tmp_path / "home").stack("shop", "dev").read().resources) in (1, 200)


def test_threads_that_write_at_once_write_one_after_another(
    tmp_path: Path, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, running, most = backend_module.write_checkpoint, [0], [0]

    def write_checkpoint(*arguments: Any) -> dict[str, Any]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        document = real(*arguments)
        time.sleep(0.01)
        running[0] -= 1
        return document

    monkeypatch.setattr(backend_module, "write_checkpoint", write_checkpoint)
    threads = [
        threading.Thread(target=lambda n=n: [state.write(snapshot_of(*map(str, range(n)))) for _ in range(3)])
        for n in (1, 20, 40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len(open_backend(tmp_path / "home").stack("shop", "dev").read().resources) in (1, 20, 40)
    assert sorted(path.name for path in state.path.parent.iterdir()) == ["dev.json", "dev.json.bak"]


def test_a_side_file_of_the_cli_does_not_outlive_the_content_it_describes(state: StackState) -> None:
    state.write(snapshot_of("one"))
    attributes = state.path.with_name("dev.json.attrs")
    attributes.write_text('{"md5": "of something else"}')
    state.write(snapshot_of("two"))
    assert not attributes.exists()
