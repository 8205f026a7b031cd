"""Python and its packages: what mlcloud itself and each of its extras need."""

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from mlcloud.core.install import install_command
from mlcloud.doctor.check import Check
from mlcloud.plugin import environment

OLDEST_PYTHON: Final = (3, 11)
_OWN: Final = ("mlcloud", "mlcloud-trainer")


def python(found: tuple[int, int, int] = sys.version_info[:3]) -> Check:
    """Look at the Python that runs now."""
    told = f"{'.'.join(map(str, found))}, {sys.executable}"
    if found < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        fix = f"install Python {oldest} or newer, then: python{oldest} -m venv .venv"
        return Check(name="Python", state="missing", found=told, fix=fix)
    return Check(name="Python", state="ok", found=told)


def packages(extra: str = "", *, own: Sequence[str] = _OWN) -> Check:
    """Look for every package that mlcloud needs, or that one of its extras adds.

    Args:
        extra: `aws`, `gcp` or `azure`. Default: what every stack needs.
        own: The packages whose requirements are looked for.
    """
    name = f"packages of {extra}" if extra else "packages"
    needed = [item for package in own for item in _requirements(package, extra)]
    absent = [text for item in needed if (text := _absence(item))]
    if absent:
        return Check(name=name, state="missing", found=", ".join(absent), fix=install_command(extra))
    return Check(name=name, state="ok", found=f"{len(needed)} are installed")


def plugin(place: Path | None = None) -> Check:
    """Look whether Pulumi can start the provider's plugin: it does so from an environment alone.

    Args:
        place: The environment around the plugin. Default: the real one.
    """
    found = place or environment()
    if found is None:
        fix = f"python3 -m venv .venv && {install_command('', python='.venv/bin/python')}"
        told = "mlcloud is in no virtual environment, and Pulumi starts it from one alone"
        return Check(name="plugin", state="warning", found=told, fix=fix)
    return Check(name="plugin", state="ok", found=str(found))


def _requirements(package: str, extra: str) -> Iterator[Requirement]:
    try:
        texts = requires(package) or []
    except PackageNotFoundError:
        yield Requirement(package)
        return
    for text in texts:
        item = Requirement(text)
        wanted = item.marker is None or item.marker.evaluate({"extra": extra})
        # Without the extra, the same requirement would be one of every stack.
        is_of_extra = item.marker is not None and not item.marker.evaluate({"extra": ""})
        if wanted and is_of_extra == bool(extra):
            yield item


def _absence(item: Requirement) -> str:
    try:
        found = version(item.name)
    except PackageNotFoundError:
        return f"{item.name} is not installed"
    if item.specifier.contains(found, prereleases=True):
        return ""
    return f"{item.name} is {found}, not {item.specifier}"
