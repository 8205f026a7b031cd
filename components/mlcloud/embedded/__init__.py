"""The embedded engine: runs the Pulumi program of a stack where there is no Pulumi CLI."""
