"""The whole stack on this machine, in the order in which the data flows."""

from collections.abc import Mapping
from typing import Any

from mlcloud.core.args import TrainingArgs
from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile
from mlcloud.core.settings import InstanceCapacity, ModelPin, Settings
from mlcloud.core.trainingdata import training_data
from mlcloud.local.endpoint import LocalEndpoint, LocalEndpointArgs
from mlcloud.local.models import LocalModel, LocalModelArgs
from mlcloud.local.monitoring import LocalMonitoring, LocalMonitoringArgs
from mlcloud.local.scaling import InstanceScaling
from mlcloud.local.scope import LocalScope
from mlcloud.local.storage import LocalStorage, LocalStorageArgs
from mlcloud.local.training import LocalTraining, LocalTrainingArgs
from mlcloud.local.watches import InstanceWatch


def build(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare a local stack: storage, monitoring, training run, model version, endpoint.

    Raises:
        UserError: the data file cannot be used; nothing was declared.
    """
    data = training_data(settings, context)
    scope = LocalScope.of(context)
    storage = LocalStorage("storage", LocalStorageArgs(scope=scope, data=data))
    # Before what it watches: it sees a run that fails, and an update that goes wrong.
    monitoring = _monitoring(settings, context, scope)
    training = _training(settings, scope, storage, data)
    model = _live_model(settings, scope, training)
    endpoint = LocalEndpoint(
        "endpoint",
        LocalEndpointArgs(
            scope=scope,
            model_uri=model.uri,
            model_sha256=model.sha256,
            model_version=model.version,
            port=settings.endpoint.port,
            replicas=_replicas(settings),
            scaling=_scaling(settings),
            rollout=settings.endpoint.rollout,
            alarms=monitoring.alarms,
        ),
    )
    outputs: dict[str, Any] = {
        "cloud": context.cloud,
        "endpoint_logs": endpoint.logs,
        "endpoint_name": endpoint.name,
        "endpoint_url": endpoint.url,
        "model_name": model.name,
        "model_sha256": model.sha256,
        "model_uri": model.uri,
        "model_version": endpoint.model_version,
        "models_bucket": storage.models.directory,
        "registry": model.registry,
        "replicas": _replicas(settings),
        "alarms": monitoring.alarms,
        "status_page": monitoring.url,
    }
    if training is not None:
        outputs |= {
            "metrics": training.metrics,
            "report": training.report,
            "training_logs": training.logs,
            "training_run": training.name,
        }
    return outputs


def _monitoring(settings: Settings, context: StackContext, scope: LocalScope) -> LocalMonitoring:
    monitoring = settings.monitoring
    return LocalMonitoring(
        "monitoring",
        LocalMonitoringArgs(
            scope=scope,
            # Half of the latency that 1 % may take, for the median.
            watch=InstanceWatch(
                error_percent=monitoring.error_percent,
                latency_p99_ms=monitoring.latency_p99_ms,
                latency_p50_ms=monitoring.latency_p99_ms / 2,
            ),
            webhook=monitoring.webhook,
            command=monitoring.command,
            command_directory=context.root,
            port=monitoring.port,
        ),
    )


def _training(
    settings: Settings, scope: LocalScope, storage: LocalStorage, data: DataFile | None
) -> LocalTraining | None:
    """Declare the run; a stack that only serves a pinned model has none."""
    if settings.training is None or data is None or storage.data_object is None:
        return None
    return LocalTraining(
        "training",
        LocalTrainingArgs(
            scope=scope,
            training=TrainingArgs.of(settings.training),
            data_uri=storage.data_object.uri,
            data_sha256=data.sha256,
            models_bucket=storage.models.directory,
            runs_directory=storage.runs.directory,
            wait=settings.training.wait,
        ),
    )


def _live_model(settings: Settings, scope: LocalScope, training: LocalTraining | None) -> LocalModel:
    """Declare the live model: the pinned one, or what the run produced."""
    if isinstance(settings.model, ModelPin):
        pin = settings.model
        args = LocalModelArgs(
            scope=scope,
            model_name=pin.name,
            uri=pin.uri,
            sha256=pin.sha256,
            version=pin.version,
        )
    else:
        assert training is not None  # noqa: S101 - the settings demand a run where the model is not pinned
        args = LocalModelArgs(
            scope=scope,
            model_name=scope.name("local-endpoint"),
            uri=training.model_uri,
            sha256=training.model_sha256,
            metrics=training.metrics,
            run=training.name,
        )
    return LocalModel("model", args)


def _replicas(settings: Settings) -> int:
    capacity = settings.endpoint.capacity
    return capacity.min if isinstance(capacity, InstanceCapacity) else 1


def _scaling(settings: Settings) -> InstanceScaling | None:
    capacity = settings.endpoint.capacity
    most = capacity.max if isinstance(capacity, InstanceCapacity) else None
    return None if most is None or most == _replicas(settings) else InstanceScaling(max=most)
