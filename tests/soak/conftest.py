"""One trained model for the soak, served by the real server."""

import hashlib

import pytest
from support.provider_models import Model
from support.trainer_runs import BREAST_CANCER, make_run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    settings = {"estimator": "logistic_regression", "target": "diagnosis"}
    run = make_run(tmp_path_factory.mktemp("run"), settings, BREAST_CANCER.read_text(encoding="utf-8"))
    assert run.train() == 0
    return Model(run.model_dir, hashlib.sha256((run.model_dir / "manifest.json").read_bytes()).hexdigest())
