"""Names of things: one table of what each service allows, and one way to make a name that fits.

Limits are the services' own: AWS from the API models that botocore carries
(https://github.com/boto/botocore, botocore/data) and the S3 user guide, GCP from the API discovery documents
(https://www.googleapis.com/discovery/v1/apis), Azure from its naming rules
(https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from mlcloud.core.errors import UserError

Service = Literal[
    "local-bucket",
    "local-endpoint",
    "aws-s3-bucket",
    "aws-ecr-repository",
    "aws-iam-role",
    "aws-kms-alias",
    "aws-sagemaker",
    "aws-batch",
    "aws-cloudwatch-alarm",
    "aws-sns-topic",
    "aws-budget",
    "gcp-storage-bucket",
    "gcp-artifact-repository",
    "gcp-service-account",
    "gcp-kms-key",
    "gcp-logging-bucket",
    "gcp-network",
    "gcp-vertex-endpoint",
    "gcp-vertex-model",
    "gcp-vertex-persistent-resource",
    "gcp-display-name",
    "azure-resource-group",
    "azure-storage-account",
    "azure-container-registry",
    "azure-key-vault",
    "azure-identity",
    "azure-log-analytics",
    "azure-ml-workspace",
    "azure-ml-compute",
    "azure-ml-endpoint",
    "azure-ml-model",
    "azure-ml-environment",
    "azure-key",
    "azure-network",
    "azure-role",
    "azure-monitor",
    "azure-budget",
]

_HASH_LENGTH: Final = 8


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What a service allows in a name; names made here use lower case, digits and hyphens at most.

    Attributes:
        shortest: Fewest characters.
        longest: Most characters.
        pattern: The service's own rule, as a regular expression for a whole name.
        hyphens: Whether hyphens may stand between words.
        shared: Whether the name is taken for every customer of the cloud, or a region of it: it then always
            carries the hash, with the account in it.
        source: Where the numbers are from.
    """

    shortest: int
    longest: int
    pattern: str
    hyphens: bool = True
    shared: bool = False
    source: str


_WORDS: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_RFC1035: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_AZURE: Final = "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"
_BOTOCORE: Final = "https://github.com/boto/botocore botocore/data/"
_DISCOVERY: Final = "https://www.googleapis.com/discovery/v1/apis "


def _rule(shortest: int, longest: int, pattern: str, source: str) -> NameRule:
    return NameRule(shortest=shortest, longest=longest, pattern=pattern, source=source)


def _shared(shortest: int, longest: int, pattern: str, source: str, *, hyphens: bool = True) -> NameRule:
    return NameRule(
        shortest=shortest, longest=longest, pattern=pattern, hyphens=hyphens, shared=True, source=source
    )


