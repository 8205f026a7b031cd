"""promote and rollback: which version a stack serves is one value of its file, and a commit changes it.

Neither changes what is served: they write the file and say what to run.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from mlcloud.cli.outputs import outputs_of, told
from mlcloud.cli.pinning import PinnedStack, print_difference
from mlcloud.cli.terminal import terminal
from mlcloud.core.copies import address_in, copy_command, own_bucket_of
from mlcloud.core.errors import UserError
from mlcloud.core.home import home_directory
from mlcloud.core.operations import operations_of
from mlcloud.core.versions import version_before, version_named
from mlcloud.embedded.project.history import past_outputs
from mlcloud.embedded.project.project import Project


def promote(args: argparse.Namespace) -> int:
    """Pin in one stack's file what another stack serves."""
    source: str = args.source
    project = Project.load(Path.cwd())
    target = PinnedStack.load(project, args.stack)
    if source == args.stack:
        raise UserError(f"{source} serves it already: name two stacks, the one that has tested it first.")
    values = outputs_of(source)
    pin = _pin_of(values, source)
    _refuse_another_cloud(str(values.get("cloud")), source, pin, target)
    if target.pin is not None:
        # The name is the target's own: another one would begin another registry there.
        pin["name"] = target.pin.get("name", pin["name"])
    console = terminal()
    metrics = f", {told(values['metrics'])}" if values.get("metrics") else ""
    console.print(Text(f"{source} serves {pin['version']}{metrics}", style="bold"), soft_wrap=True)
    if target.pin is not None and target.pin.get("sha256") == pin["sha256"]:
        return _unchanged(console, target, pin)
    before_up, notes = _way_to(target, source, values, pin)
    return _write(console, args, target, pin, before_up=before_up, notes=notes)


def rollback(args: argparse.Namespace) -> int:
    """Pin an earlier version in the stack's own file."""
    stack: str = args.stack
    project = Project.load(Path.cwd())
    target = PinnedStack.load(project, stack)
    values = outputs_of(stack)
    if not values:
        raise UserError(
            f"{stack} is not up: which versions it has is known of a stack that is. Its file's history has "
            f"what it pinned before; `mlcloud promote FROM {stack}` pins what another stack serves."
        )
    live, console = _pin_of(values, stack), terminal()
    name = target.pin.get("name", live["name"]) if target.pin is not None else live["name"]
    pinned = target.pin.get("sha256") if target.pin is not None else None
    if args.version is None and pinned is not None and pinned != live["sha256"]:
        console.print(Text(f"{stack} serves {live['version']}; its file pins what is not live", style="bold"))
        return _write(console, args, target, {**live, "name": name})
    versions = operations_of(values).models(values)
    if args.version is None:
        past = past_outputs(project, stack, home_directory(project.root))
        version = version_before(versions, live["sha256"], past)
    else:
        version = version_named(versions, args.version)
    console.print(Text(f"{stack} serves {live['version']}; back to {version.label}", style="bold"))
    pin = {"name": name, "uri": version.uri, "sha256": version.sha256, "version": version.label}
    if pinned == version.sha256:
        return _unchanged(console, target, pin)
    return _write(console, args, target, pin)


def _pin_of(values: Mapping[str, Any], stack: str) -> dict[str, str]:
    """Return what a stack serves, as its state says."""
    keys = {"name": "model_name", "uri": "model_uri", "sha256": "model_sha256", "version": "model_version"}
    missing = [output for output in keys.values() if not values.get(output)]
    if missing:
        raise UserError(
            f"{stack} serves nothing: it has no output {', '.join(missing)}, so it is not up. "
            f"Run `{_up(str(values.get('cloud') or 'local'), stack)}` first."
        )
    return {key: str(values[output]) for key, output in keys.items()}


def _refuse_another_cloud(cloud: str, source: str, pin: Mapping[str, str], target: PinnedStack) -> None:
    if cloud != target.cloud:
        raise UserError(
            f"{source} is on {cloud} and {target.name} on {target.cloud}, whose endpoint cannot read a model "
            f"at {pin['uri']}. Promote from a stack on {target.cloud}: the same data and settings train the "
            f"same model there. Or copy that folder into {target.name}'s models bucket and write "
            f"`mlcloud:model` by hand, with the same sha256."
        )


def _way_to(
    target: PinnedStack, source: str, values: Mapping[str, Any], pin: dict[str, str]
) -> tuple[list[str], list[str]]:
    """Give the pin the address that the target's endpoint reads; returns what to run before, and notes."""
    if target.cloud == "local":
        bucket = values.get("models_bucket")
        if not bucket or not pin["uri"].startswith(Path(str(bucket)).as_uri()):
            return [], []
        return [], [
            f"it lies in {source}'s bucket: `mlcloud destroy {source}` would take it from {target.name}."
        ]
    own = own_bucket_of(outputs_of(target.name))
    if own is None:
        return [], [
            f"{target.name} is not up, so where its endpoint reads models is not known yet. Its update says "
            "it, with the command that copies the model there."
        ]
    if urlsplit(pin["uri"]).netloc == own:
        return [], []
    command = copy_command(target.cloud, pin["uri"], own)
    pin["uri"] = address_in(own, pin["uri"])
    return [command], []


def _unchanged(console: Console, target: PinnedStack, pin: Mapping[str, str]) -> int:
    text = f"{target.file.where} pins {pin['version']} already: nothing to write."
    console.print(Text(text), soft_wrap=True)
    _print_next(console, [f"{_up(target.cloud, target.name)}    # unless it has run since"])
    return 0


def _write(
    console: Console,
    args: argparse.Namespace,
    target: PinnedStack,
    pin: Mapping[str, str],
    *,
    before_up: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> int:
    """Show the difference, write the file unless it shall only be shown, and say what to run."""
    changed = target.with_pin(pin)
    print_difference(console, changed.difference(target))
    if args.dry_run:
        console.print(Text("Nothing was written, as --dry-run says.", style="bold"))
        return 0
    changed.write()
    console.print(Text(f"Wrote {target.file.where}.", style="bold"), soft_wrap=True)
    for note in (*notes, *_own_training(target)):
        console.print(Text(f"Note: {note}"), soft_wrap=True)
    _print_next(
        console,
        [
            *before_up,
            f"git add {target.file.where} && git commit    # a pull request reviews it",
            _up(target.cloud, target.name),
        ],
    )
    return 0


def _own_training(target: PinnedStack) -> Iterator[str]:
    if target.setting("training"):
        yield (
            f"{target.name} keeps its `mlcloud:training`: an update trains when data or settings change, and "
            "serves the pin all the same. `mlcloud:model: training` serves its own runs again."
        )


def _print_next(console: Console, commands: list[str]) -> None:
    console.print(Text("Next:", style="bold"))
    for command in commands:
        console.print(Text(f"  {command}"), soft_wrap=True)


def _up(cloud: str, stack: str) -> str:
    return f"mlcloud up {stack}" if cloud == "local" else f"pulumi up --stack {stack}"
