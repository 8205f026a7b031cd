"""What sections of the config are made of: numbers, flags and texts as config holds them, and their forms."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr


def _number(value: Any) -> Any:
    """Refuse true and false where a number is meant: pydantic would read them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _flag(value: Any) -> Any:
    """Read the words that Pulumi's config makes of a bare boolean; nothing else is one."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def kind_or(default: str) -> Callable[[Any], str]:
    """Return a discriminator by the key `kind`, which may be left out for the default alternative."""

    def kind(value: Any) -> str:
        if isinstance(value, Mapping):
            return str(cast("Mapping[str, Any]", value).get("kind", default))
        return str(getattr(value, "kind", default))

    return kind


def form(pattern: str, words: str, *, max_length: int | None = None) -> Any:
    """Return a string's form as a pattern and, for people, in words (editors show `patternErrorMessage`)."""
    return Field(pattern=pattern, max_length=max_length, json_schema_extra={"patternErrorMessage": words})


Int = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1024, le=65535), BeforeValidator(_number)]
Servers = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_number)]
Percent = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False), BeforeValidator(_number)]
Flag = Annotated[StrictBool, BeforeValidator(_flag)]
Text = Annotated[StrictStr, Field(min_length=1)]


class Section(BaseModel):
    """A part of the config: no unknown keys, and it does not change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
