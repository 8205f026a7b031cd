"""The local cloud's resources as typed Pulumi resources: inputs as keywords, outputs as attributes.

What each property means is written at the provider's dataclasses (`mlcloud.provider.local`), which also give
the wire names; a test holds keywords and attributes to them.
"""

from collections.abc import Mapping, Sequence

import pulumi

from mlcloud.provider.fields import wire_values
from mlcloud.provider.local import bucket as _bucket
from mlcloud.provider.local import bucket_object as _bucket_object
from mlcloud.provider.local import endpoint as _endpoint
from mlcloud.provider.local import model_version as _model_version
from mlcloud.provider.local import monitor_resource as _monitor
from mlcloud.provider.local import training_run as _training_run
from mlcloud.provider.local.alarms import Rule
from mlcloud.provider.sdk import ProviderResource


class Bucket(ProviderResource):
    """A directory that holds objects, like a bucket of a cloud."""

    directory: pulumi.Output[str]
    uri: pulumi.Output[str]
    force_destroy: pulumi.Output[bool] = pulumi.property("forceDestroy")

    def __init__(
        self,
        resource_name: str,
        *,
        directory: pulumi.Input[str],
        force_destroy: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "directory": directory,
            "force_destroy": force_destroy,
        }
        super().__init__(_bucket.Bucket, resource_name, inputs, opts)


class BucketObject(ProviderResource):
    """A file in a bucket, content-addressed."""

    bucket: pulumi.Output[str]
    key: pulumi.Output[str]
    uri: pulumi.Output[str]
    path: pulumi.Output[str]
    sha256: pulumi.Output[str]
    bytes: pulumi.Output[int]

    def __init__(
        self,
        resource_name: str,
        *,
        bucket: pulumi.Input[str],
        source: pulumi.Input[str],
        sha256: pulumi.Input[str],
        prefix: pulumi.Input[str] | None = None,
        suffix: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "bucket": bucket,
            "source": source,
            "sha256": sha256,
            "prefix": prefix,
            "suffix": suffix,
        }
        super().__init__(_bucket_object.BucketObject, resource_name, inputs, opts)


class TrainingRun(ProviderResource):
    """Trains a model once for the same name, data and hyperparameters, and lets it pass a metric gate."""

    run_name: pulumi.Output[str] = pulumi.property("runName")
    run_directory: pulumi.Output[str] = pulumi.property("runDirectory")
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
        data_uri: pulumi.Input[str],
        data_sha256: pulumi.Input[str],
        hyperparameters: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        models_bucket: pulumi.Input[str],
        runs_directory: pulumi.Input[str],
        gate: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        wait: pulumi.Input[bool] | None = None,
        command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "data_uri": data_uri,
            "data_sha256": data_sha256,
            "hyperparameters": hyperparameters,
            "models_bucket": models_bucket,
            "runs_directory": runs_directory,
            "gate": gate,
            "timeout_s": timeout_s,
            "wait": wait,
            "command": command,
        }
        super().__init__(_training_run.TrainingRun, resource_name, inputs, opts)


class ModelVersion(ProviderResource):
    """Registers a model that is there and is the one meant."""

    name: pulumi.Output[str]
    version: pulumi.Output[str]
    uri: pulumi.Output[str]
    sha256: pulumi.Output[str]
    stage: pulumi.Output[str]
    metrics: pulumi.Output[dict[str, float]]
    entry: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        registry_directory: pulumi.Input[str],
        model_uri: pulumi.Input[str],
        model_sha256: pulumi.Input[str],
        metrics: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        stage: pulumi.Input[str] | None = None,
        version: pulumi.Input[str] | None = None,
        run: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "registry_directory": registry_directory,
            "model_uri": model_uri,
            "model_sha256": model_sha256,
            "metrics": metrics,
            "stage": stage,
            "version": version,
            "run": run,
        }
        super().__init__(_model_version.ModelVersion, resource_name, inputs, opts)


class Endpoint(ProviderResource):
    """Serves a model; a new version takes over only after it has answered health and a smoke prediction."""

    name: pulumi.Output[str]
    url: pulumi.Output[str]
    port: pulumi.Output[int]
    model_uri: pulumi.Output[str] = pulumi.property("modelUri")
    model_sha256: pulumi.Output[str] = pulumi.property("modelSha256")
    model_version: pulumi.Output[str] = pulumi.property("modelVersion")
    replicas: pulumi.Output[int]
    max_replicas: pulumi.Output[int | None] = pulumi.property("maxReplicas")
    status: pulumi.Output[str]
    directory: pulumi.Output[str]
    logs: pulumi.Output[str]
    drain_timeout_s: pulumi.Output[float] = pulumi.property("drainTimeoutS")

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        directory: pulumi.Input[str],
        model_uri: pulumi.Input[str],
        model_sha256: pulumi.Input[str],
        model_version: pulumi.Input[str] | None = None,
        port: pulumi.Input[int] | None = None,
        replicas: pulumi.Input[int] | None = None,
        max_replicas: pulumi.Input[int] | None = None,
        target_in_flight: pulumi.Input[float] | None = None,
        scale_in_after_s: pulumi.Input[float] | None = None,
        start_timeout_s: pulumi.Input[float] | None = None,
        drain_timeout_s: pulumi.Input[float] | None = None,
        environment: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        canary_percent: pulumi.Input[int] | None = None,
        linear_step_percent: pulumi.Input[int] | None = None,
        wait_s: pulumi.Input[float] | None = None,
        alarms: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "directory": directory,
            "model_uri": model_uri,
            "model_sha256": model_sha256,
            "model_version": model_version,
            "port": port,
            "replicas": replicas,
            "max_replicas": max_replicas,
            "target_in_flight": target_in_flight,
            "scale_in_after_s": scale_in_after_s,
            "start_timeout_s": start_timeout_s,
            "drain_timeout_s": drain_timeout_s,
            "environment": environment,
            "command": command,
            "canary_percent": canary_percent,
            "linear_step_percent": linear_step_percent,
            "wait_s": wait_s,
            "alarms": alarms,
        }
        super().__init__(_endpoint.Endpoint, resource_name, inputs, opts)


class Monitor(ProviderResource):
    """Watches an endpoint by rules, tells of alarms, and serves a status page."""

    name: pulumi.Output[str]
    url: pulumi.Output[str]
    port: pulumi.Output[int]
    alarms: pulumi.Output[str]
    history: pulumi.Output[str]
    status: pulumi.Output[str]
    directory: pulumi.Output[str]
    logs: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        directory: pulumi.Input[str],
        project: pulumi.Input[str],
        stack: pulumi.Input[str],
        endpoint_directory: pulumi.Input[str],
        runs_directory: pulumi.Input[str],
        registry_directory: pulumi.Input[str],
        rules: Sequence[Rule] | None = None,
        title: pulumi.Input[str] | None = None,
        webhook: pulumi.Input[str] | None = None,
        command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        command_directory: pulumi.Input[str] | None = None,
        port: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "directory": directory,
            "project": project,
            "stack": stack,
            "endpoint_directory": endpoint_directory,
            "runs_directory": runs_directory,
            "registry_directory": registry_directory,
            # Nested keys have their wire names already; what is in a map stays as it is.
            "rules": None if rules is None else [wire_values(rule) for rule in rules],
            "title": title,
            # It may hold a token, whether the program says so or not.
            "webhook": None if webhook is None else pulumi.Output.secret(webhook),
            "command": command,
            "command_directory": command_directory,
            "port": port,
        }
        super().__init__(_monitor.Monitor, resource_name, inputs, opts)
