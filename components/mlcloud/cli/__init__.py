"""The `mlcloud` command line."""
