"""Machine-learning stacks on Azure."""
