"""Build both targets of the trainer's image with buildah, which needs no container engine.

The base image is the Dockerfile's. Where its registry cannot be reached, Debian's packages make a stand-in: a
minimal system with Python, given through the same build arguments. Variables:

- `MLCLOUD_TEST_BASE_IMAGE`: another base image, by digest or image id; `debian` makes the stand-in at once.
- `MLCLOUD_TEST_DEBIAN_MIRROR`: where the stand-in's packages come from; by default where this machine's do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "trainer" / "Dockerfile"
TARGETS = ("root", "nonroot")
IMAGE = "localhost/mlcloud-trainer-test"
STAND_IN = "localhost/mlcloud-debian-python"
DEBIAN = "bookworm"
PULL_LIMIT_S, BASE_LIMIT_S, BUILD_LIMIT_S = 300, 900, 1800

_PASSED_ON = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")


class BuildError(Exception):
    """The image cannot be built; the message says why and what to do."""


def run(command: Sequence[str], limit_s: float) -> str:
    """Run a command to its end, and return what it wrote to its standard output.

    Raises:
        BuildError: It failed, or took longer than `limit_s`.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            check=False,
            timeout=limit_s,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} {command[1]} did not end within {limit_s:g} s") from None
    if done.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-3000:]}")
    return done.stdout


def missing_tools(names: Sequence[str]) -> list[str]:
    """Those of the commands that are not on PATH."""
    return [name for name in names if shutil.which(name) is None]


def check_machine() -> None:
    """Raise a `BuildError` that names everything that this machine lacks."""
    problems: list[str] = []
    if sys.platform != "linux":
        problems.append(
            "this is not Linux: build the image with your container engine, see docs/guides/image.md"
        )
    elif os.geteuid() != 0:
        problems.append("it runs as root, because it unpacks the image and enters it: sudo make test-image")
    if missing := missing_tools(["buildah"]):
        problems.append(f"{', '.join(missing)} is missing: apt-get install buildah")
    if problems:
        raise BuildError("\n".join(problems))


def default_base() -> str:
    """The base image that the Dockerfile names."""
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found.group(1)


def debian_mirror() -> str | None:
    """Where this machine's own Debian packages come from; `None` leaves it to debootstrap."""
    stated = os.environ.get("MLCLOUD_TEST_DEBIAN_MIRROR")
    if stated or missing_tools(["apt-get"]):
        return stated
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    lines = run(command, 60).split()
    return lines[0] if lines else None


def make_stand_in() -> dict[str, str]:
    """The build arguments of a base that Debian's packages make; images of an earlier call are used again."""
    if missing := missing_tools(["debootstrap"]):
        raise BuildError(
            f"{', '.join(missing)} is missing, which makes a base image where no registry can be reached: "
            "apt-get install debootstrap, or name a base image in MLCLOUD_TEST_BASE_IMAGE"
        )
    base, tools = f"{STAND_IN}:{DEBIAN}", f"{STAND_IN}:{DEBIAN}-venv"
    if not _exists(base):
        say(f"Making a base image of Debian {DEBIAN} and its Python")
        with tempfile.TemporaryDirectory(prefix="mlcloud-image-") as folder:
            unpacked = Path(folder) / "root"
            mirror = debian_mirror()
            options = ["--variant=minbase", "--include=python3", DEBIAN, str(unpacked)]
            run(["debootstrap", *options, *([mirror] if mirror else [])], BASE_LIMIT_S)
            for left in ("var/lib/apt/lists", "var/cache/apt"):
                shutil.rmtree(unpacked / left)
                (unpacked / left).mkdir()
            container = run(["buildah", "from", "scratch"], 60).strip()
            run(["buildah", "add", "--quiet", container, str(unpacked), "/"], BASE_LIMIT_S)
            _commit(container, base)
    if not _exists(tools):
        container = run(["buildah", "from", base], 60).strip()
        install = "apt-get update && apt-get install --yes --no-install-recommends python3-venv"
        run(["buildah", "run", "--isolation", "chroot", container, "--", "sh", "-c", install], BASE_LIMIT_S)
        _commit(container, tools)
    return {"BASE_IMAGE": base, "BUILD_IMAGE": tools}


def _commit(container: str, name: str) -> None:
    run(["buildah", "commit", "--quiet", "--rm", container, name], BASE_LIMIT_S)


def _exists(image: str) -> bool:
    return bool(run(["buildah", "images", "--quiet", "--filter", f"reference={image}"], 60).strip())


def base_arguments() -> Mapping[str, str]:
    """The build arguments that name the base: the one asked for, the Dockerfile's, or the stand-in."""
    stated = os.environ.get("MLCLOUD_TEST_BASE_IMAGE")
    if stated == "debian":
        return make_stand_in()
    image = stated or default_base()
    try:
        run(["buildah", "pull", "--quiet", "--policy", "missing", image], PULL_LIMIT_S)
    except BuildError as error:
        if stated:
            raise
        say(f"The base image cannot be pulled ({str(error).splitlines()[-1][:200]})")
        return make_stand_in()
    return {"BASE_IMAGE": image}


def build_command(target: str, arguments: Mapping[str, str]) -> list[str]:
    """The command that builds one target; this machine's certificates are lent to the build, not kept."""
    command = ["buildah", "bud", "--isolation", "chroot", "--layers", "--file", str(DOCKERFILE)]
    command += ["--target", target, "--tag", f"{IMAGE}:{target}"]
    if certificates := os.environ.get("SSL_CERT_FILE"):
        command += ["--secret", f"id=certificates,src={certificates}"]
    lent = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    for name, value in (lent | dict(arguments)).items():
        command += ["--build-arg", f"{name}={value}"]
    return [*command, "."]


def say(line: str) -> None:
    """One line to the person who waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Build both targets and say how long each took and how large it is."""
    try:
        check_machine()
        started = time.monotonic()
        arguments = base_arguments()
        say(f"Base image: {arguments['BASE_IMAGE']} ({time.monotonic() - started:.0f} s)")
        for target in TARGETS:
            started = time.monotonic()
            run(build_command(target, arguments), BUILD_LIMIT_S)
            size = run(["buildah", "images", "--format", "{{.Size}}", f"{IMAGE}:{target}"], 60).strip()
            say(f"Built {IMAGE}:{target} in {time.monotonic() - started:.0f} s, {size}")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
