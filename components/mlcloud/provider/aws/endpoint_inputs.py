"""Inputs and outputs of an endpoint of SageMaker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.aws import checks
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
# BlueGreenUpdatePolicy and TrafficRoutingConfig in the API model.
LONGEST_WAIT_S: Final = 3600
_NAME = checks.name_of_at_most(checks.SAGEMAKER_NAME_LENGTH)


def _alarms(value: Sequence[str]) -> str | None:
    # AutoRollbackConfig in the API model: 10 alarms, names of 1 to 255 characters.
    wrong = [name for name in value if not 1 <= len(name) <= 255]
    return f"{', '.join(wrong)}: names have 1 to 255 characters." if wrong else checks.at_most(10)(value)


@dataclass(frozen=True, kw_only=True)
class EndpointInputs:
    """What an endpoint is made from. Without canary or linear steps, all traffic moves at once.

    Attributes:
        name: the endpoint's name, 1 to 63 letters, digits and hyphens.
        region: code of its region.
        endpoint_config_name: the endpoint configuration that it runs. Another one moves the traffic.
        model_uri: `s3://` URI of the archive of the model that the configuration serves. Its manifest has the
            row that the endpoint must answer before an update is done. Default: no smoke prediction.
        model_sha256: SHA-256 of that model's manifest, which is compared before anything moves.
        alarm_names: CloudWatch alarms that roll an update back, at most 10; they must exist before it.
        canary_percent: share of the capacity that takes traffic first, 1 to 50. Default: no canary.
        linear_step_percent: share of the capacity in each step, 10 to 50. Default: no steps.
        wait_s: seconds that alarms are watched after each move of traffic, 0 to 3600. Default 0.
        termination_wait_s: seconds that the old machines stay after the last move, 0 to 3600. Default 0.
        timeout_s: seconds that a change may take, 600 to 28800. Default 3600.
        retained_configs: configurations that stay of those that have proven themselves, the live one
            included, 1 to 100. Default 3.
        tags: tags of the endpoint, at most 50.
    """

    name: str = field(metadata=options(replace=True, check=_NAME))
    region: str = field(metadata=options(replace=True, check=checks.region))
    endpoint_config_name: str = field(metadata=options(check=_NAME))
    model_uri: str | None = field(default=None, metadata=options(check=checks.s3_uri))
    model_sha256: str | None = field(default=None, metadata=options(check=common.sha256))
    alarm_names: list[str] = field(default_factory=list[str], metadata=options(check=_alarms))
    canary_percent: int | None = field(default=None, metadata=options(check=checks.between(1, 50)))
    linear_step_percent: int | None = field(default=None, metadata=options(check=checks.between(10, 50)))
    wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    termination_wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    timeout_s: float = field(default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(600, 28800)))
    retained_configs: int = field(default=3, metadata=options(check=checks.between(1, 100)))
    tags: dict[str, str] = field(default_factory=dict[str, str], metadata=options(check=checks.tags))


@dataclass(frozen=True, kw_only=True)
class EndpointOutputs:
    """What an endpoint offers.

    Attributes:
        name: its name.
        region: code of its region.
        arn: its ARN.
        url: where predictions are asked for, with a signed request.
        endpoint_config_name: the configuration that it was seen running.
        status: as SageMaker says it: `InService`; `Unproven` where it is, and has not given the expected
            smoke prediction: the next update asks again.
        variant_names: names of its production variants, which never change.
        config_names: configurations of this endpoint that still exist, the latest first.
        proven_config_names: those of them that an update has seen in service with the expected smoke
            prediction, the latest first. None: the state is from before they were marked.
    """

    name: str = field(metadata=options(stable=True))
    region: str = field(metadata=options(stable=True))
    arn: str = field(metadata=options(stable=True))
    url: str = field(metadata=options(stable=True))
    endpoint_config_name: str
    status: str
    variant_names: list[str] = field(metadata=options(stable=True))
    config_names: list[str]
    proven_config_names: list[str] | None = None
