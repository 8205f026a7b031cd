"""What the AWS stacks promise beside the controls: logs, roles that wait, ways out, tags, kept data."""

import json
import re
from typing import Any

import pytest
from support.markdown import ROOT
from support.stack_plan import planned

STACKS = ["aws-dev", "aws-prod"]
ACCOUNT = "123456789012"


def resources(stack: str, kind: str) -> list[dict[str, Any]]:
    """Every resource whose type ends with `kind`; an empty answer would prove nothing."""
    found = [entry for entry in planned(stack)["resources"] if entry["type"].rsplit(":", 1)[-1] == kind]
    assert found, f"{stack} declares no {kind}"
    return found


def by_bucket(stack: str, kind: str) -> dict[str, dict[str, Any]]:
    return {entry["inputs"]["bucket"]: entry["inputs"] for entry in resources(stack, kind)}


def statements(policy: str) -> list[dict[str, Any]]:
    return json.loads(policy)["Statement"]


@pytest.mark.parametrize("stack", STACKS)
def test_access_logs_are_written_only_where_the_buckets_send_them(stack: str) -> None:
    (logs,) = (name for name in by_bucket(stack, "BucketPolicy") if "-logs-" in name)
    (delivery,) = (
        statement
        for statement in statements(by_bucket(stack, "BucketPolicy")[logs]["policy"])
        if statement["Effect"] == "Allow"
    )
    logging = by_bucket(stack, "BucketLogging")
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert delivery["Resource"] == [
        f"arn:aws:s3:::{logs}/{inputs['targetPrefix']}*" for inputs in logging.values()
    ]
    assert delivery["Condition"]["ArnLike"]["aws:SourceArn"] == [f"arn:aws:s3:::{name}" for name in logging]


@pytest.mark.parametrize("stack", STACKS)
def test_policies_of_keys_roles_and_topics_speak_of_this_account_alone(stack: str) -> None:
    key, topic = resources(stack, "Key"), resources(stack, "TopicPolicy")
    written = [entry["inputs"]["policy"] for entry in (*key, *topic)]
    written += [entry["inputs"]["assumeRolePolicy"] for entry in resources(stack, "Role")]
    accounts = [found for policy in written for found in re.findall(r"\b\d{12}\b", policy)]
    assert len(accounts) > 10
    assert set(accounts) == {ACCOUNT}
    for statement in statements(written[0]):
        assert (
            statement["Principal"].get("AWS", f"arn:aws:iam::{ACCOUNT}:root")
            == f"arn:aws:iam::{ACCOUNT}:root"
        )


@pytest.mark.parametrize("stack", STACKS)
def test_a_deployers_policies_fit_into_what_iam_takes(stack: str) -> None:
    policies = [entry["inputs"] for entry in resources(stack, "Policy") if "deployer" in entry["name"]]
    assert len(policies) == 2
    assert all(len(inputs["policy"]) <= 6144 for inputs in policies)


