"""What is seen of an endpoint: its outputs, and what is wrong with it."""

from collections.abc import Mapping
from typing import Any, Final, cast

from mlcloud.provider.aws import endpoint_change as change
from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.endpoint_inputs import EndpointInputs, EndpointOutputs

UNPROVEN: Final = "Unproven"
"""In service, and without the expected smoke prediction."""


def log_group(name: str) -> str:
    """Where its containers' lines are."""
    return f"/aws/sagemaker/Endpoints/{name}"


def illness(found: Mapping[str, Any], config_name: str) -> str | None:
    """What is wrong with an endpoint; None when it runs the configuration."""
    name, status, live = found["EndpointName"], found["EndpointStatus"], found["EndpointConfigName"]
    cause = f": {str(found['FailureReason']).strip()}" if found.get("FailureReason") else ""
    if status not in (change.IN_SERVICE, change.MAINTENANCE):
        return f"The endpoint {name} is {status}{cause}."
    if live != config_name:
        return (
            f"The endpoint {name} runs the configuration {live}, not {config_name}: SageMaker rolled the "
            f"update back{cause or ', and gives no reason'}. What was served before keeps serving; "
            f"nothing of it was deleted. Its log: {log_group(name)} in CloudWatch."
        )
    return None


def is_proven(outputs: EndpointOutputs | None, config_name: str) -> bool:
    """Whether an update has already seen the endpoint run this configuration and answer rightly."""
    return outputs is not None and (outputs.endpoint_config_name, outputs.status) == (
        config_name,
        change.IN_SERVICE,
    )


def outputs_of(
    clients: Clients,
    new: EndpointInputs,
    found: Mapping[str, Any],
    config_names: list[str],
    proven: list[str] | None,
) -> EndpointOutputs:
    """The endpoint as it is, with its history; one that runs what failed or was never asked is `Unproven`."""
    names = [
        str(variant["VariantName"])
        for variant in cast("list[dict[str, Any]]", found.get("ProductionVariants", []))
    ]
    if not names:
        # An endpoint that is being made says its variants later; its configuration knows them.
        try:
            config = change.describe_config(clients, new.endpoint_config_name)
        except AwsError:
            config = None
        names = [] if config is None else list(change.variants(config))
    url = f"{clients.url('sagemaker-runtime')}/endpoints/{new.name}/invocations"
    live, status = str(found["EndpointConfigName"]), str(found["EndpointStatus"])
    if status == change.IN_SERVICE and proven is not None and live in config_names and live not in proven:
        status = UNPROVEN
    return EndpointOutputs(
        name=new.name,
        region=new.region,
        arn=str(found["EndpointArn"]),
        url=url,
        endpoint_config_name=live,
        status=status,
        variant_names=names,
        config_names=config_names,
        proven_config_names=proven,
    )
