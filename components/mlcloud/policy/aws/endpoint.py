"""Controls of SageMaker's models and endpoint configurations."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.aws.instances import has_local_storage
from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import PROD, at_least, each, expect, is_given, is_not_true, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

MODEL: Final = "aws:sagemaker/model:Model"
CONFIGURATION: Final = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html
_SUBNETS_MAX: Final = 16
_GROUPS_MAX: Final = 5


def _variants(configuration: Resource) -> list[tuple[int, dict[str, Any]]]:
    given: Any = configuration.inputs.get("productionVariants")
    listed = cast("list[Any]", given) if isinstance(given, list) else []
    return [(index, one) for index, one in enumerate(listed) if isinstance(one, dict)]


def is_serverless(resource: Resource, declared: Declared) -> bool:
    """Return whether a configuration, or one that serves a model, has no machines of its own."""
    if resource.type == MODEL:
        configurations = [one for one in declared.all(CONFIGURATION) if resource.urn in one.dependencies]
        return any(is_serverless(one, declared) for one in configurations)
    return any("serverlessConfig" in variant for _, variant in _variants(resource))


def _on_machines(configuration: Resource, declared: Declared) -> bool:
    return not is_serverless(configuration, declared)


def _takes_a_volume_key(configuration: Resource, declared: Declared) -> bool:
    """Return whether SageMaker takes a key: not for serverless, not for machines with disks of their own."""
    types = [variant.get("instanceType") for _, variant in _variants(configuration)]
    named = [one for one in types if isinstance(one, str) and one != UNKNOWN]
    return _on_machines(configuration, declared) and not any(map(has_local_storage, named))


def _writes(configuration: Resource, _declared: Declared) -> bool:
    return any(key in configuration.inputs for key in ("dataCaptureConfig", "asyncInferenceConfig"))


def _written_with_a_key(configuration: Resource, declared: Declared) -> Iterator[Problem]:
    paths = {
        "dataCaptureConfig": "dataCaptureConfig.kmsKeyId",
        "asyncInferenceConfig": "asyncInferenceConfig.outputConfig.kmsKeyId",
    }
    for key, path in paths.items():
        if key in configuration.inputs:
            yield from expect(path, is_given, "the ARN of a key of one's own")(configuration, declared)


def _number_of_items(path: str, low: int, high: int, what: str) -> Any:
    def accept(value: Any) -> bool:
        return isinstance(value, list) and low <= len(cast("list[Any]", value)) <= high

    return expect(path, accept, f"{low} to {high} {what}")


def _enough_machines(configuration: Resource, declared: Declared) -> Iterator[Problem]:
    if configuration.value("productionVariants") in (UNKNOWN, ABSENT):
        yield problem("productionVariants", configuration.value("productionVariants"), "variants")
        return
    yield from expect(
        "productionVariants[*].initialInstanceCount",
        at_least(2),
        "2 or more",
        "set `mlcloud:endpoint.capacity.min` to 2 or more",
    )(configuration, declared)


CONTROLS: Final = (
    Control(
        id="endpoint-model-isolation",
        sources=["SageMaker.5", "CKV_AWS_370"],
        title="A model's container reaches no network",
        severity="high",
        why="What is asked could be sent anywhere by any library in the image.",
        types=[MODEL],
        judge=expect("enableNetworkIsolation", is_true, "true"),
    ),
    Control(
        id="endpoint-model-network",
        sources=["prowler sagemaker_models_vpc_settings_configured"],
        title="Models are served from private subnets in two zones or more",
        severity="medium",
        why="Models come over AWS's public addresses, and a zone that fails takes the endpoint with it.",
        types=[MODEL],
        judge=each(
            _number_of_items("vpcConfig.subnets", 2, _SUBNETS_MAX, "private subnets, in different zones"),
            _number_of_items("vpcConfig.securityGroupIds", 1, _GROUPS_MAX, "security groups"),
        ),
    ),
    Control(
        id="endpoint-machines",
        sources=["SageMaker.4", "prowler sagemaker_endpoint_config_prod_variant_instances"],
        title="In prod, two machines or more serve",
        severity="medium",
        why="One machine that fails is an endpoint that is down.",
        types=[CONFIGURATION],
        judge=_enough_machines,
        applies=_on_machines,
        environments=PROD,
    ),
    Control(
        id="endpoint-volume-key",
        sources=[
            "CKV_AWS_98",
            "cdk-nag SageMakerEndpointConfigurationKMSKeyConfigured",
            "SAGEMAKER_ENDPOINT_CONFIGURATION_KMS_KEY_CONFIGURED",
        ],
        title="Machines' volumes are encrypted with a key of one's own",
        severity="medium",
        why="The model lies on a disk that is given to somebody else later.",
        types=[CONFIGURATION],
        judge=expect("kmsKeyArn", is_given, "the ARN of a key of one's own"),
        applies=_takes_a_volume_key,
    ),
    Control(
        id="endpoint-written-data-key",
        sources=["own"],
        title="Captured requests and asynchronous answers are encrypted with a key of one's own",
        severity="medium",
        why="They hold what people asked.",
        types=[CONFIGURATION],
        judge=_written_with_a_key,
        applies=_writes,
    ),
    Control(
        id="endpoint-no-shell",
        sources=["own"],
        title="Nobody opens a shell in a container that serves",
        severity="medium",
        why="A shell sees every request and the model.",
        types=[CONFIGURATION],
        judge=expect("productionVariants[*].enableSsmAccess", is_not_true, "not set, or false"),
    ),
)
