"""Model folders for the fake server: whole, content-addressed, with a manifest that verifies."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LINEAGE = {
    "estimator": "svm",
    "hyperparameters": {"C": 0.5},
    "settings": {"target": "target", "test_size": 0.2, "seed": 0},
    "data": {"sha256": "da" * 32, "rows": 120},
    "versions": {"mlcloud-trainer": "0.1.0", "python": "3.11.2"},
}
"""What a trainer's manifest tells of where its model comes from."""


@dataclass(frozen=True)
class Model:
    folder: Path
    sha256: str

    @property
    def uri(self) -> str:
        return f"{self.folder.as_uri()}/"

    @property
    def version(self) -> str:
        return self.sha256[:12]


def make_model(
    bucket: Path,
    prediction: object,
    *,
    mode: str = "ok",
    promised: object = None,
    smoke: object = None,
    lineage: Mapping[str, object] = LINEAGE,
) -> Model:
    """A model that predicts one value; `promised` is what its manifest says instead, `smoke` all it says."""
    content = json.dumps({"prediction": prediction, "mode": mode}).encode()
    promise = {"instance": {"a": 1}, "prediction": prediction if promised is None else promised}
    manifest = {
        **lineage,
        "metrics": {"accuracy": 0.9},
        "smoke": promise if smoke is None else smoke,
        "files": {"model.skops": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}},
    }
    text = json.dumps(manifest)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    folder = bucket / "models" / sha256
    folder.mkdir(parents=True)
    (folder / "model.skops").write_bytes(content)
    (folder / "manifest.json").write_text(text)
    return Model(folder, sha256)
