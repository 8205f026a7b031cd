"""Training: data in, a model folder with metrics and a report out."""
