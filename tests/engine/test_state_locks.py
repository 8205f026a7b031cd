"""The lock of a stack: one holder at a time, of either engine, and none that outlives its process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest
from mlcloud.embedded.state import locks
from mlcloud.embedded.state.locks import LockedError, hold_lock

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from mlcloud.embedded.state.locks import hold_lock, LockedError\n"
    "try:\n"
    "    sys.stdin.readline()\n"
    "    with hold_lock(Path(sys.argv[1]), 'dev'):\n"
    "        print('held', flush=True); sys.stdin.readline()\n"
    "except LockedError as error: print('refused', flush=True)\n"
)


def start_holder(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def answer_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write_lock(folder: Path, **changes: Any) -> Path:
    """Write a lock as the Pulumi CLI 3.260.0 does."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "pid": os.getpid(),
        "username": "ada",
        "hostname": socket.gethostname(),
        "timestamp": "2026-11-21T10:34:17.942185267Z",
    }
    path = folder / "f3572144-4898-4861-a144-4717da17b291.json"
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_a_lock_looks_as_pulumi_writes_it_and_goes_away(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "locks" / "dev", "dev") as taken_over:
        assert taken_over == []
        [path] = (tmp_path / "locks").rglob("*.*")
        content = json.loads(path.read_text())
        assert set(content) == {"pid", "username", "hostname", "timestamp", "flock"}
        assert (content["pid"], content["hostname"]) == (os.getpid(), socket.gethostname())
    assert list((tmp_path / "locks").rglob("*.*")) == []


def test_a_lock_goes_away_when_the_update_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), hold_lock(tmp_path / "dev", "dev"):
        raise RuntimeError
    assert list((tmp_path / "dev").iterdir()) == []


def test_the_second_in_one_process_is_refused_too(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "dev", "dev"),
        pytest.raises(LockedError, match=f"process {os.getpid()}"),
        hold_lock(tmp_path / "dev", "dev"),
    ):
        pass
    assert list((tmp_path / "dev").iterdir()) == []


def test_whoever_is_refused_learns_who_holds_it_and_since_when(tmp_path: Path) -> None:
    path = write_lock(tmp_path / "dev", hostname="elsewhere", pid=7)
    with pytest.raises(LockedError) as caught, hold_lock(tmp_path / "dev", "dev"):
        pass
    message = str(caught.value)
    assert "stack dev is in use" in message
    assert f"ada@elsewhere (process 7) since 2026-11-21T10:34:17.942185267Z, {path}" in message
    assert path.exists()


def test_the_lock_of_another_machine_is_never_taken_over(tmp_path: Path) -> None:
    write_lock(tmp_path / "dev", hostname="elsewhere", pid=2**22 + 1)
    with pytest.raises(LockedError, match="elsewhere"), hold_lock(tmp_path / "dev", "dev"):
        pass


def test_the_lock_of_a_process_number_that_was_given_again_is_taken_over(tmp_path: Path) -> None:
    # This process lives but does not hold the file: another one of that number wrote it.
    path = write_lock(tmp_path / "dev", flock=True)
    with hold_lock(tmp_path / "dev", "dev") as taken_over:
        assert [holder.path for holder in taken_over] == [path]
        assert not path.exists()


def test_a_lock_of_the_cli_is_judged_by_its_process(tmp_path: Path) -> None:
    write_lock(tmp_path / "dev")
    with pytest.raises(LockedError, match=f"process {os.getpid()}"), hold_lock(tmp_path / "dev", "dev"):
        pass
    write_lock(tmp_path / "dev", pid=2**22 + 1)
    with hold_lock(tmp_path / "dev", "dev") as taken_over:
        assert [holder.pid for holder in taken_over] == [2**22 + 1]


@pytest.mark.parametrize("content", ["", "{}", '{"pid": "x"}', "[]"])
def test_a_lock_that_cannot_be_read_is_respected(tmp_path: Path, content: str) -> None:
    path = write_lock(tmp_path / "dev")
    path.write_text(content)
    with (
        pytest.raises(LockedError, match=f"unreadable lock file, {path}"),
        hold_lock(tmp_path / "dev", "dev"),
    ):
        pass
    assert path.exists()


def test_a_living_holder_is_respected_and_a_killed_one_is_not(tmp_path: Path) -> None:
    with start_holder(tmp_path / "dev") as process:
        go_on(process)
        assert answer_of(process) == "held"
        with pytest.raises(LockedError, match=f"process {process.pid}"), hold_lock(tmp_path / "dev", "dev"):
            pass
        process.send_signal(signal.SIGKILL)
        # Not waited for: the process is a zombie now, which holds nothing any more.
        deadline = time.monotonic() + 90
        while Path(f"/proc/{process.pid}/stat").read_text().split()[2] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with hold_lock(tmp_path / "dev", "dev") as taken_over:
            assert [holder.pid for holder in taken_over] == [process.pid]
    with hold_lock(tmp_path / "dev", "dev") as taken_over:
        assert taken_over == []


def test_of_processes_that_race_for_it_exactly_one_gets_it(tmp_path: Path) -> None:
    processes = [start_holder(tmp_path / "dev") for _ in range(3)]
    try:
        for process in processes:
            go_on(process)
        answers = [answer_of(process) for process in processes]
        assert sorted(answers) == ["held", "refused", "refused"]
        assert len(list((tmp_path / "dev").iterdir())) == 1
    finally:
        for process in processes:
            process.communicate("\n", timeout=90)
    assert list((tmp_path / "dev").iterdir()) == []


def test_a_rival_that_writes_after_the_first_look_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = locks._write

    def write(path: Path) -> IO[str]:
        write_lock(tmp_path / "dev")
        return real(path)

    monkeypatch.setattr(locks, "_write", write)
    with pytest.raises(LockedError, match="ada@"), hold_lock(tmp_path / "dev", "dev"):
        pass


def test_a_holder_is_respected_without_a_lock_file_that_would_disturb_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lock(tmp_path / "dev")
    monkeypatch.setattr(locks, "_write", lambda path: pytest.fail(f"{path} was written"))
    with pytest.raises(LockedError), hold_lock(tmp_path / "dev", "dev"):
        pass


def test_two_that_write_at_the_same_moment_step_back_until_one_is_through(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mlcloud.embedded.state import locks\n"
        "folder, counter = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "sys.stdin.readline()\n"
        "for _ in range(40):\n"
        "    try:\n"
        "        with locks.hold_lock(folder, 'dev'):\n"
        "            count = int(counter.read_text()); counter.write_text(str(count + 1)); print(1)\n"
        "    except locks.LockedError: pass\n"
    )
    counter = tmp_path / "counter"
    counter.write_text("0")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "dev"), str(counter)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        go_on(process)
    done = sum(len(process.communicate(timeout=200)[0].split()) for process in processes)
    assert done >= 1
    assert int(counter.read_text()) == done


def test_a_lock_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LockedError, match="could not be written: Not a directory"),
        hold_lock(tmp_path / "file" / "dev", "dev"),
    ):
        pass
