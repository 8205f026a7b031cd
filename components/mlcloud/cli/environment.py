"""env: what the Pulumi CLI needs to open the stacks of the embedded engine."""

import argparse
import shlex
import sys
from pathlib import Path

from mlcloud.core.home import home_directory
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import PASSPHRASE_FILE_VARIABLE, Passphrase


def env(args: argparse.Namespace) -> int:
    """Make the state folder and its passphrase where they are missing, and print the two exports."""
    del args
    home = home_directory(Project.load(Path.cwd()).root)
    home.mkdir(parents=True, exist_ok=True)
    # An empty environment: the file in the state folder is meant, whatever this shell has set.
    passphrase = Passphrase(home=home, environ={})
    passphrase.read(create=True)
    sys.stdout.write(f"export PULUMI_BACKEND_URL={shlex.quote(home.as_uri())}\n")
    sys.stdout.write(f"export {PASSPHRASE_FILE_VARIABLE}={shlex.quote(str(passphrase.path))}\n")
    return 0
