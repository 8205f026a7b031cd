"""The programs that clouds need: Pulumi's CLI, and Docker where the image is built here."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Final

from packaging.version import InvalidVersion, Version

from mlcloud.doctor.check import Check

TESTED_PULUMI: Final = Version("3.260.0")
"""The CLI that the stacks and the recorded scenarios were tested with."""

PULUMI_HOW: Final = "curl -fsSL https://get.pulumi.com | sh"
"""https://www.pulumi.com/docs/iac/download-install/"""
DOCKER_HOW: Final = "https://docs.docker.com/engine/install/"
BUILDX_HOW: Final = "https://docs.docker.com/build/install-buildx/"

_LIMIT_S: Final = 30.0
# Docker ends what it says with where its help is.
_HINTS: Final = ("Run 'docker ", "See 'docker ")


def pulumi(environ: Mapping[str, str] = os.environ) -> Check:
    """Look for Pulumi's CLI and its version."""
    place = shutil.which("pulumi", path=environ.get("PATH", ""))
    if place is None:
        fix = f'{PULUMI_HOW} && export PATH="$HOME/.pulumi/bin:$PATH"'
        return Check(name="Pulumi CLI", state="missing", found="not on PATH", fix=fix)
    # It asks for news otherwise.
    answer, trouble = _ask([place, "version"], {**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"})
    try:
        found = Version(answer.strip())
    except InvalidVersion:
        told = f"{place} does not tell its version: {trouble or answer.strip() or 'it printed nothing'}"
        return Check(name="Pulumi CLI", state="missing", found=told, fix=PULUMI_HOW)
    if found < TESTED_PULUMI:
        told = f"{found}, {place}; {TESTED_PULUMI} is the oldest that was tested"
        return Check(name="Pulumi CLI", state="warning", found=told, fix=PULUMI_HOW)
    return Check(name="Pulumi CLI", state="ok", found=f"{found}, {place}")


def docker(environ: Mapping[str, str] = os.environ, *, builds: bool = True) -> list[Check]:
    """Look for Docker, its server, and buildx.

    Args:
        environ: The environment variables to look in.
        builds: Whether the image is built here; one that is named by its digest needs no Docker.
    """
    if not builds:
        told = "not needed: the stack's image is named by its digest"
        return [Check(name="Docker", state="ok", found=told)]
    place = shutil.which("docker", path=environ.get("PATH", ""))
    if place is None:
        fix = f"{DOCKER_HOW}, or name an image by its digest as `mlcloud:image`"
        return [Check(name="Docker", state="missing", found="not on PATH", fix=fix)]
    server, trouble = _ask([place, "version", "--format", "{{.Server.Version}}"], environ)
    if trouble or not server.strip():
        told = f"{place}, but its server does not answer: {trouble or 'it told no version'}"
        checks = [Check(name="Docker", state="missing", found=told, fix="sudo systemctl start docker")]
    else:
        checks = [Check(name="Docker", state="ok", found=f"{server.strip()}, {place}")]
    buildx, trouble = _ask([place, "buildx", "version"], environ)
    if trouble:
        # Pulumi's provider has a buildx of its own; this one is for `docker buildx` by hand.
        return [*checks, Check(name="buildx", state="warning", found=trouble, fix=BUILDX_HOW)]
    return [*checks, Check(name="buildx", state="ok", found=buildx.strip())]


def _ask(command: list[str], environ: Mapping[str, str]) -> tuple[str, str]:
    """Return what a program printed, and what went wrong in a line: empty when nothing did."""
    try:
        result = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer in {_LIMIT_S:g} s"
    except OSError as error:
        return "", error.strerror or str(error)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        told = [line for line in lines if line and not line.startswith(_HINTS)]
        return result.stdout, told[-1] if told else f"exit status {result.returncode}"
    return result.stdout, ""
