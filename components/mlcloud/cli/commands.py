"""What the modules of the command line share: how a command is added to the parser."""

import argparse
from collections.abc import Callable

AddCommand = Callable[..., argparse.ArgumentParser]
"""Adds a command by name and returns its parser (``add_parser`` of argparse); each sets ``run``."""
