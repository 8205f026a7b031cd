"""Which credentials each cloud's SDK would take; none is printed or kept, and offline nobody is asked."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from typing import Final

from mlcloud.doctor import identity, sources
from mlcloud.doctor.check import Check

CLOUDS: Final = ("aws", "gcp", "azure")
LIMIT_S: Final = 30.0
"""How long a cloud may take to say whose the credentials are."""

Look = Callable[[Mapping[str, str]], str]
"""Returns where credentials would come from; empty where there are none."""
Ask = Callable[[], str]
"""Returns who one is; raises what the SDK raises."""

_SOURCES: Final[Mapping[str, Look]] = {"aws": sources.aws, "gcp": sources.gcp, "azure": sources.azure}
_ASKS: Final[Mapping[str, Ask]] = {"aws": identity.aws, "gcp": identity.gcp, "azure": identity.azure}
_FIXES: Final = {
    # https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
    "aws": "aws configure sso, then: export AWS_PROFILE=NAME",
    # https://cloud.google.com/docs/authentication/provide-credentials-adc
    "gcp": "gcloud auth application-default login",
    # https://learn.microsoft.com/cli/azure/authenticate-azure-cli
    "azure": "az login",
}
_NAME: Final = "credentials"


def credentials(
    cloud: str,
    environ: Mapping[str, str] = os.environ,
    *,
    online: bool = False,
    ask: Ask | None = None,
    limit_s: float = LIMIT_S,
) -> Check:
    """Look for credentials of a cloud.

    Args:
        cloud: `aws`, `gcp` or `azure`.
        environ: The environment variables to look in.
        online: Ask the cloud who one is. Default: only tell where credentials would come from.
        ask: Asks it. Default: by the cloud's SDK.
        limit_s: How long that may take.
    """
    if online:
        return _asked(cloud, ask or _ASKS[cloud], limit_s)
    found = _SOURCES[cloud](environ)
    if not found:
        told = "none in the environment or in files (a machine's own are only asked for with --online)"
        return Check(name=_NAME, state="missing", found=told, fix=_FIXES[cloud])
    return Check(name=_NAME, state="ok", found=f"from {found}; --online asks whether they are valid")


def _asked(cloud: str, ask: Ask, limit_s: float) -> Check:
    pool = ThreadPoolExecutor(1, "mlcloud-doctor")
    try:
        return Check(name=_NAME, state="ok", found=pool.submit(ask).result(limit_s))
    except TooLateError:
        told = f"no answer in {limit_s:g} s"
    except ModuleNotFoundError as error:
        told = f"cannot be asked: {error.name} is not installed"
    except Exception as error:  # noqa: BLE001 - each SDK has errors of its own; all of them are told
        lines = str(error).strip().splitlines()
        told = lines[0] if lines else type(error).__name__
    finally:
        # An SDK that does not come back is not waited for.
        pool.shutdown(wait=False, cancel_futures=True)
    return Check(name=_NAME, state="missing", found=told, fix=_FIXES[cloud])
