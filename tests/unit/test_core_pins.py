"""A pin that names another bucket than the stack's own is warned of, with the command that mends it."""

import pulumi
import pytest
from mlcloud.core.pins import warn_of_a_foreign_bucket
from mlcloud.core.settings import ModelPin
from support.plan import plan


def warnings_of(uri: str, copy_command: str) -> list[str]:
    pin = ModelPin(name="houses", uri=uri, sha256="0" * 64, version="v1")

    def program() -> None:
        warn_of_a_foreign_bucket(pin, pulumi.Output.from_input("own"), copy_command=copy_command)

    found = plan(program, providers={})
    assert found.ok, found.diagnostics
    return [entry["message"] for entry in found.to_dict()["diagnostics"] if entry["severity"] == "warning"]


@pytest.mark.parametrize(
    ("uri", "copy_command", "told"),
    [
        ("s3://theirs/models/a/model.tar.gz", "aws s3 cp", "s3://own/models/a/model.tar.gz"),
        ("gs://theirs/models/a", "gcloud storage cp -r", "gs://own/models/a"),
    ],
)
def test_a_pin_in_another_bucket_is_told_with_the_command_that_copies_it(
    uri: str, copy_command: str, told: str
) -> None:
    (warning,) = warnings_of(uri, copy_command)
    assert "in the bucket theirs; this stack's endpoint reads own" in warning
    assert f"Copy it: {copy_command} {uri} {told}, and pin that address." in warning


def test_a_pin_in_the_stacks_own_bucket_is_told_nothing() -> None:
    assert warnings_of("s3://own/models/a/model.tar.gz", "aws s3 cp") == []
