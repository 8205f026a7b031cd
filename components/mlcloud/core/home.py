"""Where a project keeps its state; apart from the settings, so that quick commands need not load them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "MLCLOUD_HOME"


def home_directory(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the state folder: `MLCLOUD_HOME`, or `.state` in the project's folder.

    Args:
        root: The project's folder; a relative `MLCLOUD_HOME` begins there.
        environ: The environment variables to look in.
    """
    named = environ.get(HOME_VARIABLE)
    return (root / (Path(named).expanduser() if named else ".state")).resolve()
