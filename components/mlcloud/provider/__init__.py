"""The `mlcloud` Pulumi provider: resources that no cloud provider offers."""
