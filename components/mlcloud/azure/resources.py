"""The provider's resources of Azure as typed Pulumi resources: inputs as keywords, outputs as attributes.

What each property means is written at the provider's dataclasses (`mlcloud.provider.azure`), which also give
the wire names; a test holds keywords and attributes to them.
"""

from collections.abc import Mapping, Sequence

import pulumi

from mlcloud.provider.azure import blob as _blob
from mlcloud.provider.azure import fresh_names as _fresh_names
from mlcloud.provider.azure import provider_registration as _provider_registration
from mlcloud.provider.azure import registry_login as _registry_login
from mlcloud.provider.azure import role_propagation as _role_propagation
from mlcloud.provider.azure import traffic as _traffic
from mlcloud.provider.azure import training_run as _training_run
from mlcloud.provider.azure import unique_name as _unique_name
from mlcloud.provider.sdk import ProviderResource


class AzureTrainingRun(ProviderResource):
    """Trains a model on Azure ML once for the same name, data and hyperparameters, behind a metric gate."""

    run_name: pulumi.Output[str] = pulumi.property("runName")
    subscription: pulumi.Output[str]
    resource_group: pulumi.Output[str] = pulumi.property("resourceGroup")
    workspace: pulumi.Output[str]
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
        subscription: pulumi.Input[str],
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        region: pulumi.Input[str],
        data_uri: pulumi.Input[str],
        data_sha256: pulumi.Input[str],
        hyperparameters: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        environment_id: pulumi.Input[str],
        identity_id: pulumi.Input[str],
        client_id: pulumi.Input[str],
        models_uri: pulumi.Input[str],
        models_datastore: pulumi.Input[str] | None = None,
        gate: pulumi.Input[Mapping[str, pulumi.Input[float]]] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        wait: pulumi.Input[bool] | None = None,
        compute: pulumi.Input[str] | None = None,
        instance_type: pulumi.Input[str] | None = None,
        instances: pulumi.Input[int] | None = None,
        spot: pulumi.Input[bool] | None = None,
        distribution: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "subscription": subscription,
            "resource_group": resource_group,
            "workspace": workspace,
            "region": region,
            "data_uri": data_uri,
            "data_sha256": data_sha256,
            "hyperparameters": hyperparameters,
            "environment_id": environment_id,
            "identity_id": identity_id,
            "client_id": client_id,
            "models_uri": models_uri,
            "models_datastore": models_datastore,
            "gate": gate,
            "timeout_s": timeout_s,
            "wait": wait,
            "compute": compute,
            "instance_type": instance_type,
            "instances": instances,
            "spot": spot,
            "distribution": distribution,
            "tags": tags,
        }
        super().__init__(_training_run.AzureTrainingRun, resource_name, inputs, opts)


class AzureTraffic(ProviderResource):
    """Moves an endpoint's traffic to a deployment in steps, and gives it back when something is wrong."""

    subscription: pulumi.Output[str]
    resource_group: pulumi.Output[str] = pulumi.property("resourceGroup")
    workspace: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    url: pulumi.Output[str]
    deployment: pulumi.Output[str]
    traffic: pulumi.Output[dict[str, int]]
    status: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        subscription: pulumi.Input[str],
        resource_group: pulumi.Input[str],
        workspace: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        deployment: pulumi.Input[str],
        scoring_url: pulumi.Input[str] | None = None,
        model_uri: pulumi.Input[str] | None = None,
        model_sha256: pulumi.Input[str] | None = None,
        alert_rules: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        canary_percent: pulumi.Input[int] | None = None,
        linear_step_percent: pulumi.Input[int] | None = None,
        mirror_percent: pulumi.Input[int] | None = None,
        wait_s: pulumi.Input[float] | None = None,
        termination_wait_s: pulumi.Input[float] | None = None,
        smoke_timeout_s: pulumi.Input[float] | None = None,
        timeout_s: pulumi.Input[float] | None = None,
        endpoint_inputs: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": name,
            "subscription": subscription,
            "resource_group": resource_group,
            "workspace": workspace,
            "endpoint": endpoint,
            "deployment": deployment,
            "scoring_url": scoring_url,
            "model_uri": model_uri,
            "model_sha256": model_sha256,
            "alert_rules": alert_rules,
            "canary_percent": canary_percent,
            "linear_step_percent": linear_step_percent,
            "mirror_percent": mirror_percent,
            "wait_s": wait_s,
            "termination_wait_s": termination_wait_s,
            "smoke_timeout_s": smoke_timeout_s,
            "timeout_s": timeout_s,
            "endpoint_inputs": endpoint_inputs,
        }
        super().__init__(_traffic.AzureTraffic, resource_name, inputs, opts)


class AzureFreshNames(ProviderResource):
    """Refuses names that a deleted vault or workspace still holds, before anything is made."""

    ready: pulumi.Output[bool]

    def __init__(
        self,
        resource_name: str,
        *,
        subscription: pulumi.Input[str],
        region: pulumi.Input[str],
        resource_group: pulumi.Input[str],
        vault: pulumi.Input[str],
        workspace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "subscription": subscription,
            "region": region,
            "resource_group": resource_group,
            "vault": vault,
            "workspace": workspace,
        }
        super().__init__(_fresh_names.AzureFreshNames, resource_name, inputs, opts)


class AzureRegistryLogin(ProviderResource):
    """Exchanges the default credentials for a registry's own token, with which an image is pushed."""

    username: pulumi.Output[str]
    password: pulumi.Output[str]
    expires_s: pulumi.Output[int] = pulumi.property("expiresS")

    def __init__(
        self,
        resource_name: str,
        *,
        login_server: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            _registry_login.AzureRegistryLogin, resource_name, {"login_server": login_server}, opts
        )


class AzureBlob(ProviderResource):
    """A file in a container, uploaded with the default credentials: the account has no shared keys."""

    account: pulumi.Output[str]
    container: pulumi.Output[str]
    key: pulumi.Output[str]
    uri: pulumi.Output[str]
    bytes: pulumi.Output[int]

    def __init__(
        self,
        resource_name: str,
        *,
        account: pulumi.Input[str],
        container: pulumi.Input[str],
        key: pulumi.Input[str],
        path: pulumi.Input[str],
        sha256: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"account": account, "container": container, "key": key, "path": path, "sha256": sha256}
        super().__init__(_blob.AzureBlob, resource_name, inputs, opts)


class AzureUniqueName(ProviderResource):
    """A name that follows from a content and is never given twice."""

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        prefix: pulumi.Input[str],
        content: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            _unique_name.AzureUniqueName, resource_name, {"prefix": prefix, "content": content}, opts
        )


class AzureProviderRegistration(ProviderResource):
    """Registers a subscription for resource providers that no declared resource names."""

    registered: pulumi.Output[Sequence[str]]

    def __init__(
        self,
        resource_name: str,
        *,
        subscription: pulumi.Input[str],
        namespaces: pulumi.Input[Sequence[pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"subscription": subscription, "namespaces": namespaces}
        super().__init__(_provider_registration.AzureProviderRegistration, resource_name, inputs, opts)


class AzureRolePropagation(ProviderResource):
    """Waits once for each new role assignment; makes and asks nothing."""

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
        super().__init__(_role_propagation.AzureRolePropagation, resource_name, inputs, opts)
