"""Controls of places where people work: SageMaker's notebooks and Studio domains."""

from typing import Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_one_of

_NOTEBOOK: Final = "aws:sagemaker/notebookInstance:NotebookInstance"
_DOMAIN: Final = "aws:sagemaker/domain:Domain"

CONTROLS: Final = (
    Control(
        id="workbench-notebook-internet",
        sources=["SageMaker.1", "CKV_AWS_122", "cdk-nag SageMakerNotebookNoDirectInternetAccess"],
        title="A notebook has no way of its own to the internet",
        severity="high",
        why="Data leaves with one line of code.",
        types=[_NOTEBOOK],
        judge=expect("directInternetAccess", is_one_of("Disabled"), "`Disabled`"),
    ),
    Control(
        id="workbench-notebook-network",
        sources=["SageMaker.2", "CKV_AWS_306", "cdk-nag SageMakerNotebookInVPC"],
        title="A notebook is in a subnet of one's own",
        severity="high",
        why="No security group or flow log sees what it does.",
        types=[_NOTEBOOK],
        judge=expect("subnetId", is_given, "a private subnet"),
    ),
    Control(
        id="workbench-notebook-root",
        sources=["SageMaker.3", "CKV_AWS_307"],
        title="Nobody is root in a notebook",
        severity="high",
        why="Root reads what others left on the machine and switches its guards off.",
        types=[_NOTEBOOK],
        judge=expect("rootAccess", is_one_of("Disabled"), "`Disabled`"),
    ),
    Control(
        id="workbench-notebook-key",
        sources=["CKV_AWS_22", "CKV_AWS_187", "cdk-nag SageMakerNotebookInstanceKMSKeyConfigured"],
        title="A notebook's volume is encrypted with a key of one's own",
        severity="high",
        why="Copies of the data lie on it.",
        types=[_NOTEBOOK],
        judge=expect("kmsKeyId", is_given, "a key of one's own"),
    ),
    Control(
        id="workbench-notebook-metadata",
        sources=["CKV_AWS_371"],
        title="A notebook hands out its credentials by IMDSv2 alone",
        severity="high",
        why="Code that can be made to fetch an address gives them away.",
        types=[_NOTEBOOK],
        judge=expect(
            "instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion",
            is_one_of("2"),
            "`2`",
        ),
    ),
    Control(
        id="workbench-domain",
        sources=["CKV_AWS_187"],
        title="A Studio domain is in the network alone, with a key of one's own",
        severity="medium",
        why="People's files, and what they run, are outside of every guard.",
        types=[_DOMAIN],
        judge=each(
            expect("kmsKeyId", is_given, "a key of one's own"),
            expect("appNetworkAccessType", is_one_of("VpcOnly"), "`VpcOnly`"),
        ),
    ),
)
