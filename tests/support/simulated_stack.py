"""A stack of the simulated AWS on the embedded engine, and a program of the chain's kinds of resource."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi_aws as aws
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.events import Diagnostic, Event, ResourceEnded
from mlcloud.embedded.project.target import Target
from mlcloud.simulated import providers_for

from support.engine import MemoryState


class SimulatedStack:
    """A stack whose program is a function, edited by giving another one."""

    def __init__(self, folder: Path, *, providers: Mapping[str, Any] | None = None, region: str = "") -> None:
        self.state = MemoryState()
        self.events: list[Event] = []
        self._folder = folder
        self._providers = {**providers_for("aws"), **(providers or {})}
        self._config = {"aws:region": region} if region else {}

    def open(self, program: Callable[[], Any]) -> Engine:
        self.events.clear()
        target = Target(
            project="shop", stack="dev", root=self._folder, folder=self._folder, config=self._config
        )
        return Engine(
            target=target,
            program=program,
            state=self.state,
            providers=self._providers,
            on_event=self.events.append,
        )

    def preview(self, program: Callable[[], Any]) -> Plan:
        return self.open(program).preview()

    def up(self, program: Callable[[], Any]) -> dict[str, int]:
        """Update, and count what was done to resources besides the stack itself and its providers."""
        assert self.open(program).up().ok, self.errors
        return self.counts

    def refused(self, program: Callable[[], Any]) -> str:
        """Preview a program that must be refused; what people are told."""
        assert not self.preview(program).ok
        return "\n".join(self.errors)

    @property
    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for op, _ in self.ops:
            found[op] = found.get(op, 0) + 1
        return found

    @property
    def ops(self) -> list[tuple[str, str]]:
        """The operations that succeeded in the last run, in order."""
        ended = (event for event in self.events if isinstance(event, ResourceEnded))
        return [(event.op, event.name) for event in ended if not event.type.startswith("pulumi:")]

    @property
    def errors(self) -> list[str]:
        found = (event for event in self.events if isinstance(event, Diagnostic))
        return [event.message for event in found if event.severity == "error"]

    def outputs(self, name: str) -> dict[str, Any]:
        return next(item.outputs for item in self.state.snapshot.resources if item.name == name)


def chain(*, model_data: str = "s3://models/a.tar.gz", days: int = 7) -> None:
    """The parts of a small stack: key, bucket, role, repository, group, model, endpoint, alarm."""
    tags = {"project": "shop"}
    key = aws.kms.Key("key", enable_key_rotation=True, tags=tags)
    bucket = aws.s3.Bucket("models", tags=tags)
    aws.s3.BucketVersioning(
        "models-versioning", bucket=bucket.id, versioning_configuration={"status": "Enabled"}
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "models-encryption",
        bucket=bucket.id,
        rules=[
            {
                "bucket_key_enabled": True,
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key.arn,
                },
            }
        ],
    )
    trust = aws.iam.get_policy_document(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["sagemaker.amazonaws.com"]}],
            }
        ]
    )
    role = aws.iam.Role("serving", assume_role_policy=trust.json, tags=tags)
    aws.iam.RolePolicy(
        "serving-read",
        role=role.id,
        policy=bucket.arn.apply(
            lambda arn: json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/*"}],
                }
            )
        ),
    )
    repository = aws.ecr.Repository("trainer", image_tag_mutability="IMMUTABLE", tags=tags)
    vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags=tags)
    group = aws.ec2.SecurityGroup("serving-group", vpc_id=vpc.id, description="serving", tags=tags)
    aws.vpc.SecurityGroupEgressRule(
        "serving-out", security_group_id=group.id, ip_protocol="tcp", from_port=443, to_port=443
    )
    model = aws.sagemaker.Model(
        "model",
        execution_role_arn=role.arn,
        primary_container={
            "image": repository.repository_url.apply(lambda url: f"{url}@sha256:{'0' * 64}"),
            "model_data_url": model_data,
        },
        tags=tags,
    )
    configuration = aws.sagemaker.EndpointConfiguration(
        "configuration",
        production_variants=[
            {
                "variant_name": "main",
                "model_name": model.name,
                "instance_type": "ml.m5.large",
                "initial_instance_count": 1,
            }
        ],
        tags=tags,
    )
    endpoint = aws.sagemaker.Endpoint("endpoint", endpoint_config_name=configuration.name, tags=tags)
    aws.cloudwatch.LogGroup("logs", retention_in_days=days, tags=tags)
    aws.cloudwatch.MetricAlarm(
        "errors",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        namespace="AWS/SageMaker",
        metric_name="Invocation5XXErrors",
        dimensions={"EndpointName": endpoint.name, "VariantName": "main"},
        statistic="Sum",
        period=60,
        threshold=5,
    )
