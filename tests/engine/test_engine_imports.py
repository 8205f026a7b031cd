"""A stack changes hands: the embedded engine opens what the Pulumi CLI wrote, and the other way round."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlcloud.embedded.project.outputs import exported
from mlcloud.embedded.state.secrets import SecretsError
from support.scenarios.cli import CliSide, file_state
from support.scenarios.embedded import EmbeddedSide
from support.scenarios.imported import CHECKPOINT, OUTPUTS, program, put_checkpoint
from support.scenarios.provider import ScenarioProvider
from support.scenarios.words import normal_state

live = pytest.mark.skipif(
    shutil.which("pulumi") is None, reason="pulumi is not on PATH: the state that it wrote stands for it"
)


@pytest.fixture
def imported(tmp_path: Path) -> EmbeddedSide:
    """The stack that the CLI made, under the embedded engine: its things are still there."""
    home = tmp_path / "state"
    put_checkpoint(home)
    side = EmbeddedSide(tmp_path, ScenarioProvider(), file_state(home))
    side.provider.things = {
        record.id: record.outputs for record in side.snapshot.resources if record.id.startswith("thing-")
    }
    return side


class TestAStateOfTheCli:
    def test_nothing_is_to_be_done(self, imported: EmbeddedSide) -> None:
        told = imported.preview(program())
        assert told["ok"] and told["resources"] == [], imported.output
        assert told["counts"] == {"same": 6}
        assert imported.run("up", program())["ops"] == []

    def test_its_secrets_are_opened_and_shown_to_nobody(self, imported: EmbeddedSide) -> None:
        assert exported(imported.snapshot, show_secrets=True) == OUTPUTS
        assert exported(imported.snapshot, show_secrets=False)["word"] == "[secret]"
        assert "sesame" not in CHECKPOINT.read_text()

    def test_another_passphrase_opens_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_checkpoint(tmp_path / "state")
        monkeypatch.setattr("support.scenarios.cli.PASSPHRASE", "closed")
        with pytest.raises(SecretsError):
            file_state(tmp_path / "state").read()

    def test_a_changed_secret_is_an_update_and_stays_encrypted(self, imported: EmbeddedSide) -> None:
        assert imported.run("up", program("abracadabra"))["ops"] == ["update test:index:Thing::first"]
        assert exported(imported.snapshot, show_secrets=True) == {**OUTPUTS, "word": "abracadabra"}
        [written] = (imported.folder / "state").rglob("stacks/shop/dev.json")
        assert "abracadabra" not in written.read_text() and "sesame" not in written.read_text()

    def test_a_refresh_finds_everything_as_it_is(self, imported: EmbeddedSide) -> None:
        told = imported.run("refresh", program())
        assert told["ok"] and told["counts"] == {"same": 6}, imported.output

    def test_its_protection_holds_until_it_is_taken_away(self, imported: EmbeddedSide) -> None:
        assert not imported.run("destroy", program())["ok"]
        assert len(imported.provider.things) == 3
        assert imported.run("up", program(protect=False))["ops"] == []
        assert imported.run("destroy", program())["ok"]
        assert imported.provider.things == {} and imported.snapshot.resources == []


@live
class TestAStateOfTheEmbeddedEngine:
    def test_the_cli_imports_what_was_exported(self, tmp_path: Path) -> None:
        provider = ScenarioProvider()
        (tmp_path / "before").mkdir()
        (tmp_path / "after").mkdir()
        before = CliSide(tmp_path / "before", provider)
        assert EmbeddedSide(tmp_path / "before", provider, file_state(before.home)).run("up", program())["ok"]
        state = str(tmp_path / "exported.json")
        before.pulumi("stack", "export", "--stack", "dev", "--file", state)
        assert "sesame" not in Path(state).read_text()
        after = CliSide(tmp_path / "after", provider)
        after.pulumi("stack", "import", "--stack", "dev", "--file", state)
        seen = after.preview(program())
        assert seen["ok"] and seen["resources"] == [], after.output
        assert after.run("up", program("abracadabra"))["ops"] == ["update test:index:Thing::first"]
        assert _outputs(after) == {**OUTPUTS, "word": "abracadabra"}

    def test_what_the_cli_writes_is_what_was_recorded(self, tmp_path: Path) -> None:
        side = CliSide(tmp_path, ScenarioProvider())
        assert side.run("up", program())["ok"], side.output
        put_checkpoint(tmp_path / "recorded")
        recorded = file_state(tmp_path / "recorded").read()
        assert normal_state(side.snapshot) == normal_state(recorded)
        assert _outputs(side) == OUTPUTS


def _outputs(side: CliSide) -> dict[str, Any]:
    side.pulumi("stack", "output", "--stack", "dev", "--show-secrets", "--json")
    return json.loads(side.output)
