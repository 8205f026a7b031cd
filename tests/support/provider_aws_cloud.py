"""An AWS that the provider's plugin is pointed to: moto, and in front of it what moto lacks.

What moto 5.2 lacks, and is told here:
- a training job takes its time, fails and is stopped (moto: completed at once); a taken name is refused;
- `StopTrainingJob`, `DeleteTrainingJob`;
- an endpoint is made and changed in its time; `UpdateEndpoint`, with a rollback that SageMaker does not call
  a failure, and with its refusal of another instance type under a registered scaling target;
- `InvokeEndpoint`, which is answered as the configuration that is live is told to;
- application-autoscaling's `ListTagsForResource`, tags given at registration, and that a target takes its
  policies and scheduled actions with it.

Every call in JSON is judged by botocore's model before anything answers it; S3's are XML and not judged.
"""

import io
import json
import re
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from support.provider_aws_judge import problems

ACCOUNT = "123456789012"
REGION = "eu-central-1"
_SERVICES = {
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
    "Logs_20140328": "logs",
}
_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
Answer = tuple[int, dict[str, Any]]


@dataclass
class Call:
    """One call of the provider's."""

    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass
class Request:
    """One request of the provider's to S3.

    Attributes:
        method: Of HTTP.
        path: `/bucket/key`.
        copied: What a copy is made of, `bucket/key`; empty where nothing is copied.
    """

    method: str
    path: str
    copied: str


@dataclass
class Job:
    """What a training job does: the states of its next descriptions; the last one stays."""

    states: list[dict[str, Any]]
    seen: list[dict[str, Any]] = field(default_factory=list)
    archive: bytes | None = None

    def advance(self) -> dict[str, Any]:
        self.seen.append(self.states.pop(0) if len(self.states) > 1 else self.states[0])
        return self.seen[-1]


def state(status: str, secondary: str, **more: Any) -> dict[str, Any]:
    return {"TrainingJobStatus": status, "SecondaryStatus": secondary, **more}


STARTING = state("InProgress", "Starting")
TRAINING = state("InProgress", "Training")
COMPLETED = state("Completed", "Completed", TrainingTimeInSeconds=42)


def failed(reason: str) -> dict[str, Any]:
    return state("Failed", "Failed", FailureReason=reason)


