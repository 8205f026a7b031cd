"""Judges of what is declared on AWS."""
