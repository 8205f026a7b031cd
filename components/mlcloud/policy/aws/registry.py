"""Controls of ECR's repositories."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.policy.aws.documents import Statement, of_statements
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, has, is_given, is_one_of, is_true, problem

_REPOSITORY: Final = "aws:ecr/repository:Repository"


def _not_public(statement: Statement) -> Iterator[Problem]:
    if statement.allows and statement.is_public:
        yield problem(statement.path, "Principal *", "named accounts or services", "name who may")


CONTROLS: Final = (
    Control(
        id="registry-not-public",
        sources=["CKV_AWS_32"],
        title="No repository policy allows everybody",
        severity="critical",
        why="Whoever pushes an image runs code in the stack.",
        types=["aws:ecr/repositoryPolicy:RepositoryPolicy"],
        judge=of_statements("policy", _not_public),
    ),
    Control(
        id="registry-scan",
        sources=["ECR.1", "CKV_AWS_163"],
        title="Images are scanned when they are pushed",
        severity="medium",
        why="Known holes in an image are told by nobody.",
        types=[_REPOSITORY],
        judge=expect("imageScanningConfiguration.scanOnPush", is_true, "true"),
    ),
    Control(
        id="registry-immutable",
        sources=["ECR.2", "CKV_AWS_51"],
        title="A tag always means the same image",
        severity="medium",
        why="What was tested is not what runs.",
        types=[_REPOSITORY],
        judge=expect("imageTagMutability", is_one_of("IMMUTABLE"), "`IMMUTABLE`"),
    ),
    Control(
        id="registry-lifecycle",
        sources=["ECR.3"],
        title="Images that nothing refers to expire",
        severity="low",
        why="Every build is paid for every month.",
        types=[_REPOSITORY],
        judge=has(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy", "repository", expect("policy", is_given, "rules")
        ),
    ),
    Control(
        id="registry-own-key",
        sources=["ECR.5", "CKV_AWS_136"],
        title="Images are encrypted with a key of one's own",
        severity="medium",
        why="Without a key of one's own nobody can withdraw access to all images at once.",
        types=[_REPOSITORY],
        judge=each(
            expect("encryptionConfigurations[*].encryptionType", is_one_of("KMS", "KMS_DSSE"), "`KMS`"),
            expect("encryptionConfigurations[*].kmsKey", is_given, "the ARN of a key of one's own"),
        ),
    ),
)
