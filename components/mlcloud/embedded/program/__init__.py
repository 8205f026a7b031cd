"""The program: how it is run, and what it asks for."""
