"""Controls of machines that people's own jobs run on: launch templates, and EKS."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_one_of, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
_EKS: Final = "aws:eks/cluster:Cluster"
# https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
_EKS_LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def _private(cluster: Resource, _declared: Declared) -> Iterator[Problem]:
    public = cluster.value("vpcConfig.endpointPublicAccess")
    if public in (False, "false"):
        return
    path = "vpcConfig.publicAccessCidrs[*]"
    for at, value in cluster.values(path):
        if UNKNOWN in (public, value):
            yield problem(at, UNKNOWN, "named addresses")
        elif value in (ABSENT, "0.0.0.0/0", "::/0"):
            fix = "set `vpcConfig.endpointPublicAccess` to false, or name the addresses"
            yield problem(at, value, "named addresses", fix)


def _has_all_logs(value: Any) -> bool:
    return isinstance(value, list) and set(_EKS_LOGS) <= set(map(str, value))  # pyright: ignore[reportUnknownArgumentType]


CONTROLS: Final = (
    Control(
        id="cluster-metadata",
        sources=["EC2.8", "EC2.170", "CKV_AWS_79", "CKV_AWS_341", "AutoScaling.3", "AutoScaling.4"],
        title="Machines hand out their credentials by IMDSv2 alone, and not to containers",
        severity="high",
        why="A server that can be made to fetch an address gives the machine's credentials away.",
        types=[_TEMPLATE],
        judge=each(
            expect("metadataOptions.httpTokens", is_one_of("required"), "`required`"),
            expect("metadataOptions.httpPutResponseHopLimit", is_one_of(1), "1"),
        ),
    ),
    Control(
        id="cluster-no-public-address",
        sources=["EC2.25", "CKV_AWS_88", "AutoScaling.5"],
        title="Machines have no public address",
        severity="high",
        why="Every port of a training machine is on the internet.",
        types=[_TEMPLATE],
        judge=expect("networkInterfaces[*].associatePublicIpAddress", is_one_of(False, "false"), "`false`"),
    ),
    Control(
        id="cluster-encrypted-disks",
        sources=["CKV_AWS_8", "own"],
        title="Machines' disks are encrypted",
        severity="high",
        why="Training data lies on a disk that is given to somebody else later.",
        types=[_TEMPLATE],
        judge=expect("blockDeviceMappings[*].ebs.encrypted", is_true, "`true`"),
    ),
    Control(
        id="cluster-eks-private",
        sources=["EKS.1", "CKV_AWS_38", "CKV_AWS_39"],
        title="The API of an EKS cluster is private, or open to named addresses",
        severity="high",
        why="Whoever finds a credential uses it from anywhere.",
        types=[_EKS],
        judge=_private,
    ),
    Control(
        id="cluster-eks-supported",
        sources=["EKS.2", "CKV_AWS_339"],
        title="An EKS cluster moves on when its version's standard support ends",
        severity="high",
        why="Holes in an old version are not mended.",
        types=[_EKS],
        # A list of versions would be old tomorrow; so AWS itself keeps it supported:
        # https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html
        judge=expect("upgradePolicy.supportType", is_one_of("STANDARD"), "`STANDARD`"),
    ),
    Control(
        id="cluster-eks-secrets",
        sources=["EKS.3", "CKV_AWS_58"],
        title="An EKS cluster's secrets are encrypted with a key of one's own",
        severity="medium",
        why="A copy of the cluster's database holds every password.",
        types=[_EKS],
        judge=each(
            expect("encryptionConfig.provider.keyArn", is_given, "the ARN of a key of one's own"),
            expect("encryptionConfig.resources[*]", is_one_of("secrets"), "`secrets`"),
        ),
    ),
    Control(
        id="cluster-eks-logs",
        sources=["EKS.8", "CKV_AWS_37"],
        title="An EKS cluster logs everything that its control plane does",
        severity="medium",
        why="Nobody can say who did what.",
        types=[_EKS],
        judge=expect("enabledClusterLogTypes", _has_all_logs, ", ".join(_EKS_LOGS)),
    ),
)
