"""Rules between settings that hold on GCP alone: told with all other problems, before anything is asked.

No package of GCP is loaded here: settings are read where none is installed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, cast

from pydantic import TypeAdapter, ValidationError

from mlcloud.core.errors import Problem, unknown
from mlcloud.core.settings.model import Rollout
from mlcloud.core.settings.rules import Given
from mlcloud.gcp.instances import ACCELERATORS
from mlcloud.gcp.rollouts import rollout_problem

_ROLLOUT: Final[TypeAdapter[Rollout]] = TypeAdapter(Rollout)
_REGION: Final = r"[a-z]+-[a-z]+\d{1,2}"
_MACHINE: Final = r"[a-z]+\d[a-z]*-[a-z]+-\d+g?"
_IMAGE: Final = r"[a-z0-9-]+-docker\.pkg\.dev/[a-z0-9.:-]+/[a-z0-9-]+/"
_ARCHIVES: Final = (".tar.gz", ".tgz")


def check(given: Given) -> Iterator[Problem]:
    """Yield what cannot be on GCP."""
    for rule in (
        _the_region_is_one_of_gcp,
        _machine_types_are_compute_engines,
        _machines_do_not_scale_to_zero,
        _traffic_moves_as_vertex_ai_can,
        _prod_has_two_machines_in_a_network,
        _a_pinned_model_is_a_folder,
        _the_image_is_in_artifact_registry,
        _the_accelerator_is_one_of_vertex_ais,
        _subnets_have_full_names,
        _somebody_hears_of_alarms,
        _somebody_pays,
    ):
        yield from rule(given)


def _the_region_is_one_of_gcp(given: Given) -> Iterator[Problem]:
    region = given.get("region")
    if isinstance(region, str) and not re.fullmatch(_REGION, region):
        allowed = "the name of a region of GCP, such as europe-west4"
        yield given.problem("region", value=region, allowed=allowed, fix="write such a name")


def _machine_types_are_compute_engines(given: Given) -> Iterator[Problem]:
    for path in ("training.compute.instance_type", "endpoint.capacity.instance_type"):
        value = given.get(path)
        if isinstance(value, str) and not re.fullmatch(_MACHINE, value):
            allowed = "a machine type of Compute Engine: <family>-<kind>-<size>, such as n1-standard-4"
            yield given.problem(path, value=value, allowed=allowed, fix="write such a name")


def _machines_do_not_scale_to_zero(given: Given) -> Iterator[Problem]:
    if given.number("endpoint.capacity.min") == 0:
        allowed = "at least 1: Vertex AI keeps one machine for each model"
        yield given.problem("endpoint.capacity.min", value=0, allowed=allowed, fix="set it to 1 or more")


def _traffic_moves_as_vertex_ai_can(given: Given) -> Iterator[Problem]:
    try:
        problem = rollout_problem(_ROLLOUT.validate_python(given.get("endpoint.rollout", {})))
    except ValidationError:
        return  # told already
    if problem is not None:
        yield given.problem("endpoint.rollout", value=problem.value, allowed=problem.allowed, fix=problem.fix)


def _prod_has_two_machines_in_a_network(given: Given) -> Iterator[Problem]:
    if given.get("environment", "dev") != "prod":
        return
    fewest = given.number("endpoint.capacity.min")
    if fewest != 0 and (1 if fewest is None else fewest) < 2:  # 0 is told above
        allowed = "at least 2 in prod: one machine's end is the endpoint's"
        yield given.problem("endpoint.capacity.min", value=fewest or 1, allowed=allowed, fix="set it to 2")
    if given.get("network.kind", "managed") == "none":
        allowed = "managed or existing in prod: what trains and serves is private"
        fix = "remove `network` for a managed one, or name subnets of yours with `kind: existing`"
        yield given.problem("network.kind", value="none", allowed=allowed, fix=fix)


def _a_pinned_model_is_a_folder(given: Given) -> Iterator[Problem]:
    uri = given.get("model.uri")
    if isinstance(uri, str) and uri.startswith("gs://") and uri.endswith(_ARCHIVES):
        allowed = "a folder with the model's files, which Vertex AI gives to the server"
        yield given.problem("model.uri", value=uri, allowed=allowed, fix="pin the folder beside the archive")


def _the_image_is_in_artifact_registry(given: Given) -> Iterator[Problem]:
    image = given.get("image", "build")
    if isinstance(image, str) and image != "build" and not re.match(_IMAGE, image):
        allowed = "`build`, or an image in Artifact Registry: <region>-docker.pkg.dev/<project>/..."
        fix = "push the image to Artifact Registry, or set `image` to `build`"
        yield given.problem("image", value=image, allowed=allowed, fix=fix)


def _the_accelerator_is_one_of_vertex_ais(given: Given) -> Iterator[Problem]:
    name, count = given.get("cluster.accelerator"), given.number("cluster.accelerators")
    if not isinstance(name, str):
        return
    counts = [number for row in ACCELERATORS if row.name == name for number in row.machine_types]
    if not counts:
        known = [row.name for row in ACCELERATORS]
        yield unknown(given.problem("cluster.accelerator", allowed="", fix="").path, name, name, known)
    elif (1 if count is None else count) not in counts:
        allowed = f"{', '.join(map(str, counts))} of {name} in one machine"
        yield given.problem(
            "cluster.accelerators", value=count or 1, allowed=allowed, fix=f"write one of {allowed}"
        )


def _subnets_have_full_names(given: Given) -> Iterator[Problem]:
    subnets, region = given.get("network.subnets", ()), given.get("region")
    if not isinstance(subnets, list | tuple) or not isinstance(region, str):
        return
    form = rf"projects/[^/]+/regions/{re.escape(region)}/subnetworks/[^/]+"
    allowed = f"full names: projects/<project>/regions/{region}/subnetworks/<subnet>"
    for index, subnet in enumerate(cast("Sequence[object]", subnets)):
        if not re.fullmatch(form, str(subnet)):
            path = f"network.subnets[{index}]"
            yield given.problem(path, value=subnet, allowed=allowed, fix="write it in full")


def _somebody_hears_of_alarms(given: Given) -> Iterator[Problem]:
    if not given.get("monitoring.notify", ()):
        fix = "add `monitoring: {notify: [you@example.com]}`"
        allowed = "1 to 16 addresses on gcp: an alert without a receiver tells nobody"
        yield given.problem("monitoring.notify", allowed=allowed, fix=fix)


def _somebody_pays(given: Given) -> Iterator[Problem]:
    if given.is_set("budget") and not given.is_set("budget.billing_account"):
        fix = "add the account that pays: `gcloud billing accounts list` shows yours"
        yield given.problem("budget.billing_account", allowed="a billing account on gcp", fix=fix)
