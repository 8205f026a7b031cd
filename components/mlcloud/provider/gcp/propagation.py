"""Grants that Google does not see yet: what was refused for their sake is tried again, for a bounded time.

A grant reaches every service after two minutes as a rule, and after seven or more at times
(https://cloud.google.com/iam/docs/access-change-propagation); so do accounts and agents that were just made.
What the caller's own credentials may not do is no such case, and is told at once.
"""

import re
import time
from collections.abc import Callable
from typing import Final, TypeVar

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp.clients import GcpError
from mlcloud.provider.gcp.operations import OperationError
from mlcloud.provider.resource import Context

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 20.0
_PAUSE_GROWTH: Final = 2.0
# Invalid argument, denied, not found, failed precondition: as HTTP has them, and as operations do
# (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
_STATUSES: Final = (400, 403, 404)
_CODES: Final = (3, 5, 7, 9)
_KEY: Final = re.compile(r"kms|cmek", re.IGNORECASE)
_ACT_AS: Final = re.compile(r"act ?as", re.IGNORECASE)
_AGENT: Final = re.compile(r"service agent|gcp-sa-", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"service ?account", re.IGNORECASE)
_LACKS: Final = re.compile(
    r"permission|denied|access|grant|does not exist|not found|being provisioned", re.IGNORECASE
)
# Whom a refusal is about, and what it takes; the first that fits.
_MISSING: Final = (
    (
        _KEY,
        "Vertex AI's service agent needs `roles/cloudkms.cryptoKeyEncrypterDecrypter` on the key, which has "
        "to be enabled",
    ),
    (_ACT_AS, "whoever deploys needs `roles/iam.serviceAccountUser` on the service account"),
    (
        _AGENT,
        "Vertex AI's service agent needs `roles/aiplatform.serviceAgent` on the project, "
        "`roles/artifactregistry.reader` on the image's repository and `roles/storage.objectViewer` on the "
        "model's bucket",
    ),
    (_ACCOUNT, "the service account has to exist, with roles on what it reads and writes"),
)

Result = TypeVar("Result")


def until_granted(context: Context, act: Callable[[], Result], *, limit_s: float, doing: str) -> Result:
    """Do something, again and again while a grant may be on its way.

    Args:
        context: shows that it goes on, and says when to stop.
        act: what is done; it leaves nothing where it is refused.
        limit_s: seconds for which a refusal may be a grant that is on its way; 0: none is.
        doing: what is done, for messages (`deploying churn-1`).

    Raises:
        ResourceError: it was refused for another reason, or for longer: the message names what is missing.
        Cancelled: the engine asked to stop.
    """
    deadline, pause_s, told = time.monotonic() + limit_s, _FIRST_PAUSE_S, False
    while True:
        try:
            return act()
        except (GcpError, OperationError) as error:
            missing = missing_grant(error)
            if missing is None or limit_s <= 0:
                raise
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise ResourceError(
                    f"{doing[:1].upper()}{doing[1:]} was refused for {limit_s:g} s (grantWaitS): "
                    f"{error.reason}. A grant that was just made is seen by then: {missing}."
                ) from None
            if not told:
                context.log(
                    f"Google refuses {doing}: {error.reason}. Where that was just granted, it takes up to "
                    f"{limit_s:g} s to be seen: trying again.",
                    severity="warning",
                )
                told = True
        context.log(f"Waiting until Google sees the grants that {doing} needs.", ephemeral=True)
        context.pause(min(pause_s, left_s))
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def missing_grant(error: GcpError | OperationError) -> str | None:
    """What somebody else lacks by a refusal, in words; None where no grant of ours could be on its way."""
    refused = error.status in _STATUSES if isinstance(error, GcpError) else error.code in _CODES
    if not refused or _LACKS.search(error.reason) is None:
        return None
    return next((words for who, words in _MISSING if who.search(error.reason)), None)
