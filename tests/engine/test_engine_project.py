"""The embedded engine on a project in a folder: its files, its plugin, its encrypted state, its lock."""

import textwrap
from pathlib import Path

import pytest
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.events import Diagnostic, Event
from mlcloud.embedded.project.project import Project
from support.engine import ThingProvider

PROGRAM = """
import pulumi
from support.engine import Thing

size = pulumi.Config().require_int("size")
a = Thing("a", size=size, tags={"password": pulumi.Output.secret("open sesame")})
pulumi.export("password", a.tags.apply(lambda tags: tags["password"]))
pulumi.export("size", a.size)
"""


@pytest.fixture(autouse=True)
def no_pulumi_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "stacks").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\nmain: stacks/\nstackConfigDir: stacks/\n")
    (root / "stacks" / "Pulumi.dev.yaml").write_text("config:\n  shop:size: 3\n")
    (root / "stacks" / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    return Project.load(root)


def open_engine(project: Project, provider: ThingProvider, events: list[Event] | None = None) -> Engine:
    listener = (lambda _event: None) if events is None else events.append
    home = project.root / ".state"
    return Engine.open(project, "dev", home, providers={"test": provider}, on_event=listener)


def test_a_project_goes_up_and_down(project: Project) -> None:
    provider = ThingProvider()
    assert open_engine(project, provider).preview().summary == {"create": 2}
    assert not (project.root / ".state" / ".pulumi" / "stacks").exists()
    assert open_engine(project, provider).up().summary == {"create": 2}
    assert open_engine(project, provider).up().summary == {"same": 2}
    assert open_engine(project, provider).outputs() == {"password": "[secret]", "size": 3}
    assert open_engine(project, provider).outputs(show_secrets=True)["password"] == "open sesame"
    assert open_engine(project, provider).destroy().summary == {"delete": 2}
    assert provider.things == {}


def test_a_secret_is_plain_in_no_file(project: Project) -> None:
    provider, events = ThingProvider(), list[Event]()
    open_engine(project, provider).up()
    (project.root / "stacks" / "Pulumi.dev.yaml").write_text("config:\n  shop:size: 4\n")
    assert open_engine(project, provider, events).up().summary == {"same": 1, "update": 1}
    files = [path for path in (project.root / ".state").rglob("*") if path.is_file()]
    assert any(path.name == "dev.json" for path in files)
    assert not any(b"sesame" in path.read_bytes() for path in files)
    assert "sesame" not in repr(events)


def test_a_stack_that_is_being_changed_is_refused(project: Project) -> None:
    refused: list[str] = []
    provider = ThingProvider()

    def before(method: str, _name: str) -> None:
        if method == "create":
            with pytest.raises(EngineError) as caught:
                open_engine(project, ThingProvider()).up()
            refused.append(str(caught.value))

    provider.before = before
    assert open_engine(project, provider).up().ok
    assert len(refused) == 1 and "dev" in refused[0]


def test_a_missing_config_value_is_told_in_a_line(project: Project) -> None:
    (project.root / "stacks" / "Pulumi.dev.yaml").write_text("config: {}\n")
    events: list[Event] = []
    assert not open_engine(project, ThingProvider(), events).up().ok
    told = [item.message for item in events if isinstance(item, Diagnostic)]
    assert len(told) == 1 and "shop:size" in told[0] and "Traceback" not in told[0]


def test_a_project_without_a_program_is_told_so(project: Project) -> None:
    (project.root / "stacks" / "__main__.py").unlink()
    plan = open_engine(project, ThingProvider()).preview()
    assert not plan.ok
    assert "__main__.py does not exist" in plan.diagnostics[0].message