def archive(manifest: Mapping[str, Any], *, report: bytes | None = b"<h1>report</h1>") -> bytes:
    """A job's output as SageMaker packs it."""
    target = io.BytesIO()
    members = {"model.skops": b"model", "report.html": report, "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(fileobj=target, mode="w:gz") as packed:
        for name, content in members.items():
            if content is not None:
                entry = tarfile.TarInfo(f"./{name}")
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
    return target.getvalue()


class Cloud:
    """The server on 127.0.0.1; use `variables` as the plugin's environment."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.jobs: dict[str, Job] = {}
        self.next_job = Job([STARTING, TRAINING, COMPLETED])
        self.endpoint_states: list[str] = []
        self.outcome: Callable[[Any, str], None] | None = None
        self.update_outcome: Callable[[Any, str], None] | None = None
        self.refusals: dict[str, list[Answer]] = {}
        self.predictions: dict[str, list[Answer]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=90)
        self._server.server_close()

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def backend(self, service: str) -> Any:
        account = "global" if service == "s3" else REGION
        name = "aws" if service == "s3" else account
        return get_backend(service)[ACCOUNT][name]

    def operations(self, *services: str) -> list[str]:
        """Names of the calls so far that change something."""
        with self._lock:
            return [
                call.operation
                for call in self.calls
                if (not services or call.service in services)
                and not call.operation.startswith(("Describe", "List", "Get"))
            ]

    def last(self, operation: str) -> dict[str, Any]:
        return next(call.parameters for call in reversed(self.calls) if call.operation == operation)

    def refuse(self, operation: str, *answers: Answer) -> None:
        """Let the next calls of an operation fail."""
        self.refusals[operation] = list(answers)

    # S3

    def bucket(self, name: str) -> str:
        self.backend("s3").create_bucket(name, REGION)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.backend("s3").put_object(bucket, key, content)

    def get(self, bucket: str, key: str) -> bytes:
        return self.backend("s3").get_object(bucket, key).value

    def keys(self, bucket: str) -> list[str]:
        return sorted(self.backend("s3").buckets[bucket].keys)

    def drop(self, bucket: str, key: str) -> None:
        self.backend("s3").delete_object(bucket, key)

    # Endpoints

    def config(self, name: str, instance_type: str = "ml.m5.large", **more: Any) -> str:
        """A model and a configuration of one name, as the stack's native resources make them."""
        sagemaker = self.backend("sagemaker")
        sagemaker.create_model(
            model_name=name,
            execution_role_arn=f"arn:aws:iam::{ACCOUNT}:role/serve",
            primary_container={"Image": "image"},
            vpc_config=None,
            containers=[],
            tags=[],
        )
        variant = {"VariantName": "main", "ModelName": name, "InstanceType": instance_type}
        variant |= {"InitialInstanceCount": 1, "InitialVariantWeight": 1.0, **more}
        sagemaker.create_endpoint_config(name, [variant], None, None, [], None)
        return name

    def configs(self) -> list[str]:
        return sorted(self.backend("sagemaker").endpoint_configs)

    def models(self) -> list[str]:
        return sorted(self.backend("sagemaker")._models)

    def endpoint(self, name: str) -> Any:
        return self.backend("sagemaker").endpoints.get(name)

    # The server

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = _INVOCATIONS.fullmatch(environ["PATH_INFO"])
        if asked is not None:
            return self._predict(asked[1], environ, start_response)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        service = _SERVICES.get(target.split(".")[0])
        if service is None:
            copied = environ.get("HTTP_X_AMZ_COPY_SOURCE", "")
            self.requests.append(Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], copied))
            return self._moto(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        parameters = json.loads(body)
        operation = target.split(".")[-1]
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            self.calls.append(Call(service, operation, parameters))
            found = problems(service, operation, parameters)
            self.problems.extend(found)
            answer = _refusal("ValidationException", "; ".join(found)) if found else None
            if answer is None and self.refusals.get(operation):
                answer = self.refusals[operation].pop(0)
            if answer is None:
                handler = getattr(self, f"_on_{operation}", None)
                answer = None if handler is None else handler(parameters)
        if answer is None:
            return self._moto(environ, start_response)
        status, content = answer
        start_response(f"{status} told", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps(content, default=str).encode()]

    def _predict(self, endpoint: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The next of the answers that the live configuration was told; the last one stays."""
        parameters = {
            "EndpointName": endpoint,
            "Body": environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
            "ContentType": environ["CONTENT_TYPE"],
            "Accept": environ["HTTP_ACCEPT"],
        }
        with self._lock:
            self.calls.append(Call("sagemaker-runtime", "InvokeEndpoint", parameters))
            self.problems.extend(problems("sagemaker-runtime", "InvokeEndpoint", parameters))
            answers = self.predictions[self.endpoint(endpoint).endpoint_config_name]
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
        headers = [("Content-Type", "application/json")]
        if "__type" in content:
            headers.append(("x-amzn-errortype", content["__type"]))
        start_response(f"{status} told", headers)
        return [json.dumps(content).encode()]

    def _on_CreateTrainingJob(self, parameters: dict[str, Any]) -> Answer | None:
        name = parameters["TrainingJobName"]
        if name in self.jobs:
            return _refusal("ResourceInUse", f"Job name must be unique: {name}")
        self.jobs[name], self.next_job = self.next_job, Job([STARTING, TRAINING, COMPLETED])
        return None

    def _on_DescribeTrainingJob(self, parameters: dict[str, Any]) -> Answer | None:
        job = self.jobs.get(parameters["TrainingJobName"])
        if job is None:
            return None  # moto says that there is none
        found = self.backend("sagemaker").describe_training_job(parameters["TrainingJobName"])
        now = job.advance()
        if now["TrainingJobStatus"] == "Completed" and job.archive is not None:
            bucket, _, key = found["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
            self.put(bucket, key, job.archive)
            job.archive = None
        transitions = [
            {
                "Status": item["SecondaryStatus"],
                "StartTime": 0,
                "StatusMessage": f"{item['SecondaryStatus']} it",
            }
            for item in {entry["SecondaryStatus"]: entry for entry in job.seen}.values()
        ]
        kept = {key: found[key] for key in ("TrainingJobName", "TrainingJobArn", "ModelArtifacts")}
        return 200, {**kept, "SecondaryStatusTransitions": transitions, **now}

    def _on_StopTrainingJob(self, parameters: dict[str, Any]) -> Answer | None:
        job = self.jobs[parameters["TrainingJobName"]]
        job.states = [state("Stopping", "Stopping"), state("Stopped", "Stopped")]
        return 200, {}

    def _on_DeleteTrainingJob(self, parameters: dict[str, Any]) -> Answer | None:
        name = parameters["TrainingJobName"]
        if self.jobs[name].states[0]["TrainingJobStatus"] in ("InProgress", "Stopping"):
            return _refusal("ValidationException", "The job is not in a terminal state")
        del self.jobs[name], self.backend("sagemaker").training_jobs[name]
        return 200, {}

    def _on_DescribeEndpoint(self, parameters: dict[str, Any]) -> Answer | None:
        endpoint = self.endpoint(parameters["EndpointName"])
        if endpoint is not None:
            if self.endpoint_states:
                endpoint.endpoint_status = self.endpoint_states.pop(0)
            elif self.outcome is not None:
                outcome, self.outcome = self.outcome, None
                outcome(endpoint, "InService")
        return None

    def _on_UpdateEndpoint(self, parameters: dict[str, Any]) -> Answer | None:
        sagemaker, name = self.backend("sagemaker"), parameters["EndpointName"]
        endpoint, wanted = self.endpoint(name), parameters["EndpointConfigName"]
        old = sagemaker.endpoint_configs[endpoint.endpoint_config_name].production_variants[0]
        new = sagemaker.endpoint_configs[wanted].production_variants[0]
        if old.get("InstanceType") != new.get("InstanceType") and self._is_registered(name):
            return _refusal("ValidationException", "The variant must be deregistered as a scalable target")
        excluded = [
            item["VariantPropertyType"] for item in parameters.get("ExcludeRetainedVariantProperties", [])
        ]
        retained = parameters.get("RetainAllVariantProperties") and "DesiredInstanceCount" not in excluded
        count = endpoint.production_variants[0].get("DesiredInstanceCount") if retained else None

        def succeed(item: Any, status: str) -> None:
            item.endpoint_status, item.endpoint_config_name = status, wanted
            item.production_variants[0]["DesiredInstanceCount"] = count or new.get("InitialInstanceCount")

        self.outcome, self.update_outcome = self.update_outcome or succeed, None
        endpoint.endpoint_status = "Updating"
        self.endpoint_states = ["Updating", "Updating"]
        return 200, {"EndpointArn": endpoint.arn}

    def _is_registered(self, endpoint: str) -> bool:
        scaling = self.backend("applicationautoscaling")
        targets = [target for group in scaling.targets.values() for target in group.values()]
        return any(target.resource_id.startswith(f"endpoint/{endpoint}/") for target in targets)

    def _on_RegisterScalableTarget(self, parameters: dict[str, Any]) -> Answer | None:
        self._tags[parameters["ResourceId"]] = parameters.get("Tags", {})
        return None

    def _on_DeregisterScalableTarget(self, parameters: dict[str, Any]) -> Answer | None:
        scaling, gone = self.backend("applicationautoscaling"), parameters["ResourceId"]
        scaling.policies = {key: item for key, item in scaling.policies.items() if item.resource_id != gone}
        scaling.scheduled_actions = [item for item in scaling.scheduled_actions if item.resource_id != gone]
        return None

    def _on_ListTagsForResource(self, parameters: dict[str, Any]) -> Answer | None:
        return 200, {"Tags": next(iter(self._tags.values()), {})}


def _refusal(code: str, message: str) -> Answer:
    return 400, {"__type": code, "message": message}


def running() -> Iterator[Cloud]:
    """An AWS for the tests of a module, found by every process that they start; no call was refused."""
    started = Cloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in started.variables.items():
            environment.setenv(name, value)
        yield started
    started.close()
    assert started.problems == []
    assert started.calls


def roll_back(reason: str) -> Callable[[Any, str], None]:
    """An update after which the endpoint is in service with what it had, as SageMaker leaves it."""

    def outcome(endpoint: Any, status: str) -> None:
        endpoint.endpoint_status, endpoint.failure_reason = status, reason

    return outcome


def fail(reason: str) -> Callable[[Any, str], None]:
    """An endpoint that cannot be made."""

    def outcome(endpoint: Any, status: str) -> None:
        del status
        endpoint.endpoint_status, endpoint.failure_reason = "Failed", reason

    return outcome
