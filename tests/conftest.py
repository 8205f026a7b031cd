"""What holds for every test: generated examples are the same in each run, however slow the machine is.

`--hypothesis-profile=explore` looks for new ones instead.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")
