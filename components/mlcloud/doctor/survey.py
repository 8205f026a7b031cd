"""All that is looked for, by what needs it: every stack, local ones, clouds, and each cloud."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mlcloud.core.errors import UserError
from mlcloud.core.home import home_directory
from mlcloud.doctor.check import Check, Section
from mlcloud.doctor.credentials import CLOUDS, credentials
from mlcloud.doctor.machine import disk, memory, port
from mlcloud.doctor.packages import packages, plugin, python
from mlcloud.doctor.tools import docker, pulumi
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase

_NAMESPACE = "mlcloud"


@dataclass(frozen=True, kw_only=True)
class StackNeeds:
    """What a stack file says that matters here.

    Attributes:
        stack: The stack.
        cloud: Where it lives.
        builds_image: Whether its image is built here.
        ports: The ports that it asks for, by the key that asks.
    """

    stack: str
    cloud: str
    builds_image: bool
    ports: Mapping[str, int]


def survey(
    project: Project | None,
    stack: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    online: bool = False,
) -> list[Section]:
    """Look for everything that stacks need.

    Args:
        project: The project around the working directory, if there is one.
        stack: Look for what this one needs. Default: for what any stack would; then only what local stacks
            need counts as needed.
        environ: The environment variables to look in.
        online: Ask each cloud who one is.

    Raises:
        UserError: there is no such stack, or its file cannot be read.
    """
    if stack is None:
        clouds: Sequence[str] = CLOUDS
        local, unread = _local_stacks(project)
        builds_image = True
    else:
        if project is None:
            raise UserError(f"There is no Pulumi.yaml in {Path.cwd()} or above it, so no stack {stack!r}.")
        needs = _needs(project, stack)
        clouds = [needs.cloud] if needs.cloud in CLOUDS else []
        local, unread = [] if clouds else [needs], []
        builds_image = needs.builds_image
    home = home_directory(project.root if project is not None else Path.cwd(), environ)
    sections = [Section(title="all stacks", needed=True, checks=[python(), packages(), disk(home)])]
    if stack is None or not clouds:
        ports = [check for needs in local for check in _ports(project, home, needs)]
        sections.append(Section(title="local", needed=True, checks=[memory(), *ports, *unread]))
    if clouds:
        checks = [pulumi(environ), plugin(), *docker(environ, builds=builds_image)]
        sections.append(Section(title="clouds", needed=stack is not None, checks=checks))
    for cloud in clouds:
        checks = [packages(cloud), credentials(cloud, environ, online=online)]
        sections.append(Section(title=cloud, needed=stack is not None, checks=checks))
    return sections


def _local_stacks(project: Project | None) -> tuple[list[StackNeeds], list[Check]]:
    """Return the project's stacks on local, and what is wrong with stack files that cannot be read."""
    found: list[StackNeeds] = []
    unread: list[Check] = []
    for stack in project.stack_names() if project is not None else []:
        assert project is not None  # noqa: S101 - it has stacks
        try:
            needs = _needs(project, stack)
        except UserError as error:
            fix = f"mlcloud preview {stack}"
            told = str(error).splitlines()[0]
            unread.append(Check(name=f"stack {stack}", state="warning", found=told, fix=fix))
            continue
        if needs.cloud == "local":
            found.append(needs)
    return found, unread


def _needs(project: Project, stack: str) -> StackNeeds:
    values = project.config(stack, Passphrase(home=home_directory(project.root))).values
    wished = {
        f"{section}.port": _map(values.get(f"{_NAMESPACE}:{section}", "")).get("port")
        for section in ("endpoint", "monitoring")
    }
    return StackNeeds(
        stack=stack,
        cloud=values.get(f"{_NAMESPACE}:cloud") or "local",
        builds_image=(values.get(f"{_NAMESPACE}:image") or "build") == "build",
        ports={key: number for key, number in wished.items() if type(number) is int},
    )


def _map(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _ports(project: Project | None, home: Path, needs: StackNeeds) -> list[Check]:
    if project is None:
        return []
    file = project.stack_file(needs.stack)
    return [port(needs.stack, key, number, file, home) for key, number in needs.ports.items()]
