"""Machine-learning stacks on AWS."""
