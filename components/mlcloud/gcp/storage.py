"""Storage on GCP: the stack's KMS key, and buckets for data, models and logs."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import kms
from pulumi_gcp import storage as cloud_storage

from mlcloud.core.args import validate, within
from mlcloud.core.datafile import DataFile
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.bucket import GcpBucket, GcpBucketArgs
from mlcloud.gcp.foundation import ServiceAgents
from mlcloud.gcp.grants import LONG_WAIT_S, once_seen, wait_problem

# checkov CKV_GCP_43 and the CIS benchmark want a new version every 90 days.
_ROTATION: Final = f"{90 * 24 * 3600}s"
# A version that was destroyed by mistake takes everything with it; it can be restored for so long
# (https://cloud.google.com/kms/docs/destroy-restore).
_DESTROY_AFTER: Final = f"{30 * 24 * 3600}s"
_USE_KEY: Final = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
# Who writes usage logs (https://cloud.google.com/storage/docs/access-logs).
_LOG_WRITER: Final = "group:cloud-storage-analytics@google.com"


@dataclass(frozen=True, kw_only=True)
class GcpStorageArgs:
    """What the storage of a stack on GCP is made from.

    Attributes:
        scope: Whose it is and where.
        agents: Google's agents of the project, which are allowed to use the key.
        data: A data file to upload into the data bucket. Default: none.
        log_retention_days: Usage logs are deleted after so many days. Default 365.
        grant_wait_s: Seconds that a new grant of the key takes to be seen everywhere, 0 to 3600. Default 420.
    """

    scope: Scope
    agents: ServiceAgents
    data: DataFile | None = None
    log_retention_days: int = 365
    grant_wait_s: float = LONG_WAIT_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The storage",
            within("log_retention_days", self.log_retention_days, low=1),
            wait_problem(self.grant_wait_s),
        )


class GcpStorage(pulumi.ComponentResource):
    """The stack's key; its data bucket with the content-addressed data file; its models and log buckets."""

    key_name: pulumi.Output[str]
    """The key that encrypts all of the stack, known once Google's agents may use it, and it is seen that
    they may."""
    data: GcpBucket
    models: GcpBucket
    logs: GcpBucket
    data_uri: pulumi.Output[str] | None
    """`gs://` address of the uploaded data file; None where no file was given."""

    def __init__(self, name: str, args: GcpStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpStorage", name, {}, opts)
        scope = args.scope
        self.key_name = self._key(name, args)
        self.logs = GcpBucket(
            f"{name}-logs",
            GcpBucketArgs(
                scope=scope,
                part="logs",
                key_name=self.key_name,
                expire_after_days=args.log_retention_days,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        written = cloud_storage.BucketIAMMember(
            f"{name}-logs-writer",
            bucket=self.logs.name,
            role="roles/storage.objectCreator",
            member=_LOG_WRITER,
            opts=child_options(self, environment=scope.environment),
        )
        log_bucket = pulumi.Output.all(self.logs.name, written.id).apply(lambda known: str(known[0]))
        self.data, self.models = (
            GcpBucket(
                f"{name}-{part}",
                GcpBucketArgs(scope=scope, part=part, key_name=self.key_name, log_bucket=log_bucket),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for part in ("data", "models")
        )
        self.data_uri = None if args.data is None else self._upload(name, scope, args.data)
        self.register_outputs(
            {
                "key_name": self.key_name,
                "data_bucket": self.data.name,
                "models_bucket": self.models.name,
                "logs_bucket": self.logs.name,
                "data_uri": self.data_uri,
            }
        )

    def _key(self, name: str, args: GcpStorageArgs) -> pulumi.Output[str]:
        """Declare the key, and return its name, which waits for what Google's agents may do with it."""
        scope = args.scope
        options = child_options(self, environment=scope.environment, holds_data=True)
        ring = kms.KeyRing(
            f"{name}-key-ring",
            # KMS never deletes a ring and never gives its name again, so that each stack has a new one
            # (https://cloud.google.com/kms/docs/resource-hierarchy).
            name=None,
            project=scope.account,
            location=scope.region,
            opts=options,
        )
        key = kms.CryptoKey(
            f"{name}-key",
            name=scope.name("gcp-kms-key"),
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=_ROTATION,
            destroy_scheduled_duration=_DESTROY_AFTER,
            labels=scope.tags,
            opts=options,
        )
        agents = {
            "storage": args.agents.storage,
            "artifact-registry": args.agents.artifact_registry,
            "vertex": args.agents.vertex,
            "logging": args.agents.logging,
        }
        grants = [
            kms.CryptoKeyIAMMember(
                f"{name}-key-{agent}",
                crypto_key_id=key.id,
                role=_USE_KEY,
                member=pulumi.Output.concat("serviceAccount:", email),
                # What is kept stays readable.
                opts=child_options(
                    self,
                    environment=scope.environment,
                    extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None),
                ),
            )
            for agent, email in agents.items()
        ]
        # Cloud Storage, Artifact Registry, Logging and Vertex AI refuse a key that they may not use yet, and
        # pulumi-gcp gives up at the first refusal.
        return once_seen(
            f"{name}-key-grants",
            key.id,
            grants,
            wait_s=args.grant_wait_s,
            opts=child_options(self, environment=scope.environment),
        )

    def _upload(self, name: str, scope: Scope, data: DataFile) -> pulumi.Output[str]:
        """Upload a file under its hash: other content is another object, and what was trained on stays."""
        uploaded = cloud_storage.BucketObject(
            f"{name}-data-file",
            bucket=self.data.name,
            name=f"objects/{data.sha256}/{data.path.name}",
            source=pulumi.FileAsset(str(data.path)),
            opts=child_options(
                self,
                environment=scope.environment,
                extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None),
            ),
        )
        return pulumi.Output.concat("gs://", uploaded.bucket, "/", uploaded.output_name)
