"""Rules that the image's Dockerfile keeps, each shown to catch what it is for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "trainer" / "Dockerfile").read_text("utf-8")
TARGETS = {"root", "nonroot"}


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction, its continued lines joined."""

    word: str
    text: str
    stage: str


def parse(text: str) -> list[Instruction]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    made: list[Instruction] = []
    stage = ""
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.split()[-1]
        made.append(Instruction(word=word, text=" ".join(rest.split()), stage=stage))
    return made


def base_problems(instructions: list[Instruction]) -> list[str]:
    """Every image from outside comes by a build argument whose default is a digest."""
    stages = {one.stage for one in instructions if one.word == "FROM"}
    defaults = dict(
        one.text.partition("=")[::2] for one in instructions if one.word == "ARG" and not one.stage
    )
    found: list[str] = []
    for one in [one for one in instructions if one.word == "FROM"]:
        source = one.text.split()[0]
        argument = re.fullmatch(r"\$\{(\w+)\}", source)
        if argument is None:
            found += [] if source in stages else [f"FROM {source} is neither a stage nor a build argument"]
            continue
        default = defaults.get(argument.group(1), "")
        while default and (other := re.fullmatch(r"\$\{(\w+)\}", default)):
            default = defaults.get(other.group(1), "")
        if not re.search(r"@sha256:[0-9a-f]{64}$", default):
            found.append(f"{argument.group(1)} is {default or 'unset'}, not a digest")
    return found


def install_problems(instructions: list[Instruction]) -> list[str]:
    """Packages come with hashes, as wheels; our own alone is installed without a network."""
    found: list[str] = []
    for one in [one for one in instructions if one.word == "RUN"]:
        for command in re.split(r"&&|;", one.text):
            if re.search(r"\bpip install\b", command) and "--require-hashes" not in command:
                found += [] if "--offline" in command and "--no-deps" in command else [command.strip()]
            if re.search(r"\b(apt-get|apt|apk|dnf|curl|wget|npm)\b", command):
                found.append(command.strip())
    return found


def final_problems(instructions: list[Instruction]) -> list[str]:
    """The entry point is in exec form, and each target says which user it is by number."""
    found = [
        f"{one.word} is not allowed"
        for one in instructions
        if one.word in ("ADD", "CMD", "VOLUME", "ONBUILD")
    ]
    found += ["latest is no version" for one in instructions if re.search(r":latest\b", one.text)]
    entry_points = [one for one in instructions if one.word == "ENTRYPOINT"]
    if len(entry_points) != 1 or not entry_points[0].text.startswith("["):
        found.append("there is not one ENTRYPOINT in exec form")
    elif json.loads(entry_points[0].text) != ["mlcloud-trainer"]:
        found.append(f"ENTRYPOINT is {entry_points[0].text}")
    users = {one.stage: one.text for one in instructions if one.word == "USER"}
    if set(users) != TARGETS:
        found.append(f"USER is stated in {sorted(users)}, not in {sorted(TARGETS)}")
    found += [f"USER {user} is not a number" for user in users.values() if not re.fullmatch(r"\d+:\d+", user)]
    if users.get("nonroot", "0").startswith("0"):
        found.append("nonroot is root")
    return found


def problems(text: str) -> list[str]:
    instructions = parse(text)
    return [*base_problems(instructions), *install_problems(instructions), *final_problems(instructions)]


def test_the_dockerfile_keeps_its_rules() -> None:
    assert len(parse(DOCKERFILE)) > 20
    assert problems(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"@sha256:[0-9a-f]{64}", ""),
        (r"FROM \$\{BASE_IMAGE\} AS runtime", "FROM python:3.11 AS runtime"),
        (r"COPY uv.lock|COPY pyproject.toml uv.lock", "ADD pyproject.toml uv.lock"),
        (r"--only-binary :all: --require-hashes", "--only-binary :all:"),
        (r"EXPOSE 8080", "RUN apt-get install -y gcc"),
        (r'ENTRYPOINT \["mlcloud-trainer"\]', "ENTRYPOINT mlcloud-trainer"),
        (r"USER 10001:10001", ""),
        (r"USER 10001:10001", "USER trainer"),
        (r"USER 10001:10001", "USER 0:0"),
        (r"python:3.11-slim-bookworm", "python:latest"),
    ],
)
def test_a_broken_rule_is_seen(before: str, after: str) -> None:
    broken, count = re.subn(before, after, DOCKERFILE)
    assert count
    assert problems(broken)


def test_the_build_context_holds_only_what_the_image_is_made_of() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert allowed == {"pyproject.toml", "uv.lock", "components/pyproject.toml", "trainer"}
    copied = [
        source
        for one in parse(DOCKERFILE)
        if one.word == "COPY" and not one.text.startswith("--from")
        for source in one.text.split()[:-1]
    ]
    assert copied
    assert all(source in allowed or source.split("/")[0] in allowed for source in copied)


def test_the_build_backend_is_pinned_by_hash() -> None:
    text = (ROOT / "trainer" / "build-requirements.txt").read_text("utf-8")
    pinned = re.findall(
        r"^([\w-]+)==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE
    )
    assert "hatchling" in pinned
    assert len(pinned) == len(re.findall(r"^[\w-]+==", text, re.MULTILINE))
