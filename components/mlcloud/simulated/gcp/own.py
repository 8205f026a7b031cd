"""How our own resources of GCP look in a simulated apply: templates by Python name, as `Looks` has them.

Only what neither the inputs nor the resource's own preview tells.
"""

from collections.abc import Mapping

OWN: Mapping[str, Mapping[str, str]] = {}
