"""The smoke prediction of every cloud: one row that the model's manifest knows the answer of.

What a server answers for it decides whether a version takes over; the row is held out from training.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.manifest import Manifest

# float32 in ONNX Runtime against float64: predictions agree to about seven digits.
_RELATIVE_TOLERANCE: Final = 1e-4
_ABSOLUTE_TOLERANCE: Final = 1e-6
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """A row and what the model must answer for it.

    Attributes:
        instance: the row, value by column.
        prediction: the class or number that training gave.
    """

    instance: Mapping[str, Any]
    prediction: Any

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> "Smoke | None":
        """The row that a model's manifest brings; None when it brings none.

        Raises:
            ResourceError: it brings half of one.
        """
        smoke = manifest.get("smoke")
        if smoke is None:
            return None
        known = cast(Mapping[str, Any], smoke if isinstance(smoke, Mapping) else {})
        if "instance" not in known or "prediction" not in known:
            raise ResourceError(
                "modelUri: its manifest has a `smoke` without `instance` and `prediction`: "
                "train the model again."
            )
        return cls(instance=known["instance"], prediction=known["prediction"])

    @classmethod
    def of_model(cls, model: Manifest, *, uri: str, sha256: str | None) -> "Smoke | None":
        """The row of the model that is to be served; None when it brings none.

        Args:
            model: its manifest, as it was read.
            uri: where from.
            sha256: the hash that it must have; None when any will do.

        Raises:
            ResourceError: it is another model than the hash names, or brings half of a row.
        """
        if sha256 is not None and model.sha256 != sha256:
            raise ResourceError(
                f"modelSha256: the manifest in {uri} has SHA-256 {model.sha256}, not {sha256}: "
                "the server would refuse this model. Pin the hash of its manifest.json."
            )
        return cls.of_manifest(model.content)

    @property
    def body(self) -> dict[str, Any]:
        """The request's body, before it is JSON."""
        return {"instances": [self.instance]}

    def failure(self, answer: bytes) -> str | None:
        """What is wrong with the body of a server's answer; None when it is the expected prediction."""
        try:
            row: Any = json.loads(answer)["predictions"][0]
            # A classification answers an object with the class and probabilities, a regression the number.
            answered = cast(dict[str, Any], row)["prediction"] if isinstance(row, dict) else row
        except (ValueError, LookupError, TypeError):
            return f"its answer has no predictions: {shown(answer)}"
        if _same(answered, self.prediction):
            return None
        return (
            f"it predicts {json.dumps(answered)} for a known row, where training gave "
            f"{json.dumps(self.prediction)}"
        )


def shown(answer: bytes) -> str:
    """The beginning of an answer, for people."""
    return answer.decode(errors="replace")[:_SHOWN_CHARACTERS]


def _same(answered: object, expected: object) -> bool:
    if isinstance(answered, int | float) and isinstance(expected, int | float):
        return math.isclose(answered, expected, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
    return answered == expected
