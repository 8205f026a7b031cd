"""Machine-learning stacks on GCP."""
