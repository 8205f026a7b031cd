"""`mlcloud doctor` on credentials: where they come from, without a secret, without a network."""

import base64
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from mlcloud.doctor import identity
from mlcloud.doctor.credentials import CLOUDS, credentials

SECRET = "wJalrXUtnFEMIsecret"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"a connection was opened: {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def write(home: Path, name: str, text: str) -> dict[str, str]:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return {"HOME": str(home)}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_none_at_all_is_missing_with_how_to_sign_in(cloud: str, tmp_path: Path) -> None:
    check = credentials(cloud, {"HOME": str(tmp_path)})
    assert check.state == "missing"
    assert check.fix


AWS_KEYS = f"[default]\naws_access_key_id = A\naws_secret_access_key = {SECRET}\n"
GOOGLE_FILE = json.dumps({"type": "authorized_user", "refresh_token": SECRET})
ENVIRONMENTS = [
    ("aws", {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": SECRET}, "AWS_ACCESS_KEY_ID"),
    ("aws", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn"}, "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("aws", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://h"}, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    (
        "azure",
        {"AZURE_CLIENT_ID": "i", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": SECRET},
        "AZURE_CLIENT_SECRET",
    ),
    (
        "azure",
        {"AZURE_CLIENT_ID": "i", "AZURE_TENANT_ID": "t", "AZURE_FEDERATED_TOKEN_FILE": "/t"},
        "AZURE_FEDERATED_TOKEN_FILE",
    ),
]
FILES = [
    (
        "aws",
        ".aws/credentials",
        f"[default]\naws_access_key_id = A\naws_secret_access_key = {SECRET}\n",
        "keys",
    ),
    ("aws", ".aws/config", "[default]\nsso_session = work\n", "SSO"),
    ("aws", ".aws/config", "[default]\nrole_arn = arn\nsource_profile = x\n", "a role to assume"),
    ("aws", ".aws/config", "[default]\ncredential_process = tool\n", "a process"),
    ("gcp", ".config/gcloud/application_default_credentials.json", GOOGLE_FILE, "authorized_user"),
    ("azure", ".azure/azureProfile.json", '\ufeff{"subscriptions": [{"id": "1"}]}', "the Azure CLI"),
]


@pytest.mark.parametrize(("cloud", "environ", "told"), ENVIRONMENTS)
def test_credentials_of_the_environment_are_named_by_their_variable(
    cloud: str, environ: dict[str, str], told: str, tmp_path: Path
) -> None:
    check = credentials(cloud, {"HOME": str(tmp_path), **environ})
    assert (check.state, told in check.found, SECRET in str(check)) == ("ok", True, False)
    for name in environ:
        fewer = {key: value for key, value in environ.items() if key != name}
        assert credentials(cloud, {"HOME": str(tmp_path), **fewer}).state == "missing"


@pytest.mark.parametrize(("cloud", "name", "text", "told"), FILES)
def test_credentials_of_a_file_are_named_by_file_and_kind(
    cloud: str, name: str, text: str, told: str, tmp_path: Path
) -> None:
    check = credentials(cloud, write(tmp_path, name, text))
    assert (check.state, told in check.found, SECRET in str(check)) == ("ok", True, False)
    assert str(tmp_path / name) in check.found


@pytest.mark.parametrize(
    ("cloud", "name", "text"),
    [
        ("aws", ".aws/credentials", "no section\n"),
        ("aws", ".aws/config", "[default]\nregion = eu-central-1\n"),
        ("gcp", ".config/gcloud/application_default_credentials.json", "not JSON"),
        ("azure", ".azure/azureProfile.json", '{"subscriptions": []}'),
        ("azure", ".azure/azureProfile.json", "[]"),
    ],
)
def test_a_file_without_credentials_is_none(cloud: str, name: str, text: str, tmp_path: Path) -> None:
    assert credentials(cloud, write(tmp_path, name, text)).state == "missing"


def test_the_profile_that_is_chosen_is_the_one_that_is_looked_for(tmp_path: Path) -> None:
    environ = write(tmp_path, ".aws/config", "[profile work]\nsso_session = work\n")
    assert credentials("aws", environ).state == "missing"
    check = credentials("aws", {**environ, "AWS_PROFILE": "work"})
    assert (check.state, "profile work" in check.found) == ("ok", True)


def test_a_file_that_a_variable_names_is_the_only_one_that_counts(tmp_path: Path) -> None:
    environ = write(tmp_path, ".config/gcloud/application_default_credentials.json", GOOGLE_FILE)
    named = tmp_path / "key.json"
    assert credentials("gcp", {**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(named)}).state == "missing"
    named.write_text('{"type": "service_account"}')
    check = credentials("gcp", {**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(named)})
    assert (check.state, "service_account" in check.found) == ("ok", True)


def test_online_the_cloud_says_who_one_is() -> None:
    check = credentials("aws", {}, online=True, ask=lambda: "arn:aws:iam::123456789012:user/ann")
    assert (check.state, check.found) == ("ok", "arn:aws:iam::123456789012:user/ann")


def test_online_a_refusal_is_missing_in_its_first_line() -> None:
    def refuse() -> str:
        raise RuntimeError("ExpiredToken: the token has expired\nat line 7")

    check = credentials("aws", {}, online=True, ask=refuse)
    assert (check.state, check.found) == ("missing", "ExpiredToken: the token has expired")
    assert check.fix


def test_online_a_package_that_is_absent_is_named() -> None:
    def absent() -> str:
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    assert "boto3 is not installed" in credentials("aws", {}, online=True, ask=absent).found


def test_online_a_cloud_that_does_not_answer_is_not_waited_for() -> None:
    released = threading.Event()

    def hang() -> str:
        released.wait(600)
        return ""

    check = credentials("aws", {}, online=True, ask=hang, limit_s=0.05)
    released.set()
    assert (check.state, check.found) == ("missing", "no answer in 0.05 s")


def test_a_token_of_azure_tells_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"upn": "ann@example.com", "tid": "t-1"}).encode())
    token = f"{SECRET}.{claims.decode().rstrip('=')}.{SECRET}"

    class Credential:
        def __init__(self, **options: Any) -> None:
            assert options["connection_timeout"] <= 5

        def get_token(self, scope: str) -> Any:
            assert scope == "https://management.azure.com/.default"
            return type("Token", (), {"token": token})

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Credential)
    assert identity.azure() == "ann@example.com, tenant t-1"


def test_a_token_of_google_tells_account_and_project(monkeypatch: pytest.MonkeyPatch) -> None:
    class Credentials:
        service_account_email = "ci@p.iam.gserviceaccount.com"
        refreshed = False

        def refresh(self, request: object) -> None:
            self.refreshed = True

    found = Credentials()
    monkeypatch.setattr("google.auth.default", lambda scopes: (found, "my-project"))
    assert identity.gcp() == "ci@p.iam.gserviceaccount.com, project my-project"
    assert found.refreshed


def test_sts_tells_the_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with mock_aws():
        assert identity.aws().startswith("arn:aws:sts::123456789012:")
