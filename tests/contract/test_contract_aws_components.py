"""What the AWS stacks promise: controls on every bucket, named rights, roles that wait, tags, kept data."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.markdown import ROOT
from support.simulated_stack import AWS_SDK
from support.stack_plan import plan_of

STACKS = ["aws-dev", "aws-prod"]
ACCOUNT = "123456789012"
# Actions that name no resource in the service authorization reference.
NAMES_NONE = {
    *("ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "cloudwatch:PutMetricData"),
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"),
    *("sagemaker:ListEndpointConfigs", "sagemaker:ListModels"),
    *("application-autoscaling:DescribeScalableTargets",),
    *("application-autoscaling:DescribeScalingPolicies",),
    *("application-autoscaling:DescribeScheduledActions",),
    *("cloudformation:CreateResource", "cloudformation:GetResource", "cloudformation:UpdateResource"),
    *("cloudformation:DeleteResource", "cloudformation:GetResourceRequestStatus"),
    *("ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
}


@cache
def planned(stack: str) -> dict[str, Any]:
    with TemporaryDirectory() as home:
        return plan_of(stack, Path(home))


def resources(stack: str, kind: str) -> list[dict[str, Any]]:
    """Every resource whose type ends with `kind`; an empty answer would prove nothing."""
    found = [entry for entry in planned(stack)["resources"] if entry["type"].rsplit(":", 1)[-1] == kind]
    assert found, f"{stack} declares no {kind}"
    return found


def by_bucket(stack: str, kind: str) -> dict[str, dict[str, Any]]:
    return {entry["inputs"]["bucket"]: entry["inputs"] for entry in resources(stack, kind)}


def statements(policy: str) -> list[dict[str, Any]]:
    return json.loads(policy)["Statement"]


def identity_statements(stack: str) -> list[dict[str, Any]]:
    """Every statement of what roles and deployers may do."""
    entries = [*resources(stack, "RolePolicy"), *resources(stack, "Policy")]
    policies = [entry for entry in entries if entry["type"].startswith("aws:iam/")]
    return [statement for entry in policies for statement in statements(entry["inputs"]["policy"])]


@pytest.mark.parametrize("stack", STACKS)
def test_every_bucket_has_every_control(stack: str) -> None:
    buckets = {entry["inputs"]["bucket"] for entry in resources(stack, "Bucket")}
    assert len(buckets) == 3
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    public = by_bucket(stack, "BucketPublicAccessBlock")
    assert set(public) == buckets
    assert all(inputs[flag] is True for inputs in public.values() for flag in flags)
    owners = by_bucket(stack, "BucketOwnershipControls")
    assert {name: inputs["rule"]["objectOwnership"] for name, inputs in owners.items()} == dict.fromkeys(
        buckets, "BucketOwnerEnforced"
    )
    versions = by_bucket(stack, "BucketVersioning")
    assert set(versions) == buckets
    assert all(inputs["versioningConfiguration"]["status"] == "Enabled" for inputs in versions.values())
    for inputs in by_bucket(stack, "BucketLifecycleConfiguration").values():
        (rule,) = inputs["rules"]
        assert rule["status"] == "Enabled"
        assert rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"] == 7
        assert rule["noncurrentVersionExpiration"]["noncurrentDays"] == 90


@pytest.mark.parametrize("stack", STACKS)
def test_objects_are_encrypted_with_the_stacks_key_but_for_access_logs(stack: str) -> None:
    rules = {
        name: inputs["rules"][0]
        for name, inputs in by_bucket(stack, "BucketServerSideEncryptionConfiguration").items()
    }
    logs = [name for name in rules if "-logs-" in name]
    assert len(rules) == 3
    assert len(logs) == 1
    default = "applyServerSideEncryptionByDefault"
    for name, rule in rules.items():
        assert rule["bucketKeyEnabled"] is (name not in logs)
        # S3's guide asks for SSE-S3 where access logs are delivered.
        assert rule[default]["sseAlgorithm"] == ("AES256" if name in logs else "aws:kms")
        assert (f":{ACCOUNT}:key/" in rule[default].get("kmsMasterKeyId", "")) is (name not in logs)
    logging = by_bucket(stack, "BucketLogging")
    assert set(logging) == set(rules) - set(logs)
    assert {inputs["targetBucket"] for inputs in logging.values()} == set(logs)
    assert len({inputs["targetPrefix"] for inputs in logging.values()}) == 2


@pytest.mark.parametrize("stack", STACKS)
def test_buckets_refuse_plain_connections_and_old_tls_and_allow_nobody_else(stack: str) -> None:
    for bucket, inputs in by_bucket(stack, "BucketPolicy").items():
        told = statements(inputs["policy"])
        denied = [statement for statement in told if statement["Effect"] == "Deny"]
        assert [statement["Condition"] for statement in denied] == [
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ]
        for statement in denied:
            assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
            assert statement["Principal"] == "*"
        for statement in told[len(denied) :]:
            assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


@pytest.mark.parametrize("stack", STACKS)
def test_access_logs_are_written_only_where_the_buckets_send_them(stack: str) -> None:
    (logs,) = (name for name in by_bucket(stack, "BucketPolicy") if "-logs-" in name)
    (delivery,) = (
        statement
        for statement in statements(by_bucket(stack, "BucketPolicy")[logs]["policy"])
        if statement["Effect"] == "Allow"
    )
    logging = by_bucket(stack, "BucketLogging")
    assert delivery["Resource"] == [
        f"arn:aws:s3:::{logs}/{inputs['targetPrefix']}*" for inputs in logging.values()
    ]
    assert delivery["Condition"]["ArnLike"]["aws:SourceArn"] == [f"arn:aws:s3:::{name}" for name in logging]


@pytest.mark.parametrize("stack", STACKS)
def test_the_key_rotates_and_is_open_to_this_account_alone(stack: str) -> None:
    (key,) = resources(stack, "Key")
    assert key["inputs"]["enableKeyRotation"] is True
    assert key["inputs"]["deletionWindowInDays"] == 30
    for statement in statements(key["inputs"]["policy"]):
        assert statement["Principal"] != "*"
        if "AWS" in statement["Principal"]:
            assert statement["Principal"]["AWS"] == f"arn:aws:iam::{ACCOUNT}:root"
        else:
            assert ACCOUNT in json.dumps(statement["Condition"])


@pytest.mark.parametrize("stack", STACKS)
def test_no_right_is_wider_than_the_things_it_names(stack: str) -> None:
    judged = 0
    for statement in identity_statements(stack):
        assert statement["Effect"] == "Allow"
        judged += 1
        wide = [resource for resource in statement["Resource"] if resource == "*"]
        assert not any(action.endswith(":*") or action == "*" for action in statement["Action"]), statement
        if wide:
            assert set(statement["Action"]) <= NAMES_NONE, statement
        if "iam:PassRole" in statement["Action"]:
            assert statement["Condition"] == {
                "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
            }
            assert all(":role/mlcloud-aws-" in role for role in statement["Resource"])
    assert judged > 15


@pytest.mark.parametrize("stack", STACKS)
def test_no_managed_policy_of_awss_own_is_attached(stack: str) -> None:
    policies = [
        entry["inputs"]["policyArn"]
        for entry in planned(stack)["resources"]
        if entry["type"] == "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    ]
    assert not any("FullAccess" in arn or "AdministratorAccess" in arn for arn in policies)


@pytest.mark.parametrize("stack", STACKS)
def test_roles_trust_one_service_for_this_account(stack: str) -> None:
    roles = {entry["name"]: entry["inputs"] for entry in resources(stack, "Role")}
    assert {"identity-training", "identity-endpoint"} <= set(roles)
    for name in ("identity-training", "identity-endpoint", *(n for n in roles if n.startswith("network-"))):
        (trust,) = statements(roles[name]["assumeRolePolicy"])
        assert len(trust["Principal"]) == 1
        assert isinstance(trust["Principal"]["Service"], str)
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        assert all(f":{ACCOUNT}:" in arn for arn in trust["Condition"]["ArnLike"]["aws:SourceArn"])


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
def test_images_are_immutable_scanned_encrypted_and_referred_to_by_digest(stack: str) -> None:
    (repository,) = resources(stack, "Repository")
    inputs = repository["inputs"]
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["encryptionConfigurations"][0]["encryptionType"] == "KMS"
    (lifecycle,) = resources(stack, "LifecyclePolicy")
    rules = json.loads(lifecycle["inputs"]["policy"])["rules"]
    # An image that an endpoint runs has a tag, and must not expire.
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    (image,) = resources(stack, "Image")
    assert image["inputs"]["push"] is True
    assert image["inputs"]["target"] == "root"
    for model in resources(stack, "Model"):
        assert "@sha256:" in model["inputs"]["primaryContainer"]["image"]


def test_prod_is_private() -> None:
    assert all(not entry["inputs"]["mapPublicIpOnLaunch"] for entry in resources("aws-prod", "Subnet"))
    assert len({entry["inputs"]["availabilityZone"] for entry in resources("aws-prod", "Subnet")}) == 2
    (default,) = resources("aws-prod", "DefaultSecurityGroup")
    assert default["inputs"]["ingress"] == default["inputs"]["egress"] == []
    (flow,) = resources("aws-prod", "FlowLog")
    assert flow["inputs"]["trafficType"] == "ALL"
    for kind in ("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
        for rule in resources("aws-prod", kind):
            assert "cidrIpv4" not in rule["inputs"]
            assert "cidrIpv6" not in rule["inputs"]
            assert rule["inputs"]["description"]
            assert rule["inputs"]["ipProtocol"] != "-1"
    declared = {entry["type"].rsplit(":", 1)[-1] for entry in planned("aws-prod")["resources"]}
    assert not declared & {"InternetGateway", "NatGateway", "Eip"}


def test_prod_reaches_named_services_for_this_account_alone() -> None:
    endpoints = {
        entry["inputs"]["serviceName"].split("eu-central-1.")[1]: entry["inputs"]
        for entry in resources("aws-prod", "VpcEndpoint")
    }
    services = "sagemaker.api sagemaker.runtime ecr.api ecr.dkr logs sts kms s3"
    assert set(services.split()) <= set(endpoints)
    for service, inputs in endpoints.items():
        first = statements(inputs["policy"])[0]
        assert first["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
        assert inputs.get("privateDnsEnabled", False) is (service != "s3")
    assert statements(endpoints["kms"]["policy"])[0]["Resource"] != ["*"]


def test_dev_costs_nothing_for_a_network() -> None:
    types = {entry["type"].split(":")[1].split("/")[0] for entry in planned("aws-dev")["resources"]}
    assert not types & {"ec2", "vpc", "batch"}


def test_prod_keeps_what_holds_data_and_dev_goes_with_it() -> None:
    for kind in ("Bucket", "Key", "Repository", "LogGroup", "ModelPackageGroup"):
        assert all(entry["protect"] and entry["retainOnDelete"] for entry in resources("aws-prod", kind))
        assert not any(entry["protect"] for entry in resources("aws-dev", kind))
    assert not any(entry["inputs"].get("forceDestroy") for entry in resources("aws-prod", "Bucket"))
    assert all(entry["inputs"]["forceDestroy"] for entry in resources("aws-dev", "Bucket"))
    # A bucket that is kept keeps its controls.
    for kind in ("BucketPublicAccessBlock", "BucketPolicy", "BucketOwnershipControls"):
        assert all(entry["retainOnDelete"] for entry in resources("aws-prod", kind))


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


@AWS_SDK
def test_the_image_is_made_of_what_the_dockerfile_copies() -> None:
    from mlcloud.aws.settings_args import IMAGE_SOURCES

    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert set(IMAGE_SOURCES) == let_in
