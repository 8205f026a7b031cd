"""What holds for every test: generated examples are the same in each run, however slow the machine is.

Garbage is looked for less often than Python does by default, as in the command line: SDKs of clouds stay.

`--hypothesis-profile=explore` looks for new ones instead.
"""

import gc

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

gc.set_threshold(20_000)
