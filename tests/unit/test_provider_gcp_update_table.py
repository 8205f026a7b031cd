"""What a changed input does: in place where Google's documents allow it, another where they say immutable."""

import pytest
from mlcloud.provider.fields import fields_of
from mlcloud.provider.gcp import deployed_model
from mlcloud.provider.gcp.model_deployment_inputs import VertexModelDeploymentInputs
from mlcloud.provider.gcp.model_inputs import VertexModelInputs
from mlcloud.provider.gcp.training_inputs import VertexTrainingRunInputs
from support import provider_gcp_cloud as gcp
from support.judges.gcp.calls import words_of
from support.judges.gcp.documents import schema

# Each input of a model that becomes a field of the documents.
MODEL_FIELDS = {
    "image_uri": ("ModelContainerSpec", "imageUri"),
    "artifact_uri": ("Model", "artifactUri"),
    "predict_route": ("ModelContainerSpec", "predictRoute"),
    "health_route": ("ModelContainerSpec", "healthRoute"),
    "port": ("ModelContainerSpec", "ports"),
    "env": ("ModelContainerSpec", "env"),
    "command": ("ModelContainerSpec", "command"),
    "args": ("ModelContainerSpec", "args"),
    "liveness_route": ("ModelContainerSpec", "livenessProbe"),
    "probe_period_s": ("ModelContainerSpec", "healthProbe"),
    "probe_timeout_s": ("ModelContainerSpec", "healthProbe"),
    "probe_failures": ("ModelContainerSpec", "healthProbe"),
    "startup_s": ("ModelContainerSpec", "startupProbe"),
    "start_timeout_s": ("ModelContainerSpec", "deploymentTimeout"),
    "shared_memory_mb": ("ModelContainerSpec", "sharedMemorySizeMb"),
    "display_name": ("Model", "displayName"),
    "description": ("Model", "versionDescription"),
    "aliases": ("Model", "versionAliases"),
    "labels": ("Model", "labels"),
}
# `models.patch` takes names and labels alone (UpdateModelRequest), and an upload decides the rest.
NOT_IN_THE_DOCUMENTS = {
    "project": True,
    "region": True,
    "model_id": True,
    "kms_key_name": True,
    "undeploy_wait_s": False,
    "grant_wait_s": False,
}


def test_a_models_inputs_replace_it_where_the_documents_say_immutable() -> None:
    replaces = {field.name: field.options.replace for field in fields_of(VertexModelInputs)}
    assert set(replaces) == {*MODEL_FIELDS, *NOT_IN_THE_DOCUMENTS}
    for name, (owner, member) in MODEL_FIELDS.items():
        described = schema("aiplatform", owner)["properties"][member]
        assert replaces[name] == ("Immutable" in words_of(described["description"])), name
    for name, expected in NOT_IN_THE_DOCUMENTS.items():
        assert replaces[name] is expected, name


def deployment(**changed: object) -> VertexModelDeploymentInputs:
    given: dict[str, object] = {
        "name": "churn",
        "project": gcp.PROJECT,
        "region": gcp.REGION,
        "endpoint": f"{gcp.LOCATION}/endpoints/7",
        "model": f"{gcp.LOCATION}/models/churn@1",
        "machine_type": "n1-standard-2",
    }
    return VertexModelDeploymentInputs(**{**given, **changed})  # type: ignore[arg-type]


BESIDE = {
    "model": f"{gcp.LOCATION}/models/churn@2",
    "machine_type": "n1-standard-4",
    "accelerator_type": "NVIDIA_L4",
    "accelerator_count": 2,
    "spot": True,
    "service_account": "serve@p.iam.gserviceaccount.com",
    "access_logs": True,
}
IN_IT = {"min_replicas": 3, "max_replicas": 4, "scaling": {"cpu": 5}, "container_logs": False}
HOW = {
    "model_uri": "gs://models/a/",
    "model_sha256": "f" * 64,
    "alert_policies": ["projects/p/alertPolicies/1"],
    "canary_percent": 10,
    "linear_step_percent": 10,
    "trial_percent": 10,
    "wait_s": 5.0,
    "termination_wait_s": 5.0,
    "smoke_timeout_s": 5.0,
    "timeout_s": 5.0,
    "grant_wait_s": 5.0,
}


def test_every_input_of_a_deployment_has_its_effect() -> None:
    replaces = {field.name for field in fields_of(VertexModelDeploymentInputs) if field.options.replace}
    assert replaces == {"name", "project", "region", "endpoint"}
    known = {field.name for field in fields_of(VertexModelDeploymentInputs)}
    assert known == {*replaces, *BESIDE, *IN_IT, *HOW}


@pytest.mark.parametrize("name", BESIDE)
def test_what_cannot_change_in_a_deployed_model_makes_one_beside_it(name: str) -> None:
    changed = deployment(**{name: BESIDE[name]})
    assert deployed_model.identifier(changed) != deployed_model.identifier(deployment())


@pytest.mark.parametrize("name", [*IN_IT, *HOW])
def test_what_can_change_as_it_runs_or_says_how_keeps_the_deployed_model(name: str) -> None:
    changed = deployment(**{name: {**IN_IT, **HOW}[name]})
    assert deployed_model.identifier(changed) == deployed_model.identifier(deployment())


def test_what_is_mutated_as_it_runs_is_what_the_documents_list() -> None:
    described = schema("aiplatform", "MutateDeployedModelRequest")["properties"]["deployedModel"]
    live = {"dedicatedResources": {}, "disableContainerLogging": True}
    wanted = deployment(scaling={"cpu": 50})
    endpoint = deployed_model.Endpoint(
        content={"deployedModels": [{"id": deployed_model.identifier(wanted), **live}]}
    )
    mask = deployed_model.changes(endpoint, wanted)
    assert len(mask) == 4
    for path in mask:
        assert f"`{path.rpartition('.')[2]}`" in described["description"] or (
            path.rpartition(".")[2] in described["description"]
        ), path


def test_a_deployed_models_identifier_has_the_form_of_the_documents() -> None:
    # 1 to 10 digits; it follows from the inputs, so that a lost answer is found again.
    identifiers = {deployed_model.identifier(deployment(model=f"m@{number}")) for number in range(200)}
    assert len(identifiers) == 200
    assert all(len(item) == 10 and item.isdigit() and item[0] != "0" for item in identifiers)


def test_a_runs_identity_alone_replaces_it() -> None:
    replaces = {field.name for field in fields_of(VertexTrainingRunInputs) if field.options.replace}
    identity = {"name", "project", "region", "data_sha256", "hyperparameters", "models_bucket"}
    assert replaces == identity