@pytest.mark.parametrize("stack", STACKS)
def test_what_uses_a_role_comes_after_the_roles_policy(stack: str) -> None:
    """A role without its policy is what a fresh account's first update fails on."""
    users = [*resources(stack, "Model")]
    if stack == "aws-dev":
        users += resources(stack, "TrainingRun")
    for user in users:
        assert any("rolePolicy:RolePolicy::identity-" in urn for urn in user["dependencies"]), user["name"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_log_group_that_a_role_writes_is_declared_or_may_be_made(stack: str) -> None:
    declared = {entry["inputs"]["name"] for entry in resources(stack, "LogGroup")}
    for part in ("training", "endpoint"):
        (policy,) = (e for e in resources(stack, "RolePolicy") if e["name"] == f"identity-{part}-policy")
        told = statements(policy["inputs"]["policy"])
        made = {arn for s in told if "logs:CreateLogGroup" in s["Action"] for arn in s["Resource"]}
        written = {arn for s in told if "logs:PutLogEvents" in s["Action"] for arn in s["Resource"]}
        assert written
        for arn in written - made:
            assert arn.split(":log-group:")[1].removesuffix(":*") in declared, arn


def test_what_runs_comes_after_the_ways_out_of_its_network() -> None:
    (model,) = resources("aws-prod", "Model")
    needed = " ".join(model["dependencies"])
    assert "network-endpoint-s3" in needed
    assert "network-endpoint-ecr.dkr" in needed
    assert "network-workload-out-https" in needed


@pytest.mark.parametrize("stack", STACKS)
def test_images_that_run_are_kept_and_referred_to_by_digest(stack: str) -> None:
    (lifecycle,) = resources(stack, "LifecyclePolicy")
    rules = json.loads(lifecycle["inputs"]["policy"])["rules"]
    # An image that an endpoint runs has a tag, and must not expire.
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    (image,) = resources(stack, "Image")
    assert image["inputs"]["push"] is True
    assert image["inputs"]["target"] == "root"
    for model in resources(stack, "Model"):
        assert "@sha256:" in model["inputs"]["primaryContainer"]["image"]


def test_prod_is_in_two_zones_and_has_no_way_to_the_internet() -> None:
    assert len({entry["inputs"]["availabilityZone"] for entry in resources("aws-prod", "Subnet")}) == 2
    for kind in ("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
        for rule in resources("aws-prod", kind):
            assert "cidrIpv4" not in rule["inputs"]
            assert "cidrIpv6" not in rule["inputs"]
    declared = {entry["type"].rsplit(":", 1)[-1] for entry in planned("aws-prod")["resources"]}
    assert not declared & {"InternetGateway", "NatGateway", "Eip"}


def test_prod_reaches_services_for_this_account_alone() -> None:
    endpoints = {
        entry["inputs"]["serviceName"].split("eu-central-1.")[1]: entry["inputs"]
        for entry in resources("aws-prod", "VpcEndpoint")
    }
    for inputs in endpoints.values():
        first = statements(inputs["policy"])[0]
        assert first["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert statements(endpoints["kms"]["policy"])[0]["Resource"] != ["*"]


def test_dev_costs_nothing_for_a_network() -> None:
    types = {entry["type"].split(":")[1].split("/")[0] for entry in planned("aws-dev")["resources"]}
    assert not types & {"ec2", "vpc", "batch"}


def test_prod_keeps_what_holds_data_and_dev_goes_with_it() -> None:
    for kind in ("Bucket", "Key", "Repository", "LogGroup", "ModelPackageGroup"):
        assert all(entry["protect"] and entry["retainOnDelete"] for entry in resources("aws-prod", kind))
        assert not any(entry["protect"] for entry in resources("aws-dev", kind))
    assert all(entry["inputs"]["forceDestroy"] for entry in resources("aws-dev", "Bucket"))
    # A bucket that is kept keeps its controls.
    for kind in ("BucketPublicAccessBlock", "BucketPolicy", "BucketOwnershipControls"):
        assert all(entry["retainOnDelete"] for entry in resources("aws-prod", kind))


def test_prods_endpoint_goes_only_when_its_protection_was_taken_off() -> None:
    def endpoints(stack: str) -> list[dict[str, Any]]:
        return [entry for entry in resources(stack, "Endpoint") if entry["type"] == "mlcloud:aws:Endpoint"]

    assert [(entry["protect"], entry["retainOnDelete"]) for entry in endpoints("aws-prod")] == [(True, False)]
    assert [entry["protect"] for entry in endpoints("aws-dev")] == [False]


@pytest.mark.parametrize("stack", STACKS)
def test_everything_that_can_carry_tags_carries_the_stacks(stack: str) -> None:
    own = {"mlcloud-project": "mlcloud", "mlcloud-stack": stack}
    tagged = [
        entry["inputs"]["tags"]
        for entry in planned(stack)["resources"]
        if isinstance(entry["inputs"].get("tags"), dict)
    ]
    assert len(tagged) > 20
    assert all(own.items() <= tags.items() for tags in tagged)


@pytest.mark.parametrize("stack", STACKS)
def test_the_budget_counts_this_stack_and_tells_somebody(stack: str) -> None:
    (budget,) = resources(stack, "Budget")
    filters = budget["inputs"]["filterExpression"]["ands"]
    assert [(part["tags"]["key"], part["tags"]["values"]) for part in filters] == [
        ("mlcloud-project", ["mlcloud"]),
        ("mlcloud-stack", [stack]),
    ]
    assert all(alert["subscriberSnsTopicArns"] for alert in budget["inputs"]["notifications"])


@pytest.mark.parametrize("stack", STACKS)
def test_type_tokens_are_those_that_a_hosted_component_has(stack: str) -> None:
    tokens = [entry["type"] for entry in planned(stack)["resources"] if not entry["custom"]]
    assert all(token.startswith("mlcloud:index:Aws") or token == "pulumi:pulumi:Stack" for token in tokens)


def test_the_image_is_made_of_what_the_dockerfile_copies() -> None:
    from mlcloud.core.image import IMAGE_SOURCES

    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(IMAGE_SOURCES) == let_in
