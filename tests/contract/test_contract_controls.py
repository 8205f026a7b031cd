"""Controls hold for every stack file, and each control is shown to catch what it is for, and that alone."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from mlcloud.policy import UNKNOWN, Report, check, guide
from mlcloud.policy.catalogue import CATALOGUES
from mlcloud.policy.report import judge
from mlcloud.policy.resource import Declared
from support.markdown import ROOT
from support.policy import Break, Records, entries
from support.policy_aws_breaks import BREAKS as AWS_BREAKS
from support.policy_aws_records import GOOD as AWS_GOOD
from support.policy_azure_breaks import BREAKS as AZURE_BREAKS
from support.policy_azure_records import GOOD as AZURE_GOOD
from support.policy_gcp_breaks import BREAKS as GCP_BREAKS
from support.policy_gcp_records import GOOD as GCP_GOOD
from support.stack_plan import plan_of

GOOD: dict[str, Records] = {"aws": AWS_GOOD, "gcp": GCP_GOOD, "azure": AZURE_GOOD}
BREAKS: dict[str, list[Break]] = {"aws": AWS_BREAKS, "gcp": GCP_BREAKS, "azure": AZURE_BREAKS}
CASES = [(cloud, one) for cloud, listed in BREAKS.items() for one in listed]
PROPERTIES = [(cloud, one) for cloud, one in CASES if one.is_a_property and not one.literal]
# What a preview cannot tell, because the run that trains the model comes first.
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


@cache
def planned(stack: str) -> tuple[str, list[dict[str, Any]]]:
    """The environment of a stack file, and what it declares."""
    config = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    with TemporaryDirectory() as home:
        return config["mlcloud:environment"], plan_of(stack, Path(home))["resources"]


def report_of(cloud: str, records: Records, environment: str = "prod") -> Report:
    """What the controls of a cloud say, without waivers."""
    (found,) = (one for one in CATALOGUES if one.cloud == cloud)
    return judge(Declared.of(entries(records), environment), found.controls, [])


def labels(cases: list[tuple[str, Break]]) -> list[str]:
    return [f"{cloud}: {one.label}: {number}" for number, (cloud, one) in enumerate(cases)]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_declares_what_every_control_wants(stack: str) -> None:
    environment, resources = planned(stack)
    report = check(resources, environment)
    assert [f"{one.control} {one.urn}: {one.problem}" for one in report.findings] == []
    assert [one.control for one in report.unknown] == []


def idle_in(stack: str, *besides: str) -> set[str]:
    """The controls that judged nothing in a stack file, besides those of things that no stack declares."""
    environment, resources = planned(stack)
    idle = check(resources, environment).idle
    return {control for control in idle if not control.startswith(besides)}


def test_aws_prods_controls_had_something_to_judge_but_for_what_it_does_not_declare() -> None:
    # Prod serves a pinned model: it trains nothing, and captures nothing. Nobody else pulls its images.
    assert idle_in("aws-prod", "workbench-", "cluster-eks-") == {
        *("training-isolation", "training-network", "training-own-key", "training-between-machines"),
        *("training-time-limit", "training-monitors", "endpoint-written-data-key", "registry-not-public"),
    }


def test_gcp_prods_controls_had_something_to_judge_but_for_what_it_does_not_declare() -> None:
    # Prod serves a pinned model, and its GPU machines are Vertex AI's.
    assert idle_in("gcp-prod", "workbench-", "cluster-") == {"training-time-limit"}


def test_azure_prods_controls_had_something_to_judge_but_for_what_it_does_not_declare() -> None:
    # Prod serves a pinned model: it trains nothing.
    assert idle_in("azure-prod", "workbench-") == {"training-time-limit"}


@pytest.mark.parametrize(("stack", "least"), [("aws-prod", 46), ("gcp-prod", 41), ("azure-prod", 66)])
def test_prod_is_judged_by_as_many_controls_as_before(stack: str, least: int) -> None:
    environment, resources = planned(stack)
    report = check(resources, environment)
    assert len(report.checked) >= least
    assert report.judged["storage-public-access"] == 3


@pytest.mark.parametrize("stack", ["aws-dev", "gcp-dev"])
def test_devs_training_run_is_judged(stack: str) -> None:
    environment, resources = planned(stack)
    judged = check(resources, environment).judged
    assert judged["training-network"] == judged["training-own-key"] == judged["training-time-limit"] == 1


def test_azure_devs_training_run_is_judged() -> None:
    environment, resources = planned("azure-dev")
    judged = check(resources, environment).judged
    # Its network and its key are the workspace's.
    assert judged["training-time-limit"] == judged["workspace-managed-network"] == 1


def test_a_local_stack_has_nothing_that_a_cloud_must_declare() -> None:
    environment, resources = planned("local-dev")
    assert dict(check(resources, environment).judged) == {}


@pytest.mark.parametrize("cloud", GOOD)
def test_a_good_plan_has_something_for_every_control_and_nothing_is_wrong(cloud: str) -> None:
    report = report_of(cloud, GOOD[cloud])
    assert [f"{one.control} {one.urn}: {one.problem}" for one in report.findings] == []
    assert [one.control for one in report.unknown] == []
    assert report.idle == []


@pytest.mark.parametrize(("cloud", "broken"), CASES, ids=labels(CASES))
def test_a_broken_plan_is_caught_by_its_control_and_by_no_other(cloud: str, broken: Break) -> None:
    report = report_of(cloud, broken.applied(GOOD[cloud]))
    found = [*report.findings, *report.unknown]
    assert {one.control for one in found} == {broken.control}
    for one in report.findings:
        assert one.urn
        assert one.problem.path
        assert one.problem.allowed
        assert one.problem.fix
    assert report.findings


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda one: one.cloud)
def test_every_control_has_a_plan_that_breaks_it(catalogue: Any) -> None:
    broken = {one.control for one in BREAKS[catalogue.cloud]}
    assert {control.id for control in catalogue.controls} == broken


@pytest.mark.parametrize(("cloud", "broken"), PROPERTIES, ids=labels(PROPERTIES))
def test_a_value_that_is_not_known_yet_is_never_taken_for_a_good_one(cloud: str, broken: Break) -> None:
    unknown = Break(control=broken.control, at=broken.at, value=UNKNOWN)
    report = report_of(cloud, unknown.applied(GOOD[cloud]))
    assert broken.control in {one.control for one in (*report.unknown, *report.findings)}
    assert all(one.problem.value == UNKNOWN for one in report.unknown)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda one: one.cloud)
def test_controls_and_waivers_are_told_whole(catalogue: Any) -> None:
    ids = [control.id for control in catalogue.controls]
    assert len(ids) == len(set(ids))
    for control in catalogue.controls:
        assert control.sources
        assert control.title
        assert control.why.endswith(".")
    for waiver in catalogue.waivers:
        assert waiver.control in ids
        assert len(waiver.reason.split()) > 6
        assert waiver.resources
        assert not waiver.adr or (ROOT / "docs" / "adr" / f"{waiver.adr}.md").is_file()


def test_the_guide_is_what_the_controls_would_write_now() -> None:
    assert (ROOT / guide.PATH).read_text("utf-8") == guide.guide(), f"{guide.PATH} drifted: {guide.COMMAND}"


def test_drift_of_the_guide_is_told_with_the_command_and_written_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guide.main(["--root", str(tmp_path)]) == 1
    assert guide.COMMAND in capsys.readouterr().out
    assert guide.main(["--root", str(tmp_path), "--write"]) == 0
    assert guide.main(["--root", str(tmp_path)]) == 0


def test_the_guide_names_every_control_and_every_reason() -> None:
    text = guide.guide()
    for catalogue in CATALOGUES:
        assert all(f"| `{one.id}` | {one.severity} |" in text for one in catalogue.controls)
        assert all(one.reason in text for one in catalogue.waivers)
