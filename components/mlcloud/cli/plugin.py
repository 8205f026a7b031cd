"""plugin path: what a Pulumi project of one's own names under `plugins.providers`."""

import argparse
import sys

from mlcloud.plugin import FOLDER, environment


def path(args: argparse.Namespace) -> int:
    """Print the plugin's folder; say so where Pulumi cannot start it there."""
    del args
    sys.stdout.write(f"{FOLDER}\n")
    if environment() is None:
        sys.stderr.write(
            "warning: mlcloud is not installed in a virtual environment, and Pulumi starts plugins from one "
            "alone; `mlcloud` itself works.\n"
            "  python3 -m venv .venv && .venv/bin/pip install mlcloud && .venv/bin/mlcloud plugin path\n"
        )
    return 0
