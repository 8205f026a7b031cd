"""Who one is in each cloud, asked with the SDK's default chain; a token is read here and kept nowhere."""

import base64
import json
from importlib import import_module
from typing import Any, Final, cast

_CONNECT_S: Final = 5
_READ_S: Final = 10
_GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_AZURE_SCOPE: Final = "https://management.azure.com/.default"


def aws() -> str:
    """Ask STS, which answers whoever has valid credentials: no right is needed for it.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    boto3 = cast(Any, import_module("boto3"))
    config = cast(Any, import_module("botocore.config")).Config(
        connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": 1}
    )
    session = boto3.session.Session()
    # Its global endpoint knows every account, whatever region the profile has.
    client = session.client("sts", region_name=session.region_name or "us-east-1", config=config)
    return str(client.get_caller_identity()["Arn"])


def gcp() -> str:
    """Get a token of Google's default credentials; tell whose, and for which project."""
    auth = cast(Any, import_module("google.auth"))
    transport = cast(Any, import_module("google.auth.transport.requests"))
    credentials, project = auth.default(scopes=[_GOOGLE_SCOPE])
    credentials.refresh(transport.Request())
    who = getattr(credentials, "service_account_email", "") or "the user who signed in"
    return f"{who}, project {project or 'not set'}"


def azure() -> str:
    """Get a token of Azure's default credentials; tell whose, and of which tenant."""
    module = cast(Any, import_module("azure.identity"))
    credential = module.DefaultAzureCredential(
        connection_timeout=_CONNECT_S, read_timeout=_READ_S, retry_total=0, process_timeout=_READ_S
    )
    claims = _claims(credential.get_token(_AZURE_SCOPE).token)
    who = claims.get("upn") or claims.get("unique_name") or claims.get("appid") or claims.get("oid")
    return f"{who or 'a token without a name'}, tenant {claims.get('tid', 'unknown')}"


def _claims(token: str) -> dict[str, Any]:
    """What a token says of its bearer; it is read, not verified: it was just given."""
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
