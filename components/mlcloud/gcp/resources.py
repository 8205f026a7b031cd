"""The provider's resources of GCP as typed Pulumi resources: inputs as keywords, outputs as attributes.

What each property means is written at the provider's dataclasses (`mlcloud.provider.gcp`), which also give
the wire names; a test holds keywords and attributes to them.
"""

from collections.abc import Mapping, Sequence

import pulumi

from mlcloud.provider.gcp import iam_propagation as _iam_propagation
from mlcloud.provider.gcp import model as _model
from mlcloud.provider.gcp import model_deployment as _model_deployment
from mlcloud.provider.gcp import training_run as _training_run
from mlcloud.provider.sdk import ProviderResource


class VertexTrainingRun(ProviderResource):
    """Trains a model on Vertex AI once for the same name, data and hyperparameters, behind a metric gate."""

    run_name: pulumi.Output[str] = pulumi.property("runName")
    project: pulumi.Output[str]
    region: pulumi.Output[str]
    job: pulumi.Output[str]
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
        project: pulumi.Input[str],
        region: pulumi.Input[str],
        data_uri: pulumi.Input[str],
        data_sha256: pulumi.Input[str],
        hyperparameters: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        image_uri: pulumi.Input[str],
        service_account: pulumi.Input[str],
        models_bucket: pulumi.Input[str],
        gate: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        wait: pulumi.Input[bool] | None = None,
        output_uri: pulumi.Input[str] | None = None,
        machine_type: pulumi.Input[str] | None = None,
        accelerator_type: pulumi.Input[str] | None = None,
        accelerator_count: pulumi.Input[int] | None = None,
        replica_count: pulumi.Input[int] | None = None,
        disk_gb: pulumi.Input[int] | None = None,
        spot: pulumi.Input[bool] | None = None,
        restart_on_worker_restart: pulumi.Input[bool] | None = None,
        persistent_resource: pulumi.Input[str] | None = None,
        network: pulumi.Input[str] | None = None,
        network_attachment: pulumi.Input[str] | None = None,
        kms_key_name: pulumi.Input[str] | None = None,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        grant_wait_s: pulumi.Input[float] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "project": project,
            "region": region,
            "data_uri": data_uri,
            "data_sha256": data_sha256,
            "hyperparameters": hyperparameters,
            "image_uri": image_uri,
            "service_account": service_account,
            "models_bucket": models_bucket,
            "gate": gate,
            "timeout_s": timeout_s,
            "wait": wait,
            "output_uri": output_uri,
            "machine_type": machine_type,
            "accelerator_type": accelerator_type,
            "accelerator_count": accelerator_count,
            "replica_count": replica_count,
            "disk_gb": disk_gb,
            "spot": spot,
            "restart_on_worker_restart": restart_on_worker_restart,
            "persistent_resource": persistent_resource,
            "network": network,
            "network_attachment": network_attachment,
            "kms_key_name": kms_key_name,
            "labels": labels,
            "grant_wait_s": grant_wait_s,
        }
        super().__init__(_training_run.VertexTrainingRun, resource_name, inputs, opts)


class VertexModel(ProviderResource):
    """A version of a model: another content makes another version, labels and aliases change in place."""

    project: pulumi.Output[str]
    region: pulumi.Output[str]
    name: pulumi.Output[str]
    version_id: pulumi.Output[str] = pulumi.property("versionId")
    version_name: pulumi.Output[str] = pulumi.property("versionName")
    content_sha256: pulumi.Output[str] = pulumi.property("contentSha256")
    claim: pulumi.Output[str]
    status: pulumi.Output[str]
    undeploy_wait_s: pulumi.Output[float] = pulumi.property("undeployWaitS")

    def __init__(
        self,
        resource_name: str,
        *,
        project: pulumi.Input[str],
        region: pulumi.Input[str],
        model_id: pulumi.Input[str],
        image_uri: pulumi.Input[str],
        artifact_uri: pulumi.Input[str] | None = None,
        predict_route: pulumi.Input[str] | None = None,
        health_route: pulumi.Input[str] | None = None,
        port: pulumi.Input[int] | None = None,
        env: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        args: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        liveness_route: pulumi.Input[str] | None = None,
        probe_period_s: pulumi.Input[int] | None = None,
        probe_timeout_s: pulumi.Input[int] | None = None,
        probe_failures: pulumi.Input[int] | None = None,
        startup_s: pulumi.Input[int] | None = None,
        start_timeout_s: pulumi.Input[int] | None = None,
        shared_memory_mb: pulumi.Input[int] | None = None,
        kms_key_name: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        description: pulumi.Input[str] | None = None,
        aliases: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        undeploy_wait_s: pulumi.Input[float] | None = None,
        grant_wait_s: pulumi.Input[float] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "project": project,
            "region": region,
            "model_id": model_id,
            "image_uri": image_uri,
            "artifact_uri": artifact_uri,
            "predict_route": predict_route,
            "health_route": health_route,
            "port": port,
            "env": env,
            "command": command,
            "args": args,
            "liveness_route": liveness_route,
            "probe_period_s": probe_period_s,
            "probe_timeout_s": probe_timeout_s,
            "probe_failures": probe_failures,
            "startup_s": startup_s,
            "start_timeout_s": start_timeout_s,
            "shared_memory_mb": shared_memory_mb,
            "kms_key_name": kms_key_name,
            "display_name": display_name,
            "description": description,
            "aliases": aliases,
            "labels": labels,
            "undeploy_wait_s": undeploy_wait_s,
            "grant_wait_s": grant_wait_s,
        }
        super().__init__(_model.VertexModel, resource_name, inputs, opts)


