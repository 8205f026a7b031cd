"""Rules between settings that hold on AWS alone: told with all other problems, before anything is asked.

No package of AWS is loaded here: settings are read where none is installed.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from pydantic import TypeAdapter, ValidationError

from mlcloud.aws.instances import BATCH_FAMILIES, accelerator_counts
from mlcloud.aws.rollouts import rollout_problems
from mlcloud.core.errors import Problem, unknown
from mlcloud.core.settings.model import Rollout
from mlcloud.core.settings.rules import Given

_ROLLOUT: Final[TypeAdapter[Rollout]] = TypeAdapter(Rollout)
_REGION: Final = r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}"
_MACHINE: Final = r"ml\.[a-z0-9-]+\.[a-z0-9]+"
_ARCHIVE: Final = ".tar.gz"


def check(given: Given) -> Iterator[Problem]:
    """Yield what cannot be on AWS."""
    for rule in (
        _the_region_is_one_of_aws,
        _machine_types_are_sagemakers,
        _machines_that_answer_at_once_do_not_scale_to_zero,
        _traffic_moves_as_sagemaker_can,
        _serverless_capacity_joins_no_network,
        _prod_has_two_machines_in_a_network,
        _a_pinned_model_is_an_archive,
        _the_image_is_in_ecr,
        _the_accelerator_is_one_of_ec2s,
        _a_run_on_the_cluster_is_one_that_batch_takes,
        _the_currency_is_the_regions,
    ):
        yield from rule(given)


def _kind(given: Given) -> object:
    return given.get("endpoint.capacity.kind", "instance")


def _the_region_is_one_of_aws(given: Given) -> Iterator[Problem]:
    region = given.get("region")
    if isinstance(region, str) and not re.fullmatch(_REGION, region):
        allowed = "the code of a region of AWS, such as eu-central-1"
        yield given.problem("region", value=region, allowed=allowed, fix="write such a code")


def _machine_types_are_sagemakers(given: Given) -> Iterator[Problem]:
    for path in ("training.compute.instance_type", "endpoint.capacity.instance_type"):
        value = given.get(path)
        if isinstance(value, str) and not re.fullmatch(_MACHINE, value):
            plain = re.fullmatch(r"[a-z0-9-]+\.[a-z0-9]+", value) is not None
            fix = f"write `ml.{value}`" if plain else "write such a name"
            allowed = "a machine type of SageMaker: ml.<family>.<size>, such as ml.m5.large"
            yield given.problem(path, value=value, allowed=allowed, fix=fix)


def _machines_that_answer_at_once_do_not_scale_to_zero(given: Given) -> Iterator[Problem]:
    if _kind(given) == "instance" and given.number("endpoint.capacity.min") == 0:
        fix = "set it to 1 or more, or choose `kind: serverless` or `kind: asynchronous`"
        allowed = "at least 1 with `kind: instance` on aws"
        yield given.problem("endpoint.capacity.min", value=0, allowed=allowed, fix=fix)


def _traffic_moves_as_sagemaker_can(given: Given) -> Iterator[Problem]:
    try:
        rollout = _ROLLOUT.validate_python(given.get("endpoint.rollout", {}))
    except ValidationError:
        return  # told already
    instance_type = given.get("endpoint.capacity.instance_type", "")
    machine = None if _kind(given) == "serverless" else str(instance_type)
    for problem in rollout_problems(rollout, instance_type=machine):
        yield given.problem(
            f"endpoint.{problem.path}", value=problem.value, allowed=problem.allowed, fix=problem.fix
        )


def _serverless_capacity_joins_no_network(given: Given) -> Iterator[Problem]:
    network = given.get("network.kind", "managed" if given.is_set("network") else "none")
    used = given.is_set("training") or given.is_set("cluster")
    if _kind(given) == "serverless" and network != "none" and not used:
        allowed = "not with `kind: serverless` alone: SageMaker's serverless endpoints join no network"
        fix = "remove `network`, or choose capacity of the kind instance or asynchronous"
        yield given.problem("network", value=network, allowed=allowed, fix=fix)


def _prod_has_two_machines_in_a_network(given: Given) -> Iterator[Problem]:
    if given.get("environment", "dev") != "prod":
        return
    kind, fewest = _kind(given), given.number("endpoint.capacity.min")
    if kind == "instance" and fewest != 0 and (1 if fewest is None else fewest) < 2:  # 0 is told above
        allowed = "at least 2 in prod: one machine's end is the endpoint's"
        yield given.problem("endpoint.capacity.min", value=fewest or 1, allowed=allowed, fix="set it to 2")
    needs_network = kind != "serverless" or given.is_set("training")
    if given.get("network.kind", "managed") == "none" and needs_network:
        allowed = "managed or existing in prod: what trains and serves is private"
        fix = "remove `network` for a managed one, or name subnets of yours with `kind: existing`"
        yield given.problem("network.kind", value="none", allowed=allowed, fix=fix)


def _a_pinned_model_is_an_archive(given: Given) -> Iterator[Problem]:
    uri = given.get("model.uri")
    if isinstance(uri, str) and uri.startswith("s3://") and not uri.endswith(_ARCHIVE):
        allowed = f"an archive that ends with {_ARCHIVE}, which SageMaker unpacks for the server"
        yield given.problem("model.uri", value=uri, allowed=allowed, fix="pin the archive beside the folder")


def _the_image_is_in_ecr(given: Given) -> Iterator[Problem]:
    image, region = given.get("image", "build"), given.get("region")
    if not isinstance(image, str) or not isinstance(region, str) or image == "build":
        return
    if not re.match(rf"\d{{12}}\.dkr\.ecr\.{re.escape(region)}\.amazonaws\.com(\.cn)?/", image):
        allowed = f"`build`, or an image in ECR of {region}: SageMaker reads from no other registry"
        fix = "push the image to ECR in the stack's region, or set `image` to `build`"
        yield given.problem("image", value=image, allowed=allowed, fix=fix)


def _the_accelerator_is_one_of_ec2s(given: Given) -> Iterator[Problem]:
    name, count = given.get("cluster.accelerator"), given.number("cluster.accelerators")
    if not isinstance(name, str):
        return
    known = list(dict.fromkeys(row.accelerator for row in BATCH_FAMILIES))
    counts = accelerator_counts(name, families=BATCH_FAMILIES)
    if not counts:
        yield unknown(given.problem("cluster.accelerator", allowed="", fix="").path, name, name, known)
    elif (1 if count is None else count) not in counts:
        allowed = f"{', '.join(map(str, counts))} of {name} in one machine"
        yield given.problem(
            "cluster.accelerators", value=count or 1, allowed=allowed, fix=f"write one of {allowed}"
        )


def _a_run_on_the_cluster_is_one_that_batch_takes(given: Given) -> Iterator[Problem]:
    if given.get("training.compute.kind", "job") != "cluster":
        return
    nodes, minutes = given.number("training.compute.nodes"), given.number("training.timeout_minutes")
    # https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
    if nodes is not None and nodes > 1 and given.get("cluster.spot", False) in (True, "true"):
        allowed = "false with jobs on several machines, for which Batch has no spare capacity"
        fix = "set it to false, or set `training.compute.nodes` to 1"
        yield given.problem("cluster.spot", value=True, allowed=allowed, fix=fix)
    # https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html
    if minutes is not None and minutes < 1:
        allowed = "at least 1 for a run on the cluster: Batch ends no job earlier"
        yield given.problem("training.timeout_minutes", value=minutes, allowed=allowed, fix="set it to 1")


def _the_currency_is_the_regions(given: Given) -> Iterator[Problem]:
    region, budget = given.get("region"), given.get("budget")
    if not isinstance(region, str) or not isinstance(budget, Mapping):
        return
    currency = cast("Mapping[str, object]", budget).get("currency", "USD")
    billed = "CNY" if region.startswith("cn-") else "USD"
    if currency in ("USD", "CNY") and currency != billed:
        allowed = f"{billed} in {region}"
        yield given.problem("budget.currency", value=currency, allowed=allowed, fix=f"set it to `{billed}`")
