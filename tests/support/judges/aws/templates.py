"""Templates of CloudFormation, judged by cfn-lint."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.helpers import REGION_PRIMARY
from cfnlint.rules import Match, Rules
from cfnlint.runner import Runner, run_template_by_data


def matches(template: Mapping[str, Any], *, region: str = REGION_PRIMARY) -> list[Match]:
    """What each of cfn-lint's rules says of a template in a region."""
    decoded, errors = decode_str(json.dumps(template))
    assert decoded is not None, errors
    return list(run_template_by_data(decoded, ConfigMixIn(regions=[region]), _rules()))


@cache
def _rules() -> Rules:
    """Its rules, which take longer to load than to apply; its command applies them to many templates, too."""
    return Runner(ConfigMixIn(regions=[REGION_PRIMARY])).rules
