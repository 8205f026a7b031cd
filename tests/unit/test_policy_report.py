"""What controls say of a plan: findings worst first, waivers that are used, and how much was judged."""

from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.core.errors import Problem
from mlcloud.policy import UNKNOWN, Control, Declared, Report, Resource, Waiver
from mlcloud.policy.control import Severity
from mlcloud.policy.judging import expect, has, is_true
from mlcloud.policy.report import judge

BUCKET = "aws:s3/bucket:Bucket"


def control(name: str = "on", severity: Severity = "high", **parts: Any) -> Control:
    wanted = {"judge": expect("on", is_true, "true"), "types": [BUCKET], **parts}
    return Control(id=name, sources=["own"], title="t", severity=severity, why="w.", **wanted)


def waiver(**parts: Any) -> Waiver:
    return Waiver(control="on", resources="these", reason="because", **parts)


def report(controls: list[Control], waivers: list[Waiver], environment: str = "dev", **on: Any) -> Report:
    """What is said of buckets, each with its property `on`."""
    resources = [
        Resource(urn=f"urn:{name}", type=BUCKET, name=name, inputs={"on": value})
        for name, value in on.items()
    ]
    return judge(Declared(resources=resources, environment=environment), controls, waivers)


def test_a_finding_names_control_resource_path_value_and_fix() -> None:
    (found,) = report([control()], [], data=False).findings
    assert (found.control, found.severity, found.urn) == ("on", "high", "urn:data")
    assert found.problem == Problem(path="on", value=False, allowed="true", fix="set `on` to true")


def test_the_worst_comes_first() -> None:
    controls = [control("low", "low"), control("crit", "critical"), control("med", "medium")]
    assert [one.control for one in report(controls, [], data=False).findings] == ["crit", "med", "low"]


def test_what_is_not_known_is_neither_wrong_nor_right() -> None:
    found = report([control()], [], data=UNKNOWN)
    assert found.findings == []
    assert [one.urn for one in found.unknown] == ["urn:data"]
    assert found.summary() == "Controls: 1 checked, 0 findings, 0 waived, 1 unknown until the update"


def test_a_control_that_judged_nothing_is_named() -> None:
    found = report([control(), control("eks", types=["aws:eks/cluster:Cluster"])], [], data=True)
    assert (found.checked, found.idle, dict(found.judged)) == (["on"], ["eks"], {"on": 1, "eks": 0})


def test_a_control_of_prod_judges_nothing_elsewhere() -> None:
    of_prod = control(environments=("prod",))
    assert report([of_prod], [], "dev", data=False).idle == ["on"]
    assert len(report([of_prod], [], "prod", data=False).findings) == 1


@pytest.mark.parametrize(
    "chosen",
    [
        {"names": ["lo*"]},
        {"types": ["aws:s3/*"], "names": ["logs"]},
        {"test": lambda resource, _: resource.name == "logs"},
    ],
)
def test_a_waiver_waives_its_resources_and_no_others(chosen: dict[str, Any]) -> None:
    found = report([control()], [waiver(**chosen)], data=False, logs=False)
    assert [one.urn for one in found.findings] == ["urn:data"]
    assert [(one.urn, by.reason) for one, by in found.waived] == [("urn:logs", "because")]
    assert found.summary() == "Controls: 1 checked, 1 finding, 1 waived"


def test_a_waiver_that_waives_nothing_any_more_is_a_finding() -> None:
    (found,) = report([control()], [waiver(names=["logs"])], data=True, logs=True).findings
    assert (found.control, found.urn, found.problem.path) == ("on", "urn:logs", "waiver")
    assert "remove the waiver" in found.problem.fix


def test_a_waiver_of_resources_that_a_stack_does_not_have_is_no_finding() -> None:
    assert report([control()], [waiver(names=["logs"])], data=True).findings == []


def test_a_waiver_of_another_control_waives_nothing() -> None:
    assert len(report([control("other")], [waiver()], data=False).findings) == 1


def test_the_result_is_plain_values() -> None:
    found = report([control()], [waiver(names=["logs"])], data=False, logs=False).to_dict()
    (finding,) = found["findings"]
    assert finding == {
        "control": "on",
        "severity": "high",
        "urn": "urn:data",
        "path": "on",
        "value": False,
        "required": "true",
        "fix": "set `on` to true",
    }
    assert found["judged"] == {"on": 2}
    assert [one["reason"] for one in found["waived"]] == ["because"]


def partners(*others: Resource) -> Iterator[Any]:
    bucket = Resource(urn="urn:data", type=BUCKET, name="data", inputs={"bucket": "data"})
    declared = Declared(resources=[bucket, *others], environment="dev")
    return (one.value for one in has("t:Logging", "bucket", expect("on", is_true, "true"))(bucket, declared))


def logging(**inputs: Any) -> Resource:
    return Resource(urn="urn:log", type="t:Logging", name="log", inputs=inputs)


def test_a_partner_that_may_still_turn_out_to_be_this_ones_is_unknown_not_missing() -> None:
    assert list(partners(logging(bucket=UNKNOWN, on=True))) == [UNKNOWN]
    assert list(partners(logging(bucket="another", on=True))) != [UNKNOWN]
    assert list(partners(logging(bucket="data", on=True))) == []
    assert list(partners(logging(bucket="data", on=False))) == [False]
