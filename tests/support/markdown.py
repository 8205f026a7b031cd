"""What the tests read from Markdown files: fenced blocks under their headings, and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    heading: str
    """The nearest heading above it."""


def blocks(path: Path) -> list[Block]:
    """Every fenced block of a file."""
    text = path.read_text("utf-8")
    # A comment in a block begins with the sign of a heading.
    fenced = [found.span() for found in _FENCE.finditer(text)]
    headings = [
        (found.start(), found.group(1))
        for found in _HEADING.finditer(text)
        if not any(start <= found.start() < end for start, end in fenced)
    ]
    return [
        Block(
            language=found.group(1),
            text=found.group(2),
            heading=next((name for start, name in reversed(headings) if start < found.start()), ""),
        )
        for found in _FENCE.finditer(text)
    ]


def links(path: Path) -> list[str]:
    """Every link target of a file."""
    return _LINK.findall(path.read_text("utf-8"))


def markdown_files() -> list[Path]:
    """Every Markdown file of the repository that people read."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    return sorted([*found, *(ROOT / "stacks").rglob("*.md")])
