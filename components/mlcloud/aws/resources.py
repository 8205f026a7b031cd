"""The provider's resources of AWS as typed Pulumi resources: inputs as keywords, outputs as attributes.

What each property means is written at the provider's dataclasses (`mlcloud.provider.aws`), which also give
the wire names; a test holds keywords and attributes to them.
"""

from collections.abc import Mapping, Sequence

import pulumi

from mlcloud.provider.aws import batch_training_run as _batch_training_run
from mlcloud.provider.aws import endpoint as _endpoint
from mlcloud.provider.aws import endpoint_revision as _endpoint_revision
from mlcloud.provider.aws import training_run as _training_run
from mlcloud.provider.sdk import ProviderResource


class TrainingRun(ProviderResource):
    """Trains a model on SageMaker once for the same name, data and hyperparameters, behind a metric gate."""

    run_name: pulumi.Output[str] = pulumi.property("runName")
    region: pulumi.Output[str]
    run_arn: pulumi.Output[str] = pulumi.property("runArn")
    logs: pulumi.Output[str]
    status: pulumi.Output[str]
    model_uri: pulumi.Output[str] = pulumi.property("modelUri")
    model_sha256: pulumi.Output[str] = pulumi.property("modelSha256")
    metrics: pulumi.Output[dict[str, float]]
    report: pulumi.Output[str]
    duration_s: pulumi.Output[float] = pulumi.property("durationS")

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        region: pulumi.Input[str],
        data_uri: pulumi.Input[str],
        data_sha256: pulumi.Input[str],
        hyperparameters: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        image_uri: pulumi.Input[str],
        role_arn: pulumi.Input[str],
        models_bucket: pulumi.Input[str],
        gate: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        wait: pulumi.Input[bool] | None = None,
        output_uri: pulumi.Input[str] | None = None,
        instance_type: pulumi.Input[str] | None = None,
        instance_count: pulumi.Input[int] | None = None,
        volume_gb: pulumi.Input[int] | None = None,
        spot: pulumi.Input[bool] | None = None,
        max_wait_s: pulumi.Input[float] | None = None,
        checkpoint_uri: pulumi.Input[str] | None = None,
        subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        kms_key_arn: pulumi.Input[str] | None = None,
        network_isolation: pulumi.Input[bool] | None = None,
        encrypt_between_containers: pulumi.Input[bool] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "region": region,
            "data_uri": data_uri,
            "data_sha256": data_sha256,
            "hyperparameters": hyperparameters,
            "image_uri": image_uri,
            "role_arn": role_arn,
            "models_bucket": models_bucket,
            "gate": gate,
            "timeout_s": timeout_s,
            "wait": wait,
            "output_uri": output_uri,
            "instance_type": instance_type,
            "instance_count": instance_count,
            "volume_gb": volume_gb,
            "spot": spot,
            "max_wait_s": max_wait_s,
            "checkpoint_uri": checkpoint_uri,
            "subnet_ids": subnet_ids,
            "security_group_ids": security_group_ids,
            "kms_key_arn": kms_key_arn,
            "network_isolation": network_isolation,
            "encrypt_between_containers": encrypt_between_containers,
            "tags": tags,
        }
        super().__init__(_training_run.TrainingRun, resource_name, inputs, opts)


class BatchTrainingRun(ProviderResource):
    """Trains a model on the Batch queue once for the same name, data and hyperparameters, behind a gate."""

    run_name: pulumi.Output[str] = pulumi.property("runName")
    region: pulumi.Output[str]
    run_arn: pulumi.Output[str] = pulumi.property("runArn")
    logs: pulumi.Output[str]
    status: pulumi.Output[str]
    model_uri: pulumi.Output[str] = pulumi.property("modelUri")
    model_sha256: pulumi.Output[str] = pulumi.property("modelSha256")
    metrics: pulumi.Output[dict[str, float]]
    report: pulumi.Output[str]
    duration_s: pulumi.Output[float] = pulumi.property("durationS")

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        region: pulumi.Input[str],
        data_uri: pulumi.Input[str],
        data_sha256: pulumi.Input[str],
        hyperparameters: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        job_queue: pulumi.Input[str],
        job_definition: pulumi.Input[str],
        log_group: pulumi.Input[str],
        models_bucket: pulumi.Input[str],
        gate: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        wait: pulumi.Input[bool] | None = None,
        output_uri: pulumi.Input[str] | None = None,
        nodes: pulumi.Input[int] | None = None,
        kms_key_arn: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "region": region,
            "data_uri": data_uri,
            "data_sha256": data_sha256,
            "hyperparameters": hyperparameters,
            "job_queue": job_queue,
            "job_definition": job_definition,
            "log_group": log_group,
            "models_bucket": models_bucket,
            "gate": gate,
            "timeout_s": timeout_s,
            "wait": wait,
            "output_uri": output_uri,
            "nodes": nodes,
            "kms_key_arn": kms_key_arn,
            "tags": tags,
        }
        super().__init__(_batch_training_run.BatchTrainingRun, resource_name, inputs, opts)


class EndpointRevision(ProviderResource):
    """A name for one model and one endpoint configuration: with a content hash, and never the same twice."""

    name: pulumi.Output[str]
    content_sha256: pulumi.Output[str] = pulumi.property("contentSha256")

    def __init__(
        self,
        resource_name: str,
        *,
        prefix: pulumi.Input[str],
        content: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "prefix": prefix,
            "content": content,
        }
        super().__init__(_endpoint_revision.EndpointRevision, resource_name, inputs, opts)


class Endpoint(ProviderResource):
    """Runs an endpoint configuration; an update is proven by what is live, and a rollback fails it."""

    name: pulumi.Output[str]
    region: pulumi.Output[str]
    arn: pulumi.Output[str]
    url: pulumi.Output[str]
    endpoint_config_name: pulumi.Output[str] = pulumi.property("endpointConfigName")
    status: pulumi.Output[str]
    variant_names: pulumi.Output[list[str]] = pulumi.property("variantNames")
    config_names: pulumi.Output[list[str]] = pulumi.property("configNames")
    proven_config_names: pulumi.Output[list[str] | None] = pulumi.property("provenConfigNames")

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        region: pulumi.Input[str],
        endpoint_config_name: pulumi.Input[str],
        model_uri: pulumi.Input[str] | None = None,
        model_sha256: pulumi.Input[str] | None = None,
        alarm_names: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        canary_percent: pulumi.Input[int] | None = None,
        linear_step_percent: pulumi.Input[int] | None = None,
        wait_s: pulumi.Input[float] | None = None,
        termination_wait_s: pulumi.Input[float] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        retained_configs: pulumi.Input[int] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "region": region,
            "endpoint_config_name": endpoint_config_name,
            "model_uri": model_uri,
            "model_sha256": model_sha256,
            "alarm_names": alarm_names,
            "canary_percent": canary_percent,
            "linear_step_percent": linear_step_percent,
            "wait_s": wait_s,
            "termination_wait_s": termination_wait_s,
            "timeout_s": timeout_s,
            "retained_configs": retained_configs,
            "tags": tags,
        }
        super().__init__(_endpoint.Endpoint, resource_name, inputs, opts)
