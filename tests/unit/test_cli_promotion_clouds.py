"""models, promote and rollback on the three clouds, against moto and the fakes of Vertex AI and Azure ML."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
import yaml
from support import provider_aws_cloud as aws
from support import provider_azure_cloud as azure
from support import provider_gcp_cloud as gcp
from support.promotion import PinProject
from support.provider_models import LINEAGE
from support.stack_project import ROOT

PLACES = {"aws": "s3://prod-models/models/{}/model.tar.gz", "gcp": "gs://prod-models/models/{}/"}
PLACES["azure"] = "https://prodacc.blob.core.windows.net/models/models/{}"
HOW = {
    "aws": "aws s3 cp s3://dev-models/models/{0}/model.tar.gz s3://prod-models/models/{0}/model.tar.gz",
    "gcp": "gcloud storage cp -r gs://dev-models/models/{0} gs://prod-models/models/",
    "azure": "azcopy copy --recursive https://devacc.blob.core.windows.net/models/models/{0} "
    "https://prodacc.blob.core.windows.net/models/models/",
}
GCP_MODEL = f"{gcp.LOCATION}/models/shop"
AZURE_MODEL = f"{azure.WORKSPACE_ID}/models/shop"


def manifest_of(number: int) -> bytes:
    return json.dumps({**LINEAGE, "files": {}, "settings": {"target": "y", "seed": number}}).encode()


def hash_of(number: int) -> str:
    return sha256(manifest_of(number)).hexdigest()


Emulator = TypeVar("Emulator", aws.Cloud, gcp.Cloud, azure.Cloud)


@dataclass(frozen=True)
class CloudStacks:
    """dev and prod on one cloud, whose registry and bucket are an emulator's."""

    cloud: str
    project: PinProject
    register: Callable[[int, str], None]

    def up(self, stack: str, number: int) -> None:
        """Say that a stack has the version live that begins with its number."""
        digest = hash_of(number)
        place = PLACES[self.cloud].format(digest).replace("prod", stack)
        self.project.up(
            stack,
            cloud=self.cloud,
            account={"gcp": gcp.PROJECT}.get(self.cloud, azure.SUBSCRIPTION),
            region={"aws": aws.REGION, "gcp": gcp.REGION, "azure": azure.REGION}[self.cloud],
            model_name="shop",
            model_id=GCP_MODEL if self.cloud == "gcp" else AZURE_MODEL,
            model_sha256=digest,
            model_uri=place,
            model_version=f"v{number}",
            models_bucket="models" if self.cloud == "azure" else f"{stack}-models",
        )

    def pin(self) -> dict[str, str]:
        return self.project.pin("prod")

    def expected(self, number: int) -> dict[str, str]:
        digest = hash_of(number)
        place = PLACES[self.cloud].format(digest)
        return {"name": "breast-cancer", "uri": place, "sha256": digest, "version": f"v{number}"}


