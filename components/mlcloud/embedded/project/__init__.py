"""The Pulumi project around a program: Pulumi.yaml, stack files, and what a stack exports."""
