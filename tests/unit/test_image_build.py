"""How the image is built for its tests: what is missing is named, what a machine lends is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import image_build
from support.image_build import BuildError, build_command, check_machine, default_base, make_stand_in

DIGEST = {"BASE_IMAGE": "python@sha256:0"}


def test_a_machine_without_buildah_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="apt-get install buildah"):
        check_machine()


def test_who_is_not_root_is_told_so_with_all_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(image_build.os, "geteuid", lambda: 1000)
    with pytest.raises(BuildError) as caught:
        check_machine()
    assert "sudo make test-image" in str(caught.value)
    assert "buildah" in str(caught.value)


def test_a_stand_in_without_debootstrap_names_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"debootstrap.*MLCLOUD_TEST_BASE_IMAGE"):
        make_stand_in()


def test_the_default_base_is_the_dockerfiles_digest() -> None:
    assert "@sha256:" in default_base()


def test_certificates_are_lent_as_a_secret_and_an_index_as_an_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    command = build_command("root", DIGEST)
    assert command[command.index("--secret") + 1] == "id=certificates,src=/etc/own.pem"
    given = [command[index + 1] for index, word in enumerate(command) if word == "--build-arg"]
    assert given == ["PIP_INDEX_URL=https://index.example/simple", "BASE_IMAGE=python@sha256:0"]
    assert command[command.index("--isolation") + 1] == "chroot"


def test_nothing_is_lent_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    command = build_command("nonroot", DIGEST)
    assert "--secret" not in command
    assert command.count("--build-arg") == 1
