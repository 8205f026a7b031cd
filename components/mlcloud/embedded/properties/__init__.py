"""Property values: what they are in memory, on the wire, and to people."""
