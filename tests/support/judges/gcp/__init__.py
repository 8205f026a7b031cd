"""Judges of what GCP is told, by Google's own discovery documents."""
