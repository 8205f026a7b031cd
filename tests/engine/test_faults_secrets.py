"""Secrets never stand in plain: not in the state, its backups and history, not in logs, errors or plans."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.events import Diagnostic, Event, Progress, ResourceFailed
from mlcloud.embedded.properties.masking import Mask
from mlcloud.embedded.properties.values import make_secret
from pulumi import Output
from support.engine import Stack, Thing
from support.faults_project import SlowProject

TOKEN = "s3cr3t/t0ken with spaces"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----\n"
DERIVED = "a-password-that-nobody-configured"

PROGRAM = """
config = pulumi.Config()
token, key = config.require_secret("token"), config.require_secret("key")
made = pulumi.Output.secret(DERIVED)
inputs = dict(token=token, key=key, made=made, nested={"deep": [token, {"er": key}]}, size=1)
Thing("plain", token=token)
Thing("leak", **inputs)
Thing(THIRD, **inputs)
print("the program says", config.require("token"), config.require("key"))
pulumi.log.warn("the program warns of " + config.require("token"))
pulumi.export("token", token)
pulumi.export("url", pulumi.Output.concat("https://user:", token, "@host/"))
if FAIL:
    raise ValueError("cannot use " + config.require("token") + " and " + config.require("key"))
"""


def program(third: str, *, fail: bool = False) -> str:
    return f"DERIVED, THIRD, FAIL = {DERIVED!r}, {third!r}, {fail!r}\n{PROGRAM}"


def plain_forms() -> list[str]:
    lines = [line for line in KEY.splitlines() if line]
    return [TOKEN, *lines, DERIVED, quote(TOKEN, safe=""), json.dumps(TOKEN)[1:-1]]


def assert_hidden(text: str, where: object) -> None:
    found = [form for form in plain_forms() if form in text]
    assert not found, f"{where} shows {found}:\n{text[:3000]}"


def assert_nowhere(project: SlowProject, *outputs: str) -> None:
    """Scan what was printed, and every file below the state's folder."""
    for output in outputs:
        assert_hidden(output, "the output")
    files = [path for path in project.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".bak" for path in files)
    assert any(path.name.endswith(".history.json") for path in files)
    for path in files:
        assert_hidden(path.read_bytes().decode(errors="replace"), path)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SlowProject:
    made = SlowProject(tmp_path_factory.mktemp("secrets") / "project")
    made.configure(token=TOKEN, key=KEY)
    return made


class TestAProviderAndAProgramThatQuoteThem:
    def run(self, project: SlowProject, status: int, *arguments: str) -> str:
        result = project.run(*arguments)
        told = result.stdout + result.stderr
        assert result.returncode == status, told
        assert_hidden(told, arguments)
        return told

    @pytest.mark.parametrize("third", ["leak-broken", "leak-refused"])
    def test_a_failing_update_shows_them_nowhere(self, project: SlowProject, third: str) -> None:
        project.write(program(third))
        told = self.run(project, 1, "up", "dev", "--yes", "--diff")
        assert "given [secret]" in told
        assert "the program says [secret]" in told
        assert "the program warns of [secret]" in told
        assert ("cannot work with" if third == "leak-broken" else "will not take") in told
        assert_nowhere(project, told)

    def test_what_does_not_work_is_in_the_state_without_them(self, project: SlowProject) -> None:
        broken = next(item for item in project.snapshot.resources if item.init_errors)
        assert "[secret]" in broken.init_errors[0]
        assert_hidden("".join(broken.init_errors), "the state")

    def test_a_failing_program_shows_them_nowhere(self, project: SlowProject) -> None:
        project.write(program("leak-third", fail=True))
        told = self.run(project, 1, "up", "dev", "--yes")
        assert "cannot use [secret] and [secret]" in told
        assert_nowhere(project, told)

    def test_plans_diffs_and_outputs_show_them_nowhere(self, project: SlowProject) -> None:
        project.write(program("leak-third"))
        told = [
            self.run(project, 0, "preview", "dev", "--json"),
            self.run(project, 0, "preview", "dev", "--diff"),
            self.run(project, 0, "up", "dev", "--yes", "--diff"),
            self.run(project, 0, "refresh", "dev", "--yes", "--diff"),
            self.run(project, 0, "outputs", "dev", "--json"),
            self.run(project, 0, "outputs", "dev"),
        ]
        assert json.loads(told[4])["url"] == "[secret]"
        assert_nowhere(project, *told)
        shown = project.run("outputs", "dev", "token", "--show-secrets")
        assert TOKEN in shown.stdout, "who asks for a secret gets it"


def test_what_a_provider_returns_with_a_secret_in_it_is_kept_as_a_secret(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    real = stack.provider.Create

    def create(request: object, context: object) -> object:
        answer = real(request, context)
        answer.properties.update({"url": f"https://user:{DERIVED}@host/", "host": "host"})
        return answer

    stack.provider.Create = create
    assert stack.up(lambda: Thing("a", password=Output.secret(DERIVED), url=None)).ok, stack.errors
    outputs = stack.resources["a"].outputs
    assert outputs["url"] == make_secret(f"https://user:{DERIVED}@host/")
    assert outputs["host"] == "host"


def test_words_of_events_are_masked_and_short_secrets_are_not() -> None:
    mask = Mask(["ab", "abc"])
    mask.learn({"a": make_secret({"b": ["hush-hush", 123456]}), "open": "window"})
    text = "ab abc hush-hush 123456 window"
    masked = "ab [secret] [secret] [secret] window"
    assert mask(text) == masked
    for event in (
        Diagnostic(severity="error", message=text),
        Progress(urn="urn", message=text),
        ResourceFailed(op="create", urn="urn", type="a:b:C", name="c", message=text),
    ):
        told: list[Event] = []
        Journal(told.append, mask, preview=False).emit(event)
        assert [getattr(item, "message", None) for item in told] == [masked]


@pytest.mark.parametrize(
    "quoted", ["a\"b'c\nd", json.dumps("a\"b'c\nd"), repr("a\"b'c\nd"), quote("a\"b'c\nd", safe="")]
)
def test_a_secret_is_found_however_it_is_quoted(quoted: str) -> None:
    told = Mask(["a\"b'c\nd"])(f"could not use {quoted}!")
    assert "b'c" not in told and 'b\\"c' not in told
    assert "[secret]" in told


def test_of_two_secrets_that_begin_alike_the_longer_one_goes_whole() -> None:
    assert Mask(["secret", "secret-and-more"])("it is secret-and-more") == "it is [secret]"
