"""Whose a thing of a cloud is: the tags that tell stacks apart."""

from collections.abc import Mapping
from typing import Any, Final

# Every other tag may change between an interrupted update and the next.
OWNER_TAGS: Final = ("mlcloud-project", "mlcloud-stack")


def owner_of(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """What a thing's tags say of its stack; empty where they say nothing."""
    return {key: str(tags[key]) for key in OWNER_TAGS if tags and tags.get(key) is not None}


def shown(owner: Mapping[str, str]) -> str:
    """An owner in words."""
    return ", ".join(f"{key}: {owner.get(key, 'none')}" for key in OWNER_TAGS)
