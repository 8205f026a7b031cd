"""A state that one engine wrote and the other takes over: secrets, a provider, a component, protection."""

from collections.abc import Callable
from pathlib import Path

import pulumi
from pulumi import Output, ResourceOptions

from support.engine import Thing
from support.scenarios.golden import GOLDEN, VERSION
from support.scenarios.programs import Kit
from support.scenarios.programs import TestProvider as Provider

CHECKPOINT = GOLDEN.with_name(f"cli-{VERSION}-imported.json")
"""What the Pulumi CLI left of :func:`program`, as its file backend holds it: secrets are encrypted."""

OUTPUTS = {"word": "sesame", "serials": {"kit": "s1-kit-part", "last": "s1-last"}, "open": 1}
"""What the stack exports, its secrets opened."""


def program(word: str = "sesame", *, protect: bool = True) -> Callable[[], None]:
    """A stack with something of everything that a state holds."""

    def declare() -> None:
        region = Provider("mine", region=Output.secret("north"))
        first = Thing(
            "first",
            size=1,
            tags={"deep": ["x", Output.secret(word)]},
            opts=ResourceOptions(
                provider=region,
                protect=protect,
                retain_on_delete=False,
                ignore_changes=["site"],
                custom_timeouts=pulumi.CustomTimeouts(create="2m"),
                additional_secret_outputs=["serial"],
            ),
        )
        kit = Kit("kit", "one", color="red", size=first.serial)
        last = Thing("last", size=first.serial, tags={"of": kit.thing.serial})
        pulumi.export("word", first.tags["deep"][1])
        pulumi.export("serials", {"kit": kit.thing.serial, "last": last.serial})
        pulumi.export("open", 1)

    return declare


def put_checkpoint(home: Path) -> None:
    """Lay the recorded state where a file backend in ``home`` finds it."""
    target = home / ".pulumi" / "stacks" / "shop" / "dev.json"
    target.parent.mkdir(parents=True)
    (home / ".pulumi" / "meta.yaml").write_text("version: 1\n")
    target.write_text(CHECKPOINT.read_text(encoding="utf-8"))
