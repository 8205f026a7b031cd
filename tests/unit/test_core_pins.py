"""A pin that names another bucket than the stack's own is warned of, with the command that mends it."""

import pulumi
import pytest
from mlcloud.core.copies import own_bucket_of
from mlcloud.core.pins import warn_of_a_foreign_bucket
from mlcloud.core.settings import Cloud, ModelPin
from support.plan import plan


def warnings_of(uri: str, cloud: Cloud) -> list[str]:
    pin = ModelPin(name="houses", uri=uri, sha256="0" * 64, version="v1")

    def program() -> None:
        warn_of_a_foreign_bucket(pin, pulumi.Output.from_input("own"), cloud=cloud)

    found = plan(program, providers={})
    assert found.ok, found.diagnostics
    return [entry["message"] for entry in found.to_dict()["diagnostics"] if entry["severity"] == "warning"]


@pytest.mark.parametrize(
    ("uri", "cloud", "command", "address"),
    [
        (
            "s3://theirs/models/a/model.tar.gz",
            "aws",
            "aws s3 cp s3://theirs/models/a/model.tar.gz s3://own/models/a/model.tar.gz",
            "s3://own/models/a/model.tar.gz",
        ),
        (
            "gs://theirs/models/a/",
            "gcp",
            "gcloud storage cp -r gs://theirs/models/a gs://own/models/",
            "gs://own/models/a/",
        ),
        (
            "https://theirs/models/models/a",
            "azure",
            "azcopy copy --recursive https://theirs/models/models/a https://own/models/models/",
            "https://own/models/models/a",
        ),
    ],
)
def test_a_pin_in_another_bucket_is_told_with_the_command_that_copies_it(
    uri: str, cloud: Cloud, command: str, address: str
) -> None:
    (warning,) = warnings_of(uri, cloud)
    assert "in the bucket theirs; this stack's endpoint reads own" in warning
    assert f"Copy it: {command}, and pin {address}" in warning


def test_a_pin_in_the_stacks_own_bucket_is_told_nothing() -> None:
    assert warnings_of("s3://own/models/a/model.tar.gz", "aws") == []


@pytest.mark.parametrize(
    ("outputs", "own"),
    [
        ({"cloud": "aws", "models_bucket": "shop-models"}, "shop-models"),
        ({"cloud": "gcp", "models_bucket": "shop-models"}, "shop-models"),
        (
            {
                "cloud": "azure",
                "models_bucket": "models",
                "model_uri": "https://a.blob.core.windows.net/models/m",
            },
            "a.blob.core.windows.net",
        ),
        ({"cloud": "azure", "models_bucket": "models"}, None),
        ({"cloud": "local", "models_bucket": "/srv/models"}, None),
        ({}, None),
    ],
)
def test_the_bucket_that_an_endpoint_reads_is_known_from_the_stacks_outputs(
    outputs: dict[str, str], own: str | None
) -> None:
    assert own_bucket_of(outputs) == own
