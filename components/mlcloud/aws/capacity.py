"""What answers an endpoint's requests on AWS: three alternatives, each with no more than SageMaker allows it.

Serverless capacity takes no network, no isolation and no key, because SageMaker refuses them
(https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, "Feature exclusions").
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import sagemaker

from mlcloud.aws.instances import has_local_storage
from mlcloud.aws.metrics import AsynchronousEndpoint, InstanceEndpoint, ServerlessEndpoint
from mlcloud.aws.placement import Placement
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem

# Deployment guardrails demand that the name of a variant never changes
# (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html).
VARIANT_NAME: Final = "main"
# ProductionVariantContainerStartupHealthCheckTimeoutInSeconds in SageMaker's API model.
_STARTUP_S: Final = (60, 3600)
# MemorySizeInMB of https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
_MEMORIES_MB: Final = range(1024, 6145, 1024)


def _memory(value: int) -> Problem | None:
    if value in _MEMORIES_MB:
        return None
    allowed = ", ".join(map(str, _MEMORIES_MB))
    return Problem(path="memory_mb", value=value, allowed=allowed, fix="set it to one of these sizes in MB")


def _placed(placement: Placement | None) -> dict[str, pulumi.Input[str]]:
    if placement is None:
        return {}
    return {
        "subnets": pulumi.Output.json_dumps(placement.subnet_ids),
        "security-groups": pulumi.Output.json_dumps(placement.security_group_ids),
    }


@dataclass(frozen=True, kw_only=True)
class InstanceCapacity:
    """Machines that run all the time.

    Attributes:
        instance_type: SageMaker's name of the machine type. Default ml.m5.large.
        instances: Machines at the beginning, 1 or more; afterwards scaling decides. Default 1.
        placement: Private subnets and security groups. Default: no network of one's own.
        kms_key_arn: Key of the volumes. Types with local storage encrypt it themselves and take none.
        isolated: The container reaches no network. Default: yes.
        startup_timeout_s: Seconds until the server must be healthy, 60 to 3600. Default 300.
    """

    instance_type: str = "ml.m5.large"
    instances: int = 1
    placement: Placement | None = None
    kms_key_arn: pulumi.Input[str] | None = None
    isolated: bool = True
    startup_timeout_s: int = 300

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _STARTUP_S
        validate(
            "The capacity",
            within("instances", self.instances, low=1),
            within("startup_timeout_s", self.startup_timeout_s, low=low, high=high),
        )

    @property
    def volume_key_arn(self) -> pulumi.Input[str] | None:
        """The key that the endpoint's configuration may name."""
        return None if has_local_storage(self.instance_type) else self.kms_key_arn

    @property
    def content(self) -> dict[str, pulumi.Input[str]]:
        """Everything that makes another model or configuration when it changes."""
        return {
            "instance-type": self.instance_type,
            "instances": str(self.instances),
            "isolated": str(self.isolated),
            "startup-timeout-s": str(self.startup_timeout_s),
            **({} if self.volume_key_arn is None else {"kms-key": self.volume_key_arn}),
            **_placed(self.placement),
        }

    def source(self, endpoint_name: pulumi.Input[str]) -> InstanceEndpoint:
        """Return the endpoint as a source of metrics."""
        return InstanceEndpoint(
            endpoint_name=endpoint_name, variant_name=VARIANT_NAME, instance_type=self.instance_type
        )

    def variant(self, model_name: pulumi.Input[str]) -> sagemaker.EndpointConfigurationProductionVariantArgs:
        """Return the production variant that serves a model."""
        return _variant(self.instance_type, self.instances, self.startup_timeout_s, model_name)


