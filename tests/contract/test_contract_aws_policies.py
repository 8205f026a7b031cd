"""Every policy document on AWS speaks of what there is, and of no more than it has to."""

from pathlib import Path

import pytest
from support.guide_examples import planned_example
from support.judges.aws.policies import documents, judge
from support.stack_plan import planned

# Trusts, roles and deployer; bucket, key, topic and log policies; endpoints of the network in prod.
DOCUMENTS = {"aws-dev": 12, "aws-prod": 28}


@pytest.mark.parametrize("stack", DOCUMENTS)
def test_a_stacks_policies_are_what_iam_takes(stack: str) -> None:
    declared = planned(stack)["resources"]
    assert len(documents(declared)) == DOCUMENTS[stack]
    judge(declared).check(share=1.0)


@pytest.mark.parametrize("heading", ["Storage", "Network", "Identity", "Monitoring", "Cluster"])
def test_a_components_policies_are_what_iam_takes(heading: str, tmp_path: Path) -> None:
    found = planned_example("aws", heading, tmp_path, config={"aws:region": "eu-central-1"})
    judge(found["resources"]).check(share=1.0)
