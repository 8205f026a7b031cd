"""Controls of Artifact Registry's repositories."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_not_true, is_one_of, is_true, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
_SERVICE: Final = "gcp:projects/service:Service"
_SCANNER: Final = "containerscanning.googleapis.com"


def _has_a_scanner(_repository: Resource, declared: Declared) -> Iterator[Problem]:
    enabled = [service.value("service") for service in declared.all(_SERVICE)]
    if _SCANNER not in enabled:
        value = UNKNOWN if UNKNOWN in enabled else ABSENT
        yield problem(f"Service {_SCANNER}", value, "the scanner's API, enabled", f"enable {_SCANNER}")


CONTROLS: Final = (
    Control(
        id="registry-scan",
        sources=["prowler artifacts_container_analysis_enabled", "prowler gcr_container_scanning_enabled"],
        title="Images are scanned when they are pushed",
        severity="medium",
        why="Known holes in an image are told by nobody.",
        types=[REPOSITORY],
        judge=each(
            expect("vulnerabilityScanningConfig.enablementConfig", is_one_of("INHERITED"), "`INHERITED`"),
            _has_a_scanner,
        ),
    ),
    Control(
        id="registry-immutable",
        sources=["own"],
        title="A tag always means the same image",
        severity="medium",
        why="What was tested is not what runs.",
        types=[REPOSITORY],
        judge=expect("dockerConfig.immutableTags", is_true, "true"),
    ),
    Control(
        id="registry-lifecycle",
        sources=["own"],
        title="Images that nothing refers to expire",
        severity="medium",
        why="Every build is paid for every month.",
        types=[REPOSITORY],
        judge=each(
            expect("cleanupPolicies", is_given, "policies"),
            expect("cleanupPolicyDryRun", is_not_true, "false"),
        ),
    ),
    Control(
        id="registry-own-key",
        sources=["CKV_GCP_84"],
        title="Images are encrypted with a key of one's own",
        severity="medium",
        why="Without a key of one's own nobody can withdraw access to all images at once.",
        types=[REPOSITORY],
        judge=expect("kmsKeyName", is_given, "the name of a key of one's own"),
    ),
)
