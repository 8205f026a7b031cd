"""Storage on AWS: the stack's KMS key, and buckets for data, models and logs."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms, s3

from mlcloud.aws.arns import arn, bucket_arn, domain_of
from mlcloud.aws.bucket import AwsBucket, AwsBucketArgs, access_log_prefix
from mlcloud.aws.policies import Statement, account_root, of_this_account, plain_document
from mlcloud.core.args import validate, within
from mlcloud.core.datafile import DataFile
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# The longest that KMS allows: a key that was deleted by mistake takes everything with it
# (https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html).
_KEY_DELETION_WINDOW_DAYS = 30
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_OBJECT_TAGS_MAX = 10


@dataclass(frozen=True, kw_only=True)
class AwsStorageArgs:
    """What the storage of a stack on AWS is made from.

    Attributes:
        scope: Whose it is and where.
        data: A data file to upload into the data bucket. Default: none.
        log_retention_days: Access logs are deleted after so many days. Default 365.
        events: Send the events of the data and models buckets to EventBridge. Default: no.
    """

    scope: Scope
    data: DataFile | None = None
    log_retention_days: int = 365
    events: bool = False

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The storage", within("log_retention_days", self.log_retention_days, low=1))


class AwsStorage(pulumi.ComponentResource):
    """The stack's key; its data bucket with the content-addressed data file; its models and log buckets."""

    key_arn: pulumi.Output[str]
    """The key that encrypts all of the stack: objects, images, volumes, logs, notifications."""
    data: AwsBucket
    models: AwsBucket
    logs: AwsBucket
    data_uri: pulumi.Output[str] | None
    """`s3://` address of the uploaded data file; None where no file was given."""

    def __init__(self, name: str, args: AwsStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsStorage", name, {}, opts)
        scope = args.scope
        self.key_arn = self._key(name, scope)
        self.logs = AwsBucket(
            f"{name}-logs",
            AwsBucketArgs(
                scope=scope,
                part="logs",
                key_arn=None,
                expire_after_days=args.log_retention_days,
                statements=[_deliver_access_logs(scope, ["data", "models"])],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.data, self.models = (
            AwsBucket(
                f"{name}-{part}",
                AwsBucketArgs(
                    scope=scope,
                    part=part,
                    key_arn=self.key_arn,
                    log_bucket=self.logs.name,
                    events=args.events,
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for part in ("data", "models")
        )
        self.data_uri = None if args.data is None else self._upload(name, scope, args.data)
        self.register_outputs(
            {
                "key_arn": self.key_arn,
                "data_bucket": self.data.name,
                "models_bucket": self.models.name,
                "logs_bucket": self.logs.name,
                "data_uri": self.data_uri,
            }
        )

    def _key(self, name: str, scope: Scope) -> pulumi.Output[str]:
        options = child_options(self, environment=scope.environment, holds_data=True)
        key = kms.Key(
            f"{name}-key",
            description=f"Everything of {scope.project}/{scope.stack} that is stored",
            policy=plain_document(*_key_statements(scope)),
            enable_key_rotation=True,
            deletion_window_in_days=_KEY_DELETION_WINDOW_DAYS,
            tags=scope.tags,
            opts=options,
        )
        kms.Alias(
            f"{name}-key-alias",
            name=f"alias/{scope.name('aws-kms-alias')}",
            target_key_id=key.key_id,
            opts=options,
        )
        return key.arn

    def _upload(self, name: str, scope: Scope, data: DataFile) -> pulumi.Output[str]:
        """Upload a file under its hash: other content is another object, and what was trained on stays."""
        uploaded = s3.BucketObjectv2(
            f"{name}-data-file",
            bucket=self.data.name,
            key=f"objects/{data.sha256}/{data.path.name}",
            source=pulumi.FileAsset(str(data.path)),
            source_hash=data.sha256,
            server_side_encryption="aws:kms",
            kms_key_id=self.key_arn,
            bucket_key_enabled=True,
            tags=_object_tags(scope.tags),
            opts=child_options(
                self,
                environment=scope.environment,
                extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None),
            ),
        )
        return pulumi.Output.concat("s3://", uploaded.bucket, "/", uploaded.key)


def _key_statements(scope: Scope) -> list[Statement]:
    """Return who may use the key: whom the account's IAM policies allow, and three services for this account.

    Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html,
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html (alarms) and
    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html.
    """
    this_key = ["*"]
    groups = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn(scope, "logs", "log-group:*")}}
    return [
        Statement(
            sid="Account", principal={"AWS": account_root(scope)}, actions=["kms:*"], resources=this_key
        ),
        Statement(
            sid="LogGroups",
            principal={"Service": f"logs.{scope.region}.{domain_of(scope.region)}"},
            actions=[
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
            ],
            resources=this_key,
            condition=groups,
        ),
        Statement(
            sid="Alarms",
            principal={"Service": "cloudwatch.amazonaws.com"},
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=this_key,
            condition=of_this_account(scope, arn(scope, "cloudwatch", "alarm:*")),
        ),
        Statement(
            sid="Budgets",
            principal={"Service": "budgets.amazonaws.com"},
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=this_key,
            condition=of_this_account(scope, arn(scope, "budgets", "*", regional=False)),
        ),
    ]


def _deliver_access_logs(scope: Scope, parts: list[str]) -> Statement:
    """Let S3 write the access logs of the stack's other buckets."""
    target = bucket_arn(scope, scope.name("aws-s3-bucket", "logs"))
    sources = [bucket_arn(scope, scope.name("aws-s3-bucket", part)) for part in parts]
    return Statement(
        sid="AccessLogs",
        principal={"Service": "logging.s3.amazonaws.com"},
        actions=["s3:PutObject"],
        resources=[f"{target}/{access_log_prefix(part)}*" for part in parts],
        condition=of_this_account(scope, *sources),
    )


def _object_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return as many tags as an object can have, mlcloud's own first."""
    ordered = sorted(tags, key=lambda key: (not key.startswith("mlcloud-"), key))
    return {key: tags[key] for key in ordered[:_OBJECT_TAGS_MAX]}
