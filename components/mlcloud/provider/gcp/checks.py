"""Checks that several resources of GCP share, one value each.

Forms and limits are those of the discovery documents (https://aiplatform.googleapis.com/$discovery/rest?version=v1),
where nothing else is named.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

# A label's value, and an identifier that is one: lower case, at most 63 characters.
LONGEST_NAME: Final = 63
# Access changes take 2 minutes as a rule, and 7 or more at times
# (https://cloud.google.com/iam/docs/access-change-propagation).
GRANT_WAIT_S: Final = 600.0


def name_of_at_most(longest: int) -> Callable[[str], str | None]:
    """A name that works as an identifier and as a label's value, of at most so many characters."""

    def check(value: str) -> str | None:
        if len(value) <= longest and re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", value):
            return None
        return f'"{value}" is not a name: 1 to {longest} of a-z, 0-9 and -, a letter first, no - at the end.'

    return check


def model_id(value: str) -> str | None:
    """The identifier of a model (UploadModelRequest.modelId)."""
    if re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", value):
        return None
    return f'"{value}" is not a model\'s identifier: 1 to 63 of a-z, 0-9, _ and -, a letter first.'


def project(value: str) -> str | None:
    """A project's identifier (https://cloud.google.com/resource-manager/docs/creating-managing-projects)."""
    if re.fullmatch(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{1,20}", value):
        return None
    return f'"{value}" is not a project: give its identifier, 6 to 30 of a-z, 0-9 and -.'


def region(value: str) -> str | None:
    """A region's name."""
    if re.fullmatch(r"[a-z]+-[a-z]+\d{1,2}", value):
        return None
    return f'"{value}" is not a region: give its name, such as europe-west4.'


def service_account(value: str) -> str | None:
    """The e-mail address of a service account."""
    if re.fullmatch(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com", value):
        return None
    return f'"{value}" is not a service account: <name>@<project>.iam.gserviceaccount.com.'


def gs_uri(value: str) -> str | None:
    """A `gs://` URI of an object or a folder; names have at most 1024 bytes."""
    if len(value) <= 1024 and re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?", value):
        return None
    return f'"{value}" is not an address in Cloud Storage: gs://<bucket>/<object>, at most 1024 characters.'


def bucket(value: str) -> str | None:
    """The name of a bucket (https://cloud.google.com/storage/docs/buckets#naming)."""
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", value):
        return None
    return f'"{value}" is not a bucket\'s name: 3 to 63 of a-z, 0-9, -, _ and dots.'


def image(value: str) -> str | None:
    """An image by digest: a tag may be another image tomorrow."""
    if re.fullmatch(r"[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}", value):
        return None
    form = "<region>-docker.pkg.dev/<project>/<repository>/<image>@sha256:<64 digits>"
    return f'"{value}" is not an image by digest: {form}.'


def machine_type(value: str) -> str | None:
    """A machine type of Compute Engine; which there are differs by region and changes, so the API decides."""
    if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", value):
        return None
    return f'"{value}" is not a machine type: <family>-<kind>-<processors>, such as n1-standard-4.'


def kms_key(value: str) -> str | None:
    """The name of a key (EncryptionSpec.kmsKeyName)."""
    if re.fullmatch(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+", value):
        return None
    return f'"{value}" is not a key: projects/<project>/locations/<region>/keyRings/<ring>/cryptoKeys/<key>.'


def resource_name(*collections: str) -> Callable[[str], str | None]:
    """The full name of a resource of a project and region, such as `.../endpoints/<id>`."""
    form = "/".join(("projects/<project>", *(f"{item}/<{item.rstrip('s')}>" for item in collections)))

    def check(value: str) -> str | None:
        pattern = "/".join(("projects/[^/]+", *(f"{item}/[^/]+" for item in collections)))
        return None if re.fullmatch(pattern, value) else f'"{value}" is not {form}.'

    return check


def between(lowest: float, highest: float) -> Callable[[float], str | None]:
    """A number in a range, both ends allowed."""

    def check(value: float) -> str | None:
        return None if lowest <= value <= highest else f"{value:g} is not from {lowest:g} to {highest:g}."

    return check


grant_wait: Final = between(0, 3600)
"""How long a refusal may be a grant that Google does not see yet."""


def one_of(allowed: Sequence[str]) -> Callable[[str], str | None]:
    """One of a few words."""

    def check(value: str) -> str | None:
        return None if value in allowed else f'"{value}" is none of {", ".join(allowed)}.'

    return check


def route(value: str) -> str | None:
    """A path that a server answers (ModelContainerSpec: it begins with a slash)."""
    if re.fullmatch(r"/[^\s?#]{0,127}", value):
        return None
    return f'"{value}" is not a path: it begins with / and has no spaces, such as /predict.'


def labels(value: Mapping[str, str]) -> str | None:
    """Labels (https://cloud.google.com/resource-manager/docs/labels-overview): 64 with ours, lower case."""
    wrong = [
        key
        for key, text in value.items()
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        or not re.fullmatch(r"[a-z0-9_-]{0,63}", text)
        or key.startswith("mlcloud_")
    ]
    if wrong:
        return (
            f"{', '.join(wrong)}: a label has a key of 1 to 63 and a value of at most 63 of a-z, 0-9, _ and "
            "-, a letter first in the key, and does not begin with `mlcloud_`."
        )
    return None if len(value) <= 60 else f"{len(value)} are too many: at most 60."
