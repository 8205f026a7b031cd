"""Progress is one JSON object a line, and a long step keeps saying that it goes on."""

import io
import re
import time

from mlcloud_trainer.training.progress import Progress
from support.trainer_runs import events


def test_a_long_step_says_that_it_goes_on():
    stream = io.StringIO()
    progress = Progress(total_steps=2, stream=stream, reminder_s=0.02)
    with progress.step("Fitting"):
        deadline = time.monotonic() + 90
        while "still at it" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    with progress.step("Writing"):
        pass
    lines = events(stream.getvalue())
    assert "Fitting (still at it, 0 s)" in [line["message"] for line in lines]
    assert (lines[0]["message"], lines[0]["step"], lines[0]["total_steps"]) == ("Fitting", 1, 2)
    assert (lines[-1]["message"], lines[-1]["step"]) == ("Writing", 2)


def test_each_line_has_a_time_a_level_and_what_its_event_needs():
    stream = io.StringIO()
    progress = Progress(total_steps=1, stream=stream)
    progress.metric("accuracy", 0.5)
    progress.warn("look\nhere")
    progress.error("gone wrong")
    progress.done("ab" * 32, "model")
    lines = events(stream.getvalue())
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "metric"),
        ("warning", "progress"),
        ("error", "error"),
        ("info", "done"),
    ]
    assert (lines[0]["name"], lines[0]["value"]) == ("accuracy", 0.5)
    assert (lines[3]["sha256"], lines[3]["model_dir"]) == ("ab" * 32, "model")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["time"])) for line in lines)