@contextmanager
def running(cloud: Emulator) -> Iterator[Emulator]:
    """An emulator that this process is pointed to; what it was asked was right."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in cloud.variables.items():
            environment.setenv(name, value)
        yield cloud
    cloud.close()
    assert cloud.problems == []


def on_aws(folder: Path) -> Iterator[Callable[[int, str], None]]:
    del folder
    with running(aws.Cloud()) as cloud:
        sagemaker: Any = boto3.client("sagemaker", region_name=aws.REGION)
        sagemaker.create_model_package_group(ModelPackageGroupName="shop")
        cloud.bucket("prod-models")

        def register(number: int, stage: str) -> None:
            digest, manifest = hash_of(number), json.loads(manifest_of(number))
            cloud.put("prod-models", f"models/{digest}/model.tar.gz", aws.archive(manifest))
            uri = PLACES["aws"].format(digest)
            sagemaker.create_model_package(
                ModelPackageGroupName="shop",
                ModelApprovalStatus="Rejected" if stage == "refused" else "Approved",
                CustomerMetadataProperties={"sha256": digest, "version": f"v{number}", "metric.r2": "0.9"},
                InferenceSpecification={
                    "Containers": [{"Image": "image", "ModelDataUrl": uri}],
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedResponseMIMETypes": ["text/csv"],
                },
            )

        yield register
        # Moto's state outlives its server.
        for service in ("sagemaker", "s3"):
            cloud.backend(service).reset()


def on_gcp(folder: Path) -> Iterator[Callable[[int, str], None]]:
    with running(gcp.Cloud(folder)) as cloud:
        cloud.storage.bucket("prod-models")
        versions = cloud.models.all.setdefault(GCP_MODEL, {})

        def register(number: int, stage: str) -> None:
            digest = hash_of(number)
            cloud.storage.put("prod-models", f"models/{digest}/manifest.json", manifest_of(number))
            env = {"MLCLOUD_MODEL_SHA256": digest, "MLCLOUD_MODEL_VERSION": f"v{number}"}
            versions[str(len(versions) + 1)] = {
                "versionId": str(len(versions) + 1),
                "versionAliases": ["default"] if stage == "live" else [],
                "versionCreateTime": f"2026-01-0{len(versions) + 1}T00:00:00Z",
                "versionDescription": f"v{number}: r2 0.9",
                "artifactUri": PLACES["gcp"].format(digest),
                "containerSpec": {"env": [{"name": name, "value": value} for name, value in env.items()]},
            }

        yield register


def on_azure(folder: Path) -> Iterator[Callable[[int, str], None]]:
    with running(azure.Cloud(folder)) as cloud:

        def register(number: int, stage: str) -> None:
            digest = hash_of(number)
            cloud.storage.put("prodacc", "models", f"models/{digest}/manifest.json", manifest_of(number))
            day = len(cloud.models.all.get(AZURE_MODEL, [])) + 1
            cloud.models.register(
                AZURE_MODEL,
                f"v{digest[:8]}-{day}",
                f"2026-01-0{day}T00:00:00Z",
                modelUri=f"azureml://subscriptions/s/datastores/models/paths/models/{digest}",
                properties={"mlcloud_sha256": digest},
                tags={"mlcloud-version": f"v{number}"},
                description=f"v{number}: r2 0.9",
                isArchived=stage == "refused",
                jobName="shop-dev-0a1b",
            )

        yield register


@pytest.fixture(params=["aws", "gcp", "azure"])
def stacks(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[CloudStacks]:
    project = PinProject.make(tmp_path / "project", monkeypatch, capsys)
    for stack in ("dev", "prod"):
        text = (ROOT / "stacks" / f"Pulumi.{request.param}-{stack}.yaml").read_text("utf-8")
        project.file(stack).write_text(text)
    (tmp_path / "cloud").mkdir()
    emulators = {"aws": on_aws, "gcp": on_gcp, "azure": on_azure}
    with contextmanager(emulators[request.param])(tmp_path / "cloud") as register:
        yield CloudStacks(request.param, project, register)


def test_a_version_is_promoted_into_prods_own_bucket_with_the_command_that_copies_it(
    stacks: CloudStacks,
) -> None:
    stacks.up("dev", 2)
    stacks.up("prod", 1)
    text = stacks.project.file("prod").read_text()
    printed = stacks.project.done("promote", "dev", "prod")
    assert stacks.pin() == stacks.expected(2)
    *_, copy, commit, up = printed.splitlines()
    assert copy.strip() == HOW[stacks.cloud].format(hash_of(2))
    assert commit.split("#")[0].strip() == "git add stacks/Pulumi.prod.yaml && git commit"
    assert up.strip() == "pulumi up --stack prod"
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in stacks.project.file("prod").read_text().splitlines() if "#" in line] == comments


def test_before_prod_is_up_its_bucket_is_not_known_and_that_is_said(stacks: CloudStacks) -> None:
    stacks.up("dev", 2)
    printed = stacks.project.done("promote", "dev", "prod")
    assert "prod is not up, so where its endpoint reads models is not known yet" in printed
    assert stacks.pin() == {**stacks.expected(2), "uri": stacks.expected(2)["uri"].replace("prod", "dev")}


def test_the_registry_is_listed_with_stage_metrics_and_lineage(stacks: CloudStacks) -> None:
    stacks.register(1, "kept")
    stacks.register(2, "live")
    stacks.up("prod", 2)
    versions = json.loads(stacks.project.done("models", "prod", "--json"))
    assert {version["label"]: version["is_live"] for version in versions} == {"v1": False, "v2": True}
    for version in versions:
        assert version["metrics"] == {"r2": 0.9}
        assert version["lineage"]["data_sha256"] == "da" * 32
        assert version["lineage"]["settings"]["seed"] == int(version["label"][1:])
    told = stacks.project.done("models", "prod")
    assert "svm" in told
    assert "trainer 0.1.0" in told


def test_prod_goes_back_to_what_was_live_before_and_forth_again(stacks: CloudStacks) -> None:
    for number in (1, 2):
        stacks.register(number, "live" if number == 2 else "kept")
        stacks.up("dev", number)
        stacks.up("prod", number)
        stacks.project.done("promote", "dev", "prod")
    printed = stacks.project.done("rollback", "prod")
    assert stacks.pin() == stacks.expected(1)
    assert printed.endswith("  pulumi up --stack prod\n")
    stacks.register(1, "live")  # As an update registers it anew.
    stacks.up("prod", 1)
    versions = json.loads(stacks.project.done("models", "prod", "--json"))
    assert [(version["label"], version["is_live"]) for version in versions] == [
        ("v1", True),
        ("v2", False),
        ("v1", False),
    ]
    stacks.project.done("rollback", "prod")
    assert stacks.pin() == stacks.expected(2)
    stacks.project.done("rollback", "prod", "v1")
    assert stacks.pin() == stacks.expected(1)


def test_a_version_that_is_not_there_is_refused_with_those_that_are(stacks: CloudStacks) -> None:
    for number in (1, 2):
        stacks.register(number, "live")
        stacks.up("prod", number)
    told = stacks.project.refused("rollback", "prod", "v7")
    assert "There is no version 'v7'" in told
    assert "Choose one: v1." in told


# Vertex AI's registry has no such stage.
@pytest.mark.parametrize("stacks", ["aws", "azure"], indirect=True)
def test_a_version_that_was_rejected_or_archived_is_refused_with_those_that_are_not(
    stacks: CloudStacks,
) -> None:
    for number, stage in ((1, "kept"), (2, "refused"), (3, "live")):
        stacks.register(number, stage)
        stacks.up("dev", number)
        stacks.up("prod", number)
        stacks.project.done("promote", "dev", "prod")
    word = {"aws": "Rejected", "azure": "archived"}[stacks.cloud]
    for arguments in ((), ("v2",)):
        told = stacks.project.refused("rollback", "prod", *arguments)
        assert f"The version v2 may not be served: the registry has it as {word}." in told
        assert "Choose one: v1." in told


def test_what_dev_serves_is_yaml_that_stays_a_text(stacks: CloudStacks) -> None:
    stacks.up("dev", 1)
    stacks.up("prod", 2)
    stacks.project.done("promote", "dev", "prod")
    text = stacks.project.file("prod").read_text()
    assert all(isinstance(value, str) for value in yaml.safe_load(text)["config"]["mlcloud:model"].values())
