"""Cloud Control: any CloudFormation type as JSON, replaced when a create-only property in it changes.

Source: https://github.com/hashicorp/terraform-provider-aws internal/service/cloudcontrol/resource.go
"""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.simulated.aws.replacements import create_only
from mlcloud.simulated.cloud import Looks

RESOURCE: Final = "aws:cloudcontrol/resource:Resource"
_STATE: Final = "desiredState"


def inner_identity(token: str, inputs: Properties) -> tuple[str, str]:
    """The input that holds create-only properties inside it, and those of them that are given, as text."""
    if token != RESOURCE:
        return "", ""
    text, kind = inputs.get(_STATE), inputs.get("typeName")
    if not isinstance(text, str) or not isinstance(kind, str) or UNKNOWN in (text, kind):
        return _STATE, UNKNOWN
    try:
        state: Any = json.loads(text)
    except ValueError:
        return _STATE, text
    # A path inside a top-level property counts as the whole of it.
    names = {path.split("/")[0] for path in create_only(kind)}
    given = cast("Properties", state) if isinstance(state, dict) else {}
    return _STATE, json.dumps({name: given[name] for name in sorted(names & set(given))}, sort_keys=True)


def looks(inputs: Mapping[str, Any]) -> Looks:
    """The identifier is that of CloudFormation's type; a model package's is its ARN."""
    arn = "arn:{partition}:sagemaker:{region}:{account}:model-package/{seventeen}"
    identifier = arn if inputs.get("typeName") == "AWS::SageMaker::ModelPackage" else "{typeName}-{seventeen}"
    return Looks(id=identifier, outputs={"properties": "{desiredState}"})
