"""Rules between settings: what one key demands of another."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, cast
from urllib.parse import urlsplit

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.core.metrics import METRICS, TASKS_OF, Estimator, MetricName
from mlcloud.core.settings.refused import (
    CLOUDS,
    DATA_IS_A_FILE,
    NETWORKED_CLUSTERS,
    REFUSED,
    TRAINS_ON_CLUSTER,
)

# Where each cloud's services read objects from; a path without a scheme is a file of the project.
URI_SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "local": ("file",),
    "aws": ("s3",),
    "gcp": ("gs",),
    "azure": ("https",),
}

# What one cloud alone cannot have is told by a module of that cloud, which loads no package of it.
_RULES_OF: Final[Mapping[str, str]] = {
    "aws": "mlcloud.aws.settings_rules",
    "gcp": "mlcloud.gcp.settings_rules",
    "azure": "mlcloud.azure.settings_rules",
    "local": "mlcloud.local.settings_rules",
}


class Given:
    """The config as it was given, without what is wrong in itself.

    Rules read this and not the typed settings, so that they also speak when another key has a problem.

    Args:
        values: The whole config as it was given.
        right: The same without the places that are wrong in themselves.
        prefix: The config's namespace.
    """

    def __init__(self, values: Mapping[str, Any], right: Mapping[str, Any], prefix: str) -> None:
        self._values = values
        self._right = right
        self._prefix = prefix

    def is_set(self, path: str) -> bool:
        """Tell whether a path such as `training.gate` was set, rightly or wrongly."""
        return _at(self._values, path) is not ABSENT

    def get(self, path: str, default: object = ABSENT) -> object:
        """Return the value at a path; the default where it was not set, `ABSENT` where it is wrong."""
        return _at(self._right, path) if self.is_set(path) else default

    def number(self, path: str) -> float | None:
        """Return the number at a path, also where the config holds it as text; None where it was not set."""
        value = self.get(path)
        return None if value is ABSENT or value is None else float(cast("Any", value))

    def problem(self, path: str, *, allowed: str, fix: str, value: object = ABSENT) -> Problem:
        """Return a problem at a path."""
        return Problem(path=f"{self._prefix}:{path}", value=value, allowed=allowed, fix=fix)


def _at(values: Mapping[str, Any], path: str) -> object:
    here: object = values
    for part in path.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return ABSENT
        here = cast("Mapping[str, object]", here)[part]
    return here


def check(given: Given) -> list[Problem]:
    """Return what is wrong between settings."""
    found = [problem for rule in _RULES for problem in rule(given)]
    module = _RULES_OF.get(str(given.get("cloud", "local")))
    if module is not None:
        own = cast("Iterator[Problem]", import_module(module).check(given))
        told = {problem.path for problem in found}
        found += [problem for problem in own if problem.path not in told]
    return found


def _what_the_cloud_lacks(given: Given) -> Iterator[Problem]:
    cloud = str(given.get("cloud", "local"))
    for row in REFUSED:
        value = given.get(row.path)
        if cloud in row.clouds and value is not ABSENT and row.when(value):
            allowed = f"not with `cloud: {cloud}`: {cloud} has {row.lacks}"
            yield given.problem(row.path, value=value, allowed=allowed, fix=row.instead)


def _a_cloud_needs_a_region(given: Given) -> Iterator[Problem]:
    cloud = given.get("cloud", "local")
    if cloud in CLOUDS and not given.is_set("region"):
        yield given.problem("region", allowed=f"a region of {cloud}", fix="add it to the stack file")


def _what_is_served_comes_from_somewhere(given: Given) -> Iterator[Problem]:
    pinned = given.get("model", "training") != "training"
    if pinned:
        return
    if given.get("cloud", "local") in CLOUDS and given.get("environment", "dev") == "prod":
        fix = "run `mlcloud promote` to write the tested version, or write `name`, `uri`, `sha256`, `version`"
        yield given.problem(
            "model", value="training", allowed="a pinned version in the environment prod", fix=fix
        )
    examples = {
        "data": "{path: data/my.csv}",
        "training": "{estimator: logistic_regression, target: my_column}",
    }
    for section, example in examples.items():
        if not given.is_set(section):
            allowed = "set, because the live model is this stack's own (`model: training`)"
            yield given.problem(section, allowed=allowed, fix=f"add `{section}: {example}`, or pin a model")


def _a_run_needs_data(given: Given) -> Iterator[Problem]:
    pinned = given.get("model", "training") != "training"
    if pinned and given.is_set("training") and not given.is_set("data"):
        yield given.problem("data", allowed="set, because `training` is", fix="add `data: {path: ...}`")
    if pinned and given.is_set("data") and not given.is_set("training"):
        yield given.problem("training", allowed="set, because `data` is", fix="add it, or remove `data`")


def _the_estimator_can_do_the_task(given: Given) -> Iterator[Problem]:
    estimator, task = given.get("training.estimator"), given.get("training.task")
    can = TASKS_OF.get(cast("Estimator", estimator), ())
    if can and task is not ABSENT and task not in can:
        able = ", ".join(name for name, tasks in TASKS_OF.items() if task in tasks)
        fix = f"remove `task`, or choose an estimator for {task}: {able}"
        allowed = f"{', '.join(can)} with {estimator}"
        yield given.problem("training.task", value=task, allowed=allowed, fix=fix)


def _the_gate_fits_the_task(given: Given) -> Iterator[Problem]:
    gate = given.get("training.gate", {})
    if not isinstance(gate, Mapping):
        return
    known = {name: METRICS[name] for name in cast("Mapping[MetricName, Any]", gate) if name in METRICS}
    task = given.get("training.task")
    can = TASKS_OF.get(cast("Estimator", given.get("training.estimator")), ())
    tasks = [task] if task is not ABSENT and (not can or task in can) else list(can)
    if len(tasks) != 1:
        tasks = [metric.task for metric in known.values()][:1]
    for name, metric in known.items():
        path, value = f"training.gate.{name}", cast("Mapping[str, Any]", gate)[name]
        if metric.task not in tasks:
            names = ", ".join(other for other, rule in METRICS.items() if rule.task in tasks)
            allowed = f"a metric of {tasks[0]}: {names}"
            yield given.problem(
                path, value=value, allowed=allowed, fix=f"remove `{name}` or choose one of these"
            )
            continue
        threshold = given.number(path)
        low, high = metric.lowest, metric.highest
        if threshold is not None and (
            (low is not None and threshold < low) or (high is not None and threshold > high)
        ):
            limits = [f"at least {low:g}"] if low is not None else []
            limits += [f"at most {high:g}"] if high is not None else []
            allowed = f"a number {' and '.join(limits)}"
            yield given.problem(path, value=value, allowed=allowed, fix=f"set it to {allowed}")


def _most_is_not_less_than_fewest(given: Given) -> Iterator[Problem]:
    fewest, most = given.number("endpoint.capacity.min"), given.number("endpoint.capacity.max")
    if fewest is not None and most is not None and most < fewest:
        allowed = f"at least `min`, {fewest:g}"
        yield given.problem(
            "endpoint.capacity.max", value=most, allowed=allowed, fix="raise `max` or lower `min`"
        )


def _a_cluster_needs_a_network(given: Given) -> Iterator[Problem]:
    if given.get("cloud", "local") not in NETWORKED_CLUSTERS or not given.is_set("cluster"):
        return
    implied = "managed" if given.get("environment", "dev") == "prod" else "none"
    kind = given.get("network.kind", "managed" if given.is_set("network") else implied)
    if kind == "none":
        fix = "add `network: {kind: managed}` or an existing network, or remove `cluster`"
        yield given.problem(
            "network.kind", value=kind, allowed="managed or existing, with a cluster", fix=fix
        )


def _an_existing_network_is_whole(given: Given) -> Iterator[Problem]:
    if (
        given.get("cloud", "local") == "aws"
        and given.get("network.kind") == "existing"
        and not given.is_set("network.security_groups")
    ):
        fix = "add the ids of the security groups of what runs in it"
        yield given.problem("network.security_groups", allowed="1 to 5 security groups on aws", fix=fix)


def _a_run_on_the_cluster_has_one(given: Given) -> Iterator[Problem]:
    """Say what the cluster lacks for the run; clouds that have no such runs are told so above."""
    cloud = str(given.get("cloud", "local"))
    if cloud not in TRAINS_ON_CLUSTER or given.get("training.compute.kind", "job") != "cluster":
        return
    if not given.is_set("cluster"):
        network = " and a network" if cloud in NETWORKED_CLUSTERS else ""
        fix = f"add `cluster: {{accelerator: ...}}`{network}, or set it to `job`"
        yield given.problem(
            "training.compute.kind", value="cluster", allowed="only with `mlcloud:cluster`", fix=fix
        )
        return
    nodes, most = given.number("training.compute.nodes"), given.number("cluster.max_machines")
    limit = 1 if most is None else most
    if nodes is not None and nodes > limit:
        allowed = f"at most `cluster.max_machines`, {limit:g}"
        fix = "raise `cluster.max_machines` or lower `nodes`"
        yield given.problem("training.compute.nodes", value=int(nodes), allowed=allowed, fix=fix)


def _uris_are_of_this_cloud(given: Given) -> Iterator[Problem]:
    cloud = str(given.get("cloud", "local"))
    schemes = URI_SCHEMES.get(cloud)
    if schemes is None:
        return
    forms = " or ".join(f"{scheme}://..." for scheme in schemes)
    for path, needs_scheme in (("data.path", False), ("model.uri", True)):
        value = given.get(path)
        if not isinstance(value, str) or (path == "data.path" and cloud in DATA_IS_A_FILE):
            continue
        scheme = urlsplit(value).scheme if "://" in value else ""
        if (scheme and scheme not in schemes) or (needs_scheme and not scheme):
            allowed = forms if needs_scheme else f"a file of this project, or {forms}"
            fix = f"copy it to where {cloud} reads it and give that address"
            yield given.problem(path, value=value, allowed=allowed, fix=fix)


def _the_format_is_known(given: Given) -> Iterator[Problem]:
    path = given.get("data.path")
    if (
        isinstance(path, str)
        and "://" not in path
        and not given.is_set("data.format")
        and not path.lower().endswith((".csv", ".parquet"))
    ):
        fix = "add `format: csv` or `format: parquet` beside it"
        yield given.problem("data.path", value=path, allowed="a path that ends in .csv or .parquet", fix=fix)


_RULES: Final[tuple[Callable[[Given], Iterator[Problem]], ...]] = (
    _what_the_cloud_lacks,
    _a_cloud_needs_a_region,
    _what_is_served_comes_from_somewhere,
    _a_run_needs_data,
    _the_estimator_can_do_the_task,
    _the_gate_fits_the_task,
    _most_is_not_less_than_fewest,
    _a_cluster_needs_a_network,
    _an_existing_network_is_whole,
    _a_run_on_the_cluster_has_one,
    _uris_are_of_this_cloud,
    _the_format_is_known,
)
