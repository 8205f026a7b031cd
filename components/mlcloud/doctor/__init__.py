"""What a machine has of what stacks need, and how to get the rest. Nothing is changed."""
