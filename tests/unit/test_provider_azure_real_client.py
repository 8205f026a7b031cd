"""Azure's own client against the fake Azure ML: what our provider makes is what that client sees."""

from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_azure_cloud as az
from support.provider_azure_jobs import RUNNING, Job
from support.provider_azure_resources import CLIENT_ID, CLUSTER, ENVIRONMENT, RUN
from support.provider_azure_runs import ACCOUNT, DATA_SHA256, own_inputs
from support.provider_plugin import Plugin

# The client's modules take ten seconds to load on a busy machine, and warn of what they themselves use.
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"),
    pytest.mark.filterwarnings("ignore::marshmallow.warnings.ChangedInMarshmallow4Warning"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[az.Cloud]:
    with az.running(tmp_path_factory.mktemp("azure")) as started:
        # It speaks older versions of the API, too.
        started.strict = False
        started.storage.put(ACCOUNT, "data", f"{DATA_SHA256}.csv", b"rows")
        yield started


@pytest.fixture(scope="module")
def client(cloud: az.Cloud) -> Iterator[Any]:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AZUREML_DEV_URL_MFE", cloud.url)
        yield MLClient(
            DefaultAzureCredential(), az.SUBSCRIPTION, az.GROUP, az.WORKSPACE, enable_telemetry=False
        )


@pytest.fixture(scope="module")
def plugin(cloud: az.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def test_it_submits_reads_and_cancels_a_job(cloud: az.Cloud, client: Any) -> None:
    from azure.ai.ml import Input, Output, PyTorchDistribution, command
    from azure.ai.ml.entities import ManagedIdentityConfiguration

    cloud.jobs.next_job = Job([RUNNING])
    uri = f"https://{ACCOUNT}.blob.core.windows.net"
    job = command(
        name="theirs",
        command="mlcloud-trainer train",
        environment=ENVIRONMENT,
        compute=CLUSTER,
        instance_count=2,
        distribution=PyTorchDistribution(process_count_per_instance=1),
        inputs={"data": Input(type="uri_file", mode="direct", path=f"{uri}/data/rows.csv")},
        outputs={"model": Output(type="uri_folder", mode="direct", path=f"{uri}/models/runs/theirs")},
        identity=ManagedIdentityConfiguration(client_id=CLIENT_ID),
    )
    job.set_limits(timeout=60)
    made = client.jobs.create_or_update(job)
    assert (made.name, made.status) == ("theirs", "Running")
    asked = cloud.last("jobs_create_or_update").body["properties"]
    assert asked["outputs"]["model"]["mode"] == asked["inputs"]["data"]["mode"] == "Direct"
    client.jobs.begin_cancel("theirs").result(timeout=60)
    assert client.jobs.get("theirs").status == "Canceled"


def test_it_sees_the_job_that_the_provider_has_made(
    cloud: az.Cloud, client: Any, plugin: Plugin, request: pytest.FixtureRequest
) -> None:
    given = own_inputs(cloud, request)
    outputs = plugin.resource(RUN).create({**given, "instances": 2, "tags": {"stack": "dev"}})
    job = client.jobs.get(outputs["runName"])
    assert (job.status, job.experiment_name) == ("Completed", given["name"])
    assert job.environment == f"churn-dev-trainer:{ENVIRONMENT.rsplit('/', 1)[1]}"
    assert job.environment_variables["MLCLOUD_DATA_URI"] == given["dataUri"]
    assert job.inputs["data"].path == given["dataUri"]
    run = outputs["runName"]
    assert job.outputs["model"].path == f"azureml://datastores/models/paths/runs/{run}/model"
    assert (job.resources.instance_count, job.resources.instance_type) == (2, "Standard_DS3_v2")
    assert job.distribution.type == "pytorch"
    assert job.limits.timeout == 3600
    assert job.identity.client_id == CLIENT_ID
    assert job.tags == {"stack": "dev", "mlcloud_run": outputs["runName"]}
    assert [item.name for item in client.jobs.list()] == list(cloud.jobs.all)