@dataclass(frozen=True, kw_only=True)
class ServerlessCapacity:
    """Capacity that SageMaker provides while requests arrive.

    Attributes:
        memory_mb: Memory of a server: 1024, 2048, ... 6144 MB. Default 2048.
        max_concurrency: Most requests that are answered at once, 1 to 200. Default 5.
        provisioned_concurrency: Servers that are kept warm, at most `max_concurrency`. Default: none.
    """

    memory_mb: int = 2048
    max_concurrency: int = 5
    provisioned_concurrency: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The capacity",
            _memory(self.memory_mb),
            within("max_concurrency", self.max_concurrency, low=1, high=200),
            within("provisioned_concurrency", self.provisioned_concurrency, low=1, high=self.max_concurrency),
        )

    @property
    def content(self) -> dict[str, pulumi.Input[str]]:
        """Everything that makes another configuration when it changes."""
        return {
            "memory-mb": str(self.memory_mb),
            "max-concurrency": str(self.max_concurrency),
            "provisioned-concurrency": str(self.provisioned_concurrency),
        }

    def source(self, endpoint_name: pulumi.Input[str]) -> ServerlessEndpoint:
        """Return the endpoint as a source of metrics."""
        return ServerlessEndpoint(endpoint_name=endpoint_name, variant_name=VARIANT_NAME)

    def variant(self, model_name: pulumi.Input[str]) -> sagemaker.EndpointConfigurationProductionVariantArgs:
        """Return the production variant that serves a model."""
        return sagemaker.EndpointConfigurationProductionVariantArgs(
            variant_name=VARIANT_NAME,
            model_name=model_name,
            serverless_config=sagemaker.EndpointConfigurationProductionVariantServerlessConfigArgs(
                memory_size_in_mb=self.memory_mb,
                max_concurrency=self.max_concurrency,
                provisioned_concurrency=self.provisioned_concurrency,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class AsynchronousCapacity:
    """Machines that work off a queue of requests; the answers are written to storage.

    Attributes:
        output_uri: `s3://` prefix of the answers.
        instance_type: SageMaker's name of the machine type. Default ml.m5.large.
        instances: Machines at the beginning, 1 or more; afterwards scaling decides, down to 0. Default 1.
        concurrency: Requests that a machine works on at once, 1 to 1000. Default 4.
        placement: Private subnets and security groups. Default: no network of one's own.
        kms_key_arn: Key of the answers and, where the machine type takes one, of the volumes.
        isolated: The container reaches no network. Default: yes.
        startup_timeout_s: Seconds until the server must be healthy, 60 to 3600. Default 300.
    """

    output_uri: pulumi.Input[str]
    instance_type: str = "ml.m5.large"
    instances: int = 1
    concurrency: int = 4
    placement: Placement | None = None
    kms_key_arn: pulumi.Input[str] | None = None
    isolated: bool = True
    startup_timeout_s: int = 300

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _STARTUP_S
        validate(
            "The capacity",
            within("instances", self.instances, low=1),
            within("concurrency", self.concurrency, low=1, high=1000),
            within("startup_timeout_s", self.startup_timeout_s, low=low, high=high),
        )

    @property
    def volume_key_arn(self) -> pulumi.Input[str] | None:
        """The key that the endpoint's configuration may name."""
        return None if has_local_storage(self.instance_type) else self.kms_key_arn

    @property
    def content(self) -> dict[str, pulumi.Input[str]]:
        """Everything that makes another model or configuration when it changes."""
        return {
            "output": self.output_uri,
            "instance-type": self.instance_type,
            "instances": str(self.instances),
            "concurrency": str(self.concurrency),
            "isolated": str(self.isolated),
            "startup-timeout-s": str(self.startup_timeout_s),
            **({} if self.kms_key_arn is None else {"kms-key": self.kms_key_arn}),
            **_placed(self.placement),
        }

    @property
    def queue(self) -> sagemaker.EndpointConfigurationAsyncInferenceConfigArgs:
        """Where answers go, and how many requests a machine takes at once."""
        return sagemaker.EndpointConfigurationAsyncInferenceConfigArgs(
            output_config=sagemaker.EndpointConfigurationAsyncInferenceConfigOutputConfigArgs(
                s3_output_path=self.output_uri, kms_key_id=self.kms_key_arn
            ),
            client_config=sagemaker.EndpointConfigurationAsyncInferenceConfigClientConfigArgs(
                max_concurrent_invocations_per_instance=self.concurrency
            ),
        )

    def source(self, endpoint_name: pulumi.Input[str]) -> AsynchronousEndpoint:
        """Return the endpoint as a source of metrics."""
        return AsynchronousEndpoint(
            endpoint_name=endpoint_name, variant_name=VARIANT_NAME, instance_type=self.instance_type
        )

    def variant(self, model_name: pulumi.Input[str]) -> sagemaker.EndpointConfigurationProductionVariantArgs:
        """Return the production variant that serves a model."""
        return _variant(self.instance_type, self.instances, self.startup_timeout_s, model_name)


Capacity = InstanceCapacity | ServerlessCapacity | AsynchronousCapacity


def _variant(
    instance_type: str, instances: int, startup_timeout_s: int, model_name: pulumi.Input[str]
) -> sagemaker.EndpointConfigurationProductionVariantArgs:
    return sagemaker.EndpointConfigurationProductionVariantArgs(
        variant_name=VARIANT_NAME,
        model_name=model_name,
        instance_type=instance_type,
        initial_instance_count=instances,
        initial_variant_weight=1.0,
        container_startup_health_check_timeout_in_seconds=startup_timeout_s,
    )
