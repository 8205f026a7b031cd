"""The judge of AWS calls refuses what the API would refuse; botocore alone lets most of it pass."""

import re
from typing import Any

import pytest
from support.provider_aws_judge import problems, python_pattern, service_model


def endpoint(**changed: Any) -> dict[str, Any]:
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 60, **changed.pop("routing", {})}
    given = {
        "EndpointName": "churn",
        "EndpointConfigName": "churn-1",
        "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
    }
    return {**given, **changed}


def test_a_right_call_has_no_problems() -> None:
    assert problems("sagemaker", "UpdateEndpoint", endpoint()) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Endpoint": "churn"}, "Unknown parameter"),
        ({"EndpointName": 1}, "Invalid type"),
        ({"EndpointName": "-churn"}, "does not match"),
        ({"EndpointName": "x" * 64}, "above 63"),
        ({"routing": {"Type": "SLOWLY"}}, "none of ALL_AT_ONCE"),
        ({"routing": {"WaitIntervalInSeconds": 3601}}, "above 3600"),
        ({"routing": {"WaitIntervalInSeconds": -1}}, "below 0"),
        ({"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "Weight"}]}, "none of"),
    ],
)
def test_a_wrong_call_is_named(changed: dict[str, Any], words: str) -> None:
    assert any(words in line for line in problems("sagemaker", "UpdateEndpoint", endpoint(**changed)))


def test_missing_and_too_many_are_named() -> None:
    assert any("Missing required" in line for line in problems("sagemaker", "DescribeEndpoint", {}))
    alarms = [{"AlarmName": str(number)} for number in range(11)]
    config = {"AutoRollbackConfiguration": {"Alarms": alarms}}
    assert any(
        "above 10" in line
        for line in problems("sagemaker", "UpdateEndpoint", endpoint(DeploymentConfig=config))
    )


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime", "application-autoscaling", "logs"])
def test_every_form_in_the_models_can_be_judged(service: str) -> None:
    model = service_model(service)
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names} - {None}
    assert patterns
    for pattern in patterns:
        re.compile(python_pattern(pattern))
