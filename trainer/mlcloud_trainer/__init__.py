"""The trainer container: trains, evaluates and serves tabular models on every platform."""
