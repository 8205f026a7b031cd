"""Property values as they are in memory, and the marks that set special ones apart."""

from typing import Any

Properties = dict[str, Any]
"""Property values as the provider protocol's JSON shows them: plain JSON values, where a secret is
``{SIGNATURE_KEY: SECRET_SIGNATURE, "value": plain}`` and an unknown is the string :data:`UNKNOWN`."""

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks special values on the wire and in checkpoints (sdk/go/common/resource)."""

SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a published marker, not a secret
"""The value of :data:`SIGNATURE_KEY` that marks a secret."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The string that stands for a value that is not known during a preview."""
