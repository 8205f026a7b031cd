"""The embedded engine: runs the Pulumi program of a stack where there is no Pulumi CLI."""

import os

# Before gRPC is loaded: it tells on the terminal of every connection that a plugin closes.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
