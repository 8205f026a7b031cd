"""Where each cloud's SDK would find credentials, told without asking anybody, and without the SDK.

What files hold beside the kind of credentials is neither returned nor kept.
"""

import configparser
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

_AWS_FILE_KEYS: Final = {
    "sso_session": "sign-in by SSO",
    "sso_start_url": "sign-in by SSO",
    "login_session": "sign-in by `aws login`",
    "role_arn": "a role to assume",
    "credential_process": "a process",
    "aws_access_key_id": "keys",
}


def aws(environ: Mapping[str, str]) -> str:
    """Tell where boto3 would find credentials.

    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
    """
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return "AWS_ACCESS_KEY_ID in the environment"
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN"):
        return "AWS_WEB_IDENTITY_TOKEN_FILE in the environment"
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": _home(environ) / ".aws" / "credentials",
        "AWS_CONFIG_FILE": _home(environ) / ".aws" / "config",
    }
    for variable, usual in files.items():
        path = Path(environ.get(variable) or usual).expanduser()
        if kind := _aws_kind(path, profile):
            return f"profile {profile} of {path}: {kind}"
    for variable in ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        if environ.get(variable):
            return f"{variable} in the environment"
    return ""


def _aws_kind(path: Path, profile: str) -> str:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return ""
    for section in (profile, f"profile {profile}"):
        if parser.has_section(section):
            found = next(
                (kind for key, kind in _AWS_FILE_KEYS.items() if parser.has_option(section, key)), ""
            )
            if found:
                return found
    return ""


def gcp(environ: Mapping[str, str]) -> str:
    """Tell where google.auth.default() would find credentials.

    https://cloud.google.com/docs/authentication/application-default-credentials
    """
    if named := environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        kind = _google_kind(Path(named))
        # A file that is named and cannot be used is an error: nothing else is looked for.
        return f"{named} (GOOGLE_APPLICATION_CREDENTIALS): {kind}" if kind else ""
    folder = Path(environ.get("CLOUDSDK_CONFIG") or _home(environ) / ".config" / "gcloud")
    path = folder / "application_default_credentials.json"
    kind = _google_kind(path)
    return f"{path}: {kind}" if kind else ""


def _google_kind(path: Path) -> str:
    return str(_json(path).get("type", ""))


def azure(environ: Mapping[str, str]) -> str:
    """Tell where DefaultAzureCredential would find credentials.

    https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
    """
    if environ.get("AZURE_CLIENT_ID") and environ.get("AZURE_TENANT_ID"):
        for variable in (
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_FEDERATED_TOKEN_FILE",
        ):
            if environ.get(variable):
                return f"AZURE_CLIENT_ID and {variable} in the environment"
    folder = Path(environ.get("AZURE_CONFIG_DIR") or _home(environ) / ".azure")
    path = folder / "azureProfile.json"
    return f"the Azure CLI, signed in ({path})" if _json(path).get("subscriptions") else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        # The Azure CLI writes a byte order mark.
        found: Any = json.loads(path.expanduser().read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
