"""Checks that several resources of AWS share, one value each.

Patterns and limits are those of the API model that botocore carries, where nothing else is named
(https://github.com/boto/botocore, botocore/data/sagemaker/2017-07-24/service-2.json).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

# TrainingJobName, EndpointName, EndpointConfigName, ModelName.
SAGEMAKER_NAME: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
SAGEMAKER_NAME_LENGTH: Final = 63


def name_of_at_most(longest: int) -> Callable[[str], str | None]:
    """A name as SageMaker takes it, of at most so many characters."""

    def check(value: str) -> str | None:
        if len(value) <= longest and re.fullmatch(SAGEMAKER_NAME, value):
            return None
        return f'"{value}" is not a name: 1 to {longest} letters, digits and -, no - at either end.'

    return check


def region(value: str) -> str | None:
    """A region's code."""
    if re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", value):
        return None
    return f'"{value}" is not a region: give its code, such as eu-central-1.'


def role_arn(value: str) -> str | None:
    """The ARN of an IAM role."""
    if re.fullmatch(r"arn:aws[a-z\-]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+", value):
        return None
    return f'"{value}" is not the ARN of a role: arn:aws:iam::<account>:role/<name>.'


def s3_uri(value: str) -> str | None:
    """An `s3://` URI of an object or a prefix."""
    if len(value) <= 1024 and re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", value):
        return None
    return f'"{value}" is not an S3 URI: s3://<bucket>/<key>, at most 1024 characters.'


def bucket(value: str) -> str | None:
    """The name of a bucket (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
        return None
    return f'"{value}" is not a bucket\'s name: 3 to 63 of a-z, 0-9, . and -.'


def instance_type(value: str) -> str | None:
    """A machine type of SageMaker; which there are differs by region and changes, so the API decides."""
    if re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", value):
        return None
    return f'"{value}" is not a machine type of SageMaker: ml.<family>.<size>, such as ml.m5.large.'


def between(lowest: float, highest: float) -> Callable[[float], str | None]:
    """A number in a range, both ends allowed."""

    def check(value: float) -> str | None:
        return None if lowest <= value <= highest else f"{value:g} is not from {lowest:g} to {highest:g}."

    return check


def at_most(count: int) -> Callable[[Sequence[str]], str | None]:
    """A list that is not too long."""

    def check(value: Sequence[str]) -> str | None:
        return None if len(value) <= count else f"{len(value)} are too many: at most {count}."

    return check


def tags(value: Mapping[str, str]) -> str | None:
    """Tags as AWS takes them: at most 50, keys of 1 to 128 and values of up to 256 characters."""
    allowed = r"[\w\s.:/=+\-@]"
    wrong = [
        key
        for key, text in value.items()
        if not re.fullmatch(rf"{allowed}{{1,128}}", key)
        or key.lower().startswith("aws:")
        or not re.fullmatch(rf"{allowed}{{0,256}}", text)
    ]
    if wrong:
        return (
            f"{', '.join(wrong)}: a tag has a key of 1 to 128 and a value of at most 256 letters, digits, "
            "spaces and _.:/=+-@, and does not begin with `aws:`."
        )
    return None if len(value) <= 50 else f"{len(value)} are too many: at most 50."


def batch_arn(kind: str) -> Callable[[str], str | None]:
    """The ARN of a thing of Batch's: `job-queue` or `job-definition`."""

    def check(value: str) -> str | None:
        if re.fullmatch(rf"arn:aws[a-z\-]*:batch:[a-z0-9\-]+:\d{{12}}:{kind}/[A-Za-z0-9_\-]+(:\d+)?", value):
            return None
        return f'"{value}" is not the ARN of a {kind}: arn:aws:batch:<region>:<account>:{kind}/<name>.'

    return check
