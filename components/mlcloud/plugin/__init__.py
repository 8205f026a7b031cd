"""The folder that a Pulumi project names under `plugins.providers`: an engine starts it with Python."""

import re
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
"""Where it lies: in a checkout, or in the site-packages of the environment that mlcloud is installed in."""


def environment() -> Path | None:
    """Return the environment whose Python Pulumi starts the plugin with; None where there is none.

    Pulumi runs no plugin with the Python of its PATH: without the option `virtualenv` it looks for `venv` in
    the plugin's folder (pulumi/pulumi: sdk/python/cmd/pulumi-language-python/main.go). All that it asks of an
    environment is that it holds `bin/python` (sdk/python/toolchain/pip.go).
    """
    text = (FOLDER / "PulumiPlugin.yaml").read_text("utf-8")
    found = re.search(r"^ +virtualenv: (\S+)$", text, re.MULTILINE)
    place = (FOLDER / found[1]).resolve() if found else None
    return place if place is not None and (place / "bin" / "python").is_file() else None
