"""Controls of places where people work: Vertex AI's Workbench instances."""

from typing import Final

from mlcloud.core.errors import ABSENT
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_true

_INSTANCE: Final = "gcp:workbench/instance:Instance"
_SHIELDED: Final = "gceSetup.shieldedInstanceConfig"

CONTROLS: Final = (
    Control(
        id="workbench-no-public-address",
        sources=["CKV_GCP_89", "CKV2_GCP_28", "CKV2_GCP_36", "prowler vertexai_workbench_*"],
        title="A notebook has no public address",
        severity="high",
        why="A place that runs any code is on the internet.",
        types=[_INSTANCE],
        judge=expect("gceSetup.disablePublicIp", is_true, "true"),
    ),
    Control(
        id="workbench-shielded",
        sources=["CKV_GCP_126", "CKV_GCP_127", "prowler vertexai_workbench_*"],
        title="A notebook's machine starts what is signed, and says when that changes",
        severity="high",
        why="What changed the machine's start stays there unseen.",
        types=[_INSTANCE],
        judge=each(
            expect(f"{_SHIELDED}.enableSecureBoot", is_true, "true"),
            expect(f"{_SHIELDED}.enableVtpm", is_true, "true"),
            expect(f"{_SHIELDED}.enableIntegrityMonitoring", is_true, "true"),
        ),
    ),
    Control(
        id="workbench-own-key",
        sources=["CKV2_GCP_21", "CKV2_GCP_27", "CKV2_GCP_35", "prowler vertexai_workbench_*"],
        title="A notebook's disks are encrypted with a key of one's own",
        severity="high",
        why="Copies of the data lie on them.",
        types=[_INSTANCE],
        judge=each(
            *(
                expect(path, is_given, "the name of a key of one's own")
                for path in ("gceSetup.bootDisk.kmsKey", "gceSetup.dataDisks.kmsKey")
            )
        ),
    ),
    Control(
        id="workbench-root",
        sources=["prowler vertexai_workbench_*"],
        title="Nobody is root in a notebook",
        severity="high",
        why="Root reads what others left on the machine and switches its guards off.",
        types=[_INSTANCE],
        # https://cloud.google.com/vertex-ai/docs/workbench/instances/manage-metadata
        judge=expect(
            "gceSetup.metadata.notebook-disable-root",
            lambda value: value is not ABSENT and str(value).lower() == "true",
            "`true`",
        ),
    ),
)
