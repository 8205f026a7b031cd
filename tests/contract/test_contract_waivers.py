"""Every waiver waives what it says, and no more."""

import pytest
from mlcloud.core.errors import ABSENT
from mlcloud.policy.catalogue import CATALOGUES
from mlcloud.policy.report import Report, judge
from mlcloud.policy.resource import Declared
from support.policy import Break, Records, Waived, entries
from support.policy_aws_breaks import BREAKS as AWS_BREAKS
from support.policy_aws_records import GOOD as AWS_GOOD
from support.policy_aws_waived import WAIVED as AWS_WAIVED
from support.policy_azure_breaks import BREAKS as AZURE_BREAKS
from support.policy_azure_records import GOOD as AZURE_GOOD
from support.policy_azure_waived import WAIVED as AZURE_WAIVED
from support.policy_gcp_breaks import BREAKS as GCP_BREAKS
from support.policy_gcp_records import GOOD as GCP_GOOD
from support.policy_gcp_waived import WAIVED as GCP_WAIVED

GOOD: dict[str, Records] = {"aws": AWS_GOOD, "gcp": GCP_GOOD, "azure": AZURE_GOOD}
BREAKS: dict[str, list[Break]] = {"aws": AWS_BREAKS, "gcp": GCP_BREAKS, "azure": AZURE_BREAKS}
WAIVED: dict[str, list[Waived]] = {"aws": AWS_WAIVED, "gcp": GCP_WAIVED, "azure": AZURE_WAIVED}
CLOUDS = {one.cloud: one for one in CATALOGUES}
CASES = [(cloud, case) for cloud, listed in WAIVED.items() for case in listed]


def report_of(cloud: str, records: Records, environment: str) -> Report:
    catalogue = CLOUDS[cloud]
    return judge(Declared.of(entries(records), environment), catalogue.controls, catalogue.waivers)


@pytest.mark.parametrize(
    ("cloud", "case"), CASES, ids=[f"{cloud}: {case[0]}-{case[1]}-{case[-1]}" for cloud, case in CASES]
)
def test_a_waiver_covers_what_it_is_for_and_nothing_else(cloud: str, case: Waived) -> None:
    control, environment, at, value, added, waived = case
    broken = Break(control=control, at=at, value=value, added=added).applied(GOOD[cloud])
    report = report_of(cloud, broken, environment)
    assert (control in {one.control for one, _ in report.waived}) is waived
    told = {one.control for one in report.findings if one.problem.path != "waiver"}
    assert (control in told) is not waived


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_waiver_has_a_plan_that_needs_it(cloud: str) -> None:
    needed: set[int] = set()
    for control, environment, at, value, added, waived in WAIVED[cloud]:
        if waived:
            broken = Break(control=control, at=at, value=value, added=added).applied(GOOD[cloud])
            needed |= {id(waiver) for _, waiver in report_of(cloud, broken, environment).waived}
    assert [one.resources for one in CLOUDS[cloud].waivers if id(one) not in needed] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_nothing_critical_is_waived(cloud: str) -> None:
    severities = {control.id: control.severity for control in CLOUDS[cloud].controls}
    assert "critical" not in {severities[waiver.control] for waiver in CLOUDS[cloud].waivers}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_waiver_hides_what_only_prod_must_have(cloud: str) -> None:
    waived = {one.control for one in CLOUDS[cloud].waivers}
    strict = [one for one in BREAKS[cloud] if one.control not in waived]
    assert len(strict) > 80
    for broken in strict:
        report = report_of(cloud, broken.applied(GOOD[cloud]), "prod")
        assert any(one.control == broken.control for one in report.findings), broken.label


def test_absent_is_told_as_missing() -> None:
    report = report_of("aws", Break(control="x", at="public-access").applied(AWS_GOOD), "prod")
    (found,) = (one for one in report.findings if one.control == "storage-public-access")
    assert found.problem.value is ABSENT
    assert "is missing" in str(found.problem)
