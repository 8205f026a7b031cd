"""What an engine reads of the image before it starts it."""

from __future__ import annotations

import pytest
from conftest import UnpackedImage

USERS = {"root": "0:0", "nonroot": "10001:10001"}


def test_the_entry_point_is_the_program_itself_without_a_shell(image: UnpackedImage) -> None:
    assert image.config["Entrypoint"] == ["mlcloud-trainer"]
    assert not image.config.get("Cmd")


def test_the_user_is_a_number(image: UnpackedImage) -> None:
    assert image.config["User"] == USERS[image.target]


def test_the_environment_is_the_documented_one(image: UnpackedImage) -> None:
    assert {"LANG", "ORT_DISABLE_TELEMETRY", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"} <= names(
        image
    )
    variables = dict(pair.split("=", 1) for pair in image.config["Env"])
    assert variables["ORT_DISABLE_TELEMETRY"] == "1"
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PATH"].split(":")[0] == "/opt/mlcloud/bin"


def names(image: UnpackedImage) -> set[str]:
    return {pair.split("=", 1)[0] for pair in image.config["Env"]}


def test_the_documented_port_is_exposed_and_no_other(image: UnpackedImage) -> None:
    assert image.config["ExposedPorts"] == {"8080/tcp": {}}


@pytest.mark.parametrize("label", ["title", "description", "licenses", "revision"])
def test_the_image_says_what_it_is(image: UnpackedImage, label: str) -> None:
    assert image.config["Labels"][f"org.opencontainers.image.{label}"]


def test_the_two_targets_share_all_layers_but_the_last(unpacked: dict[str, UnpackedImage]) -> None:
    root, nonroot = (unpacked[name].inspected["OCIv1"]["rootfs"]["diff_ids"] for name in USERS)
    assert nonroot[: len(root) - 1] == root[: len(root) - 1]
    assert len(set(nonroot) - set(root)) <= 1


def test_settings_of_the_build_are_not_kept(image: UnpackedImage) -> None:
    kept = str(image.inspected["OCIv1"]["history"])
    for name in ("PIP_CERT", "PIP_INDEX_URL", "SSL_CERT_FILE", "UV_DEFAULT_INDEX"):
        assert name not in names(image)
        assert name not in kept