class VertexModelDeployment(ProviderResource):
    """Serves a version of a model; another version or machine is deployed beside it before it goes."""

    name: pulumi.Output[str]
    project: pulumi.Output[str]
    region: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    url: pulumi.Output[str]
    deployed_model_id: pulumi.Output[str] = pulumi.property("deployedModelId")
    model: pulumi.Output[str]
    traffic: pulumi.Output[dict[str, int]]
    status: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        project: pulumi.Input[str],
        region: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        model: pulumi.Input[str],
        machine_type: pulumi.Input[str],
        accelerator_type: pulumi.Input[str] | None = None,
        accelerator_count: pulumi.Input[int] | None = None,
        min_replicas: pulumi.Input[int] | None = None,
        max_replicas: pulumi.Input[int] | None = None,
        scaling: pulumi.Input[Mapping[str, pulumi.Input[int]]] | None = None,
        spot: pulumi.Input[bool] | None = None,
        service_account: pulumi.Input[str] | None = None,
        container_logs: pulumi.Input[bool] | None = None,
        access_logs: pulumi.Input[bool] | None = None,
        model_uri: pulumi.Input[str] | None = None,
        model_sha256: pulumi.Input[str] | None = None,
        alert_policies: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        canary_percent: pulumi.Input[int] | None = None,
        linear_step_percent: pulumi.Input[int] | None = None,
        trial_percent: pulumi.Input[int] | None = None,
        wait_s: pulumi.Input[float] | None = None,
        termination_wait_s: pulumi.Input[float] | None = None,
        smoke_timeout_s: pulumi.Input[float] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        grant_wait_s: pulumi.Input[float] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "project": project,
            "region": region,
            "endpoint": endpoint,
            "model": model,
            "machine_type": machine_type,
            "accelerator_type": accelerator_type,
            "accelerator_count": accelerator_count,
            "min_replicas": min_replicas,
            "max_replicas": max_replicas,
            "scaling": scaling,
            "spot": spot,
            "service_account": service_account,
            "container_logs": container_logs,
            "access_logs": access_logs,
            "model_uri": model_uri,
            "model_sha256": model_sha256,
            "alert_policies": alert_policies,
            "canary_percent": canary_percent,
            "linear_step_percent": linear_step_percent,
            "trial_percent": trial_percent,
            "wait_s": wait_s,
            "termination_wait_s": termination_wait_s,
            "smoke_timeout_s": smoke_timeout_s,
            "timeout_s": timeout_s,
            "grant_wait_s": grant_wait_s,
        }
        super().__init__(_model_deployment.VertexModelDeployment, resource_name, inputs, opts)


class IamPropagation(ProviderResource):
    """Waits once for each new grant; makes and asks nothing."""

    seen: pulumi.Output[Sequence[str]]

    def __init__(
        self,
        resource_name: str,
        *,
        grants: pulumi.Input[Sequence[pulumi.Input[str]]],
        wait_s: pulumi.Input[float] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"grants": grants, "wait_s": wait_s}
        super().__init__(_iam_propagation.IamPropagation, resource_name, inputs, opts)
