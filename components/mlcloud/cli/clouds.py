"""What up, refresh and destroy say on a cloud: Pulumi changes it, and this is what to type."""

import os
from collections.abc import Mapping
from typing import Final

from mlcloud.doctor.tools import PULUMI_HOW, pulumi

_PAGE: Final = "https://www.pulumi.com/docs/iac/download-install/"
# SageMaker refuses what buildx pushes beside the image otherwise (docs/guides/aws.md).
_BEFORE_UP: Final = {"aws": "BUILDX_NO_DEFAULT_ATTESTATIONS=1 "}
# What a provider has to be told, by the key of the stack's config and the variables that it reads instead.
_ACCOUNT: Final = {
    "gcp": ("gcp:project", "MY-PROJECT", ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")),
    "azure": ("azure-native:subscriptionId", "MY-SUBSCRIPTION", ("ARM_SUBSCRIPTION_ID",)),
}


def pulumi_instead(
    stack: str, cloud: str, command: str, config: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> str:
    """Return what to do instead: the commands to type, with how to get Pulumi where it is not there.

    Args:
        stack: The stack.
        cloud: Where it lives.
        command: Pulumi's command: `up`, `refresh` or `destroy`.
        config: The stack's config, full keys to text.
        environ: The environment variables to look in.
    """
    found = pulumi(environ)
    lines = [f"The stack {stack} is on {cloud}: clouds are changed by Pulumi itself."]
    if found.state == "ok":
        lines.append(f"It is installed ({found.found}). Type:")
    else:
        lines += [f"Pulumi CLI: {found.found}. Install it ({_PAGE}):", f"  {PULUMI_HOW}", "Then type:"]
    # --create makes a stack that is not in Pulumi's backend yet, and takes one that is.
    lines.append(f"  pulumi stack select {stack}{' --create' if command == 'up' else ''}")
    key, example, variables = _ACCOUNT.get(cloud, ("", "", ()))
    if key and not config.get(key) and not any(environ.get(name) for name in variables):
        lines.append(f"  pulumi config set {key} {example} --stack {stack}")
    before = _BEFORE_UP.get(cloud, "") if command == "up" else ""
    lines.append(f"  {before}pulumi {command} --stack {stack}")
    lines.append(
        f"`mlcloud doctor {stack}` says what else is missing; `mlcloud preview {stack}` needs none of it."
    )
    return "\n".join(lines)
