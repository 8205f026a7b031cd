"""What a stack needs of a GCP project; every call and answer is held to Google's own client of the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlcloud.cli.__main__ import main
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck, check_quotas
from mlcloud.core.settings import Settings
from mlcloud.gcp.instances import ACCELERATORS
from mlcloud.gcp.quotas import demands
from support import provider_gcp_cloud as gcp

# The client's modules take ten seconds to load on a busy machine.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
TRAINING, SERVING = "custom_model_training_cpus", "custom_model_serving_cpus"
SPOT = "custom_model_training_preemptible_cpus"
PLENTY = {TRAINING: 999, SERVING: 999, SPOT: 999}
CONFIG = {"gcp:project": gcp.PROJECT}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path) as started:
        yield started


def settings(**more: Any) -> Settings:
    given = {
        "cloud": "gcp",
        "region": gcp.REGION,
        "data": {"path": "a.csv"},
        "training": {"estimator": "svm", "target": "y"},
    }
    return Settings.model_validate({**given, **more})


def found(**more: Any) -> list[QuotaCheck]:
    return list(check_quotas(settings(**more), CONFIG))


def training(**compute: Any) -> dict[str, Any]:
    return {"estimator": "svm", "target": "y", "compute": compute}


def needs(**more: Any) -> dict[str, float]:
    return {demand.metrics[0]: demand.needed for demand in demands(settings(**more))}


def test_an_endpoint_needs_its_machines_twice_while_an_update_moves_the_traffic(project: gcp.Cloud) -> None:
    project.quotas.has({TRAINING: 4, SERVING: 10})
    run, endpoint = found(endpoint={"capacity": {"min": 1, "max": 4}})
    assert (endpoint.quota, endpoint.needed, endpoint.allowed) == ("Custom model serving cpus", 2 * 4 * 2, 10)
    assert endpoint.missing == 6
    assert endpoint.fix == (
        f"gcloud quotas preferences create --service=aiplatform.googleapis.com --project={gcp.PROJECT} "
        f"--quota-id=CustomModelServingCpusPerProjectPerRegion --dimensions=region={gcp.REGION} "
        "--preferred-value=16"
    )
    assert (run.needed, run.missing, run.fix) == (4, 0, "")


def test_the_regions_own_value_is_meant_before_that_of_all_regions(project: gcp.Cloud) -> None:
    project.quotas.has({TRAINING: 42, SERVING: 8})
    project.quotas.has({SERVING: 2}, "us-central1")
    project.quotas.has({TRAINING: 1}, gcp.REGION)
    assert [check.allowed for check in found()] == [1, 8]


def test_a_value_that_is_left_out_is_zero_and_minus_one_is_no_limit(project: gcp.Cloud) -> None:
    project.quotas.has({TRAINING: 0, SERVING: -1})
    run, endpoint = found()
    assert (run.allowed, run.missing) == (0, 4)
    assert (endpoint.missing, endpoint.fix) == (0, "")


@pytest.mark.parametrize(
    ("compute", "needed"),
    [
        ({"instances": 3}, {TRAINING: 12}),
        ({"spot": True}, {SPOT: 4}),
        ({"instance_type": "n2-standard-8"}, {"custom_model_training_n2_cpus": 8}),
        (
            {"instance_type": "g2-standard-24", "instances": 2},
            {"custom_model_training_g2_cpus": 48, "custom_model_training_nvidia_l4_gpus": 4},
        ),
        (
            {"instance_type": "a2-highgpu-1g", "spot": True},
            {SPOT: 12, "custom_model_training_preemptible_nvidia_a100_gpus": 1},
        ),
    ],
)
def test_training_needs_processors_and_accelerators_and_spare_ones_are_counted_apart(
    compute: dict[str, Any], needed: dict[str, float]
) -> None:
    assert needs(training=training(**compute)) == {**needed, SERVING: 4}


def test_the_clusters_machines_count_as_trainings_and_beside_a_run_of_its_own() -> None:
    cluster = {"accelerator": "T4", "accelerators": 2, "max_machines": 3}
    given = settings(cluster=cluster, training=training())
    (cpus, gpus, _) = demands(given)
    assert (cpus.metrics, cpus.needed) == ((TRAINING,), 4 + 3 * 16)
    assert cpus.setting == "training.compute, cluster.max_machines"
    assert (gpus.metrics, gpus.needed) == (("custom_model_training_nvidia_t4_gpus",), 6)


def test_a_run_on_the_cluster_takes_its_machines_and_none_of_its_own() -> None:
    needed = needs(cluster={"accelerator": "T4"}, training=training(kind="cluster"))
    assert needed == {TRAINING: 8, "custom_model_training_nvidia_t4_gpus": 1, SERVING: 4}


@pytest.mark.parametrize("name", [row.name for row in ACCELERATORS])
def test_every_accelerator_has_a_quota(name: str) -> None:
    row = next(row for row in ACCELERATORS if row.name == name)
    count = max(row.machine_types)
    needed = needs(cluster={"accelerator": name, "accelerators": count})
    metrics = [metric for metric in needed if metric.endswith("_gpus")]
    assert [needed[metric] for metric in metrics] == [count]


def test_a_family_without_a_quota_of_its_own_counts_against_that_of_all(project: gcp.Cloud) -> None:
    project.quotas.has(PLENTY)
    endpoint = found(endpoint={"capacity": {"instance_type": "n2-standard-4"}})[-1]
    assert (endpoint.quota, endpoint.allowed) == ("Custom model serving cpus", 999)


def test_a_quota_that_google_does_not_list_or_raise_is_told_as_such(project: gcp.Cloud) -> None:
    refused = {"isEligible": False, "ineligibilityReason": "NOT_ENOUGH_USAGE_HISTORY"}
    project.quotas.has({SERVING: 1}, quotaIncreaseEligibility=refused)
    project.quotas.has({SPOT: 1}, isFixed=True)
    run, endpoint = found()
    assert (run.allowed, run.missing, run.quota) == (None, 0, TRAINING)
    assert f"lists no such quota in {gcp.REGION}" in run.fix
    assert "takes no request from this project (NOT_ENOUGH_USAGE_HISTORY)" in endpoint.fix
    assert found(training=training(spot=True))[0].fix.startswith("Google does not raise it")


def test_a_refused_look_is_told_in_googles_words(project: gcp.Cloud) -> None:
    project.refuse("quotaInfos.list", 403, "Cloud Quotas API has not been used in project 42")
    with pytest.raises(UserError, match="has not been used in project 42"):
        found()


def test_a_stack_that_names_no_project_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="pulumi config set gcp:project"):
        check_quotas(settings())


def test_googles_own_client_reads_the_same(project: gcp.Cloud) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import cloudquotas_v1
    from google.cloud.cloudquotas_v1.services.cloud_quotas.transports import CloudQuotasRestTransport

    project.quotas.has({TRAINING: 3, SERVING: 0, SPOT: 7})
    host = project.url.removeprefix("http://")
    transport = CloudQuotasRestTransport(host=host, credentials=AnonymousCredentials(), url_scheme="http")
    client = cloudquotas_v1.CloudQuotasClient(transport=transport)
    parent = f"projects/{gcp.PROJECT}/locations/global/services/aiplatform.googleapis.com"
    read = {q.metric: q.dimensions_infos[0].details.value for q in client.list_quota_infos(parent=parent)}
    assert list(read.values()) == [3, 0, 7]
    assert project.count("quotaInfos.list") == 2


# --- the command line ---


def test_a_preview_with_quotas_fails_where_one_is_too_small_and_says_what_to_request(
    project: gcp.Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    monkeypatch.setenv("GOOGLE_PROJECT", gcp.PROJECT)
    monkeypatch.chdir(ROOT)
    project.quotas.has({SPOT: 1, SERVING: 8})
    assert main(["preview", "gcp-dev", "--quotas"]) == 1
    told = capsys.readouterr().out
    assert "1 allowed, 4 needed, 3 missing" in told
    assert (
        f"gcloud quotas preferences create --service=aiplatform.googleapis.com --project={gcp.PROJECT}"
        in told
    )

    project.quotas.has({SPOT: 8}, gcp.REGION)
    assert main(["preview", "gcp-dev", "--quotas", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["quotas"]
    assert {check["missing"] for check in checks} == {0}
