"""The command that installs what is missing: in a checkout from its lock file, elsewhere from the index."""

import shlex
import sys
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[3]


def install_command(extra: str = "", *, python: str = "", checkout: Path = _CHECKOUT) -> str:
    """Return what installs mlcloud with one of its extras.

    Args:
        extra: `aws`, `gcp` or `azure`. Default: none.
        python: The Python that it is installed for. Default: the one that runs now.
        checkout: The repository's folder, if mlcloud is in it.
    """
    if not python and (checkout / "uv.lock").is_file():
        chosen = f" --extra {extra} --package mlcloud" if extra else ""
        return f"cd {shlex.quote(str(checkout))} && .venv/bin/uv sync --frozen --inexact{chosen}"
    package = f"mlcloud[{extra}]" if extra else "mlcloud"
    return shlex.join([python or sys.executable, "-m", "pip", "install", package])
