"""Where a stack's state lies: Pulumi's file backend, its checkpoints, locks and secrets."""
