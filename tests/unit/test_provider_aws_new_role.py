"""A role that was made in the same update: SageMaker does not see it at once."""

import threading
from typing import Any

import pytest
from mlcloud.provider.aws import training_job
from mlcloud.provider.aws.clients import AwsError
from mlcloud.provider.aws.training_inputs import TrainingRunInputs
from mlcloud.provider.aws.training_job import SageMakerJobs
from mlcloud.provider.resource import Cancelled, Context

NO_ROLE = "Could not assume role arn:aws:iam::123456789012:role/new. Please ensure that the role exists"
RUN = TrainingRunInputs(
    name="shop",
    region="eu-central-1",
    data_uri="s3://data/rows.csv",
    data_sha256="a" * 64,
    hyperparameters={"estimator": "svm", "target": "bought"},
    image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/trainer@sha256:" + "b" * 64,
    role_arn="arn:aws:iam::123456789012:role/new",
    models_bucket="models",
)


class Aws:
    """An AWS that refuses the first calls with a reason."""

    def __init__(self, refusals: int, reason: str = NO_ROLE) -> None:
        self.refusals, self.reason, self.calls = refusals, reason, 0

    def call(self, service: str, operation: str, **parameters: object) -> dict[str, Any]:
        assert (service, operation) == ("sagemaker", "create_training_job")
        self.calls += 1
        if self.calls <= self.refusals:
            raise AwsError("CreateTrainingJob", "ValidationException", self.reason)
        return {}


def submit(aws: Any, *, cancelled: bool = False) -> list[str]:
    told: list[str] = []
    cancellation = threading.Event()
    if cancelled:
        cancellation.set()
    context = Context(urn="u", log=lambda text, **_: told.append(text), cancellation=cancellation)
    SageMakerJobs(context, aws, "shop-1", RUN).submit()
    return told


def test_a_role_that_sagemaker_does_not_see_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_job, "_NEW_ROLE_POLL_S", 0.001)
    aws = Aws(3)
    assert submit(aws) == ["SageMaker does not see the training role yet: trying again"] * 3
    assert aws.calls == 4


def test_a_role_that_sagemaker_never_sees_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_job, "_NEW_ROLE_POLL_S", 0.001)
    monkeypatch.setattr(training_job, "_NEW_ROLE_LIMIT_S", 0.01)
    with pytest.raises(AwsError, match="Could not assume role"):
        submit(Aws(10**6))


def test_another_refusal_is_told_at_once() -> None:
    aws = Aws(1, "1 validation error detected")
    with pytest.raises(AwsError, match="1 validation error"):
        submit(aws)
    assert aws.calls == 1


def test_the_wait_for_a_role_ends_when_the_engine_asks_to_stop() -> None:
    with pytest.raises(Cancelled):
        submit(Aws(10**6), cancelled=True)
