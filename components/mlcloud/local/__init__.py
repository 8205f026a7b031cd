"""The local cloud: the same stack as on the clouds, as directories and processes on this machine."""
