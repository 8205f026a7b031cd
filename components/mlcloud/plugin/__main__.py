"""The `mlcloud` Pulumi plugin: an engine starts this folder with Python and reads a port from stdout."""

import sys

from mlcloud.provider.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
