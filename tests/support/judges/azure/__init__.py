"""Judges of what Azure is told, by the models inside Azure's own clients."""
