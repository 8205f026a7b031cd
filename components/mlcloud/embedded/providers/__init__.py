"""Provider plugins: their processes, and calls over the provider protocol."""