RULES: Final[Mapping[Service, NameRule]] = MappingProxyType(
    {
        # A folder of our own: a DNS label, so that a name moves to a cloud unchanged.
        "local-bucket": _rule(1, 63, _RFC1035, "RFC 1035, section 2.3.1"),
        "local-endpoint": _rule(1, 63, _RFC1035, "RFC 1035, section 2.3.1"),
        "aws-s3-bucket": _shared(
            3,
            63,
            r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]*[a-z0-9]",
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
        ),
        "aws-ecr-repository": _rule(2, 256, r"[a-z0-9]+(-+[a-z0-9]+)*", _BOTOCORE + "ecr RepositoryName"),
        "aws-iam-role": _rule(1, 64, r"[\w+=,.@-]+", _BOTOCORE + "iam roleNameType"),
        "aws-kms-alias": _rule(1, 256 - len("alias/"), r"[a-zA-Z0-9/_-]+", _BOTOCORE + "kms AliasNameType"),
        "aws-sagemaker": _rule(
            1,
            63,
            _WORDS,
            _BOTOCORE + "sagemaker EndpointName, EndpointConfigName, ModelName, TrainingJobName",
        ),
        "aws-batch": _rule(1, 128, r"[a-zA-Z0-9_-]+", _BOTOCORE + "batch CreateJobQueueRequest"),
        "aws-cloudwatch-alarm": _rule(1, 255, r".+", _BOTOCORE + "cloudwatch AlarmName"),
        "aws-sns-topic": _rule(1, 256, r"[a-zA-Z0-9_-]+", _BOTOCORE + "sns CreateTopicInput"),
        "aws-budget": _rule(1, 100, r"[^:\\]+", _BOTOCORE + "budgets BudgetName"),
        "gcp-storage-bucket": _shared(
            3,
            63,
            r"(?!goog|.*google)[a-z0-9][a-z0-9_-]*[a-z0-9]",
            "https://cloud.google.com/storage/docs/buckets#naming",
        ),
        "gcp-artifact-repository": _rule(
            1, 63, _RFC1035, "https://cloud.google.com/artifact-registry/docs/repositories/create-repos"
        ),
        "gcp-service-account": _rule(6, 30, _RFC1035, _DISCOVERY + "iam v1 CreateServiceAccountRequest"),
        "gcp-kms-key": _rule(1, 63, r"[a-zA-Z0-9_-]+", _DISCOVERY + "cloudkms v1 keyRings.create"),
        "gcp-logging-bucket": _rule(
            1,
            100,
            r"[A-Za-z0-9][A-Za-z0-9_.-]*",
            "https://cloud.google.com/logging/docs/buckets#create_bucket",
        ),
        "gcp-network": _rule(1, 63, _RFC1035, _DISCOVERY + "compute v1 Network, Subnetwork"),
        "gcp-vertex-endpoint": _rule(1, 63, _RFC1035, _DISCOVERY + "aiplatform v1 endpoints.create"),
        "gcp-vertex-model": _rule(
            1, 63, r"[a-z_][a-z0-9_-]*", _DISCOVERY + "aiplatform v1 UploadModelRequest"
        ),
        "gcp-vertex-persistent-resource": _rule(
            1, 63, _RFC1035, _DISCOVERY + "aiplatform v1 persistentResources.create"
        ),
        "gcp-display-name": _rule(
            1, 60, r".+", _DISCOVERY + "billingbudgets v1 Budget (60); aiplatform 128, monitoring 512"
        ),
        "azure-resource-group": _rule(1, 90, r"[\w().-]*[\w()-]", _AZURE),
        "azure-storage-account": _shared(3, 24, r"[a-z0-9]+", _AZURE, hyphens=False),
        "azure-container-registry": _shared(5, 50, r"[a-zA-Z0-9]+", _AZURE, hyphens=False),
        "azure-key-vault": _shared(3, 24, r"[a-zA-Z](-?[a-zA-Z0-9])*", _AZURE),
        "azure-identity": _rule(3, 128, r"[a-zA-Z0-9][\w-]*", _AZURE),
        "azure-log-analytics": _rule(4, 63, _WORDS, _AZURE),
        "azure-ml-workspace": _rule(3, 33, r"[a-zA-Z0-9-]+", _AZURE),
        "azure-ml-compute": _rule(2, 16, r"[a-zA-Z0-9-]+", _AZURE),
        "azure-ml-endpoint": _shared(
            3,
            32,
            r"[a-zA-Z][a-zA-Z0-9-]*[a-zA-Z0-9]",
            "https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas (online endpoints)",
        ),
        "azure-ml-model": _rule(
            1,
            255,
            r"[a-zA-Z0-9][a-zA-Z0-9_-]*",
            "https://learn.microsoft.com/rest/api/azureml/model-containers/create-or-update",
        ),
        "azure-ml-environment": _rule(
            1,
            255,
            r"[a-zA-Z0-9][a-zA-Z0-9_-]*",
            "https://learn.microsoft.com/rest/api/azureml/environment-containers/create-or-update",
        ),
        "azure-key": _rule(1, 127, r"[a-zA-Z0-9-]+", _AZURE),
        # Virtual networks and private endpoints, 2 to 64; subnets and security groups may have 80.
        "azure-network": _rule(2, 64, r"[a-zA-Z0-9][\w.-]*\w", _AZURE),
        # One name for each role of a tenant, whatever the subscription.
        "azure-role": _shared(
            1, 512, r".+", "https://learn.microsoft.com/azure/role-based-access-control/custom-roles"
        ),
        # Alert rules, action groups and autoscale settings: 1 to 260, and signs that our names never have.
        "azure-monitor": _rule(1, 260, r"[^:<>+/&%\\?|@#*{}]*[^:<>+/&%\\?|@#*{} .]", _AZURE),
        "azure-budget": _rule(
            1, 63, r"[a-zA-Z0-9_-]+", "https://learn.microsoft.com/rest/api/consumption/budgets"
        ),
    }
)


def name_for(service: Service, *parts: str, account: str = "") -> str:
    """Return the name of a thing: its parts joined, shortened with a stable hash where they do not fit.

    The same parts always give the same name. The hash stands in the name when the parts are too long or too
    short, lose characters that are not allowed, or share the name with other customers.

    Args:
        service: Whose limits hold.
        parts: What the name is made of: project, stack, part.
        account: The cloud account, subscription or project, for names that all customers share.

    Raises:
        UserError: The service reserves words that the parts contain.
    """
    rule = RULES[service]
    separator = "-" if rule.hyphens else ""
    given = "-".join(parts)
    words = [word for word in re.split(r"[^a-z0-9]+", given.lower()) if word]
    # A letter first is the strictest rule of the table, and harmless elsewhere.
    if not words or not words[0][0].isalpha():
        words.insert(0, "n")
    plain = separator.join(words)
    faithful = plain == (given if rule.hyphens else given.replace("-", ""))
    if faithful and not rule.shared and rule.shortest <= len(plain) <= rule.longest:
        return _allowed(plain, service, rule)
    digest = hashlib.sha256("\0".join([account, *parts]).encode()).hexdigest()[:_HASH_LENGTH]
    room = rule.longest - _HASH_LENGTH - len(separator)
    return _allowed(f"{plain[:room].rstrip('-')}{separator}{digest}", service, rule)


def _allowed(name: str, service: Service, rule: NameRule) -> str:
    if re.fullmatch(rule.pattern, name) is None:
        raise UserError(
            f"{name!r} cannot be the name of a thing of kind {service}: it must match {rule.pattern} "
            f"({rule.source}). "
            "Rename the project or the stack."
        )
    return name
