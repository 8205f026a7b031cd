"""Where a model comes from: what its manifest tells, which its hash vouches for, and the run that made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, cast

TRAINER: Final = "mlcloud-trainer"
"""The trainer's own name among the versions that made a model."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Where a model comes from.

    Attributes:
        data_sha256: SHA-256 of the data that it was trained on.
        data_rows: Rows that were used; None where that is not known.
        estimator: For instance `logistic_regression`.
        settings: Target, share of held-out rows, seed.
        hyperparameters: The estimator's parameters as the user set them.
        versions: Of the trainer, Python and the libraries that made it.
        run: Name of the run that made it; empty where that is not known.
        report: Where its HTML report is; empty where that is not known.
    """

    data_sha256: str
    data_rows: int | None = None
    estimator: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hyperparameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    run: str = ""
    report: str = ""

    @classmethod
    def of_manifest(cls, content: Mapping[str, Any], *, run: str = "", report: str = "") -> "Lineage | None":
        """Return what a manifest tells; None where it does not say which data the model was trained on.

        Args:
            content: The manifest as an object.
            run: Name of the run, where it is known.
            report: Where the report is, where that is known.
        """
        data = _section(content, "data")
        sha256, rows, estimator = data.get("sha256"), data.get("rows"), content.get("estimator")
        if not isinstance(sha256, str):
            return None
        return cls(
            data_sha256=sha256,
            data_rows=rows if isinstance(rows, int) else None,
            estimator=estimator if isinstance(estimator, str) else "",
            settings=_section(content, "settings"),
            hyperparameters=_section(content, "hyperparameters"),
            versions={name: str(version) for name, version in _section(content, "versions").items()},
            run=run,
            report=report,
        )

    @classmethod
    def of_plain(cls, values: object) -> "Lineage | None":
        """Return what `plain` gave; None for anything else. Keys of a newer version are left out."""
        if not isinstance(values, Mapping):
            return None
        known = cast("Mapping[str, Any]", values)
        names = {item.name for item in fields(cls)}
        if "data_sha256" not in known:
            return None
        return cls(**{name: value for name, value in known.items() if name in names})

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            name: dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
            for name, value in vars(self).items()
        }

    @property
    def trainer_version(self) -> str:
        """The trainer's version; empty where it is not known."""
        return self.versions.get(TRAINER, "")


def _section(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = content.get(name)
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}
