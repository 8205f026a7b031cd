"""The simulated AWS under the embedded engine: a stack of real pulumi-aws resources, without an account."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from mlcloud.simulated.aws import AWS
from mlcloud.simulated.failures import FAIL_VARIABLE, FailAt
from mlcloud.simulated.servicer import SimulatedProvider
from support.simulated_stack import SimulatedStack, chain

CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"


def test_a_plan_knows_the_inputs_that_an_apply_sends(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    plan = stack.preview(chain)
    assert plan.ok and plan.summary == {"create": 16}
    assert "[unknown]" not in json.dumps([[item.inputs, item.outputs] for item in plan.resources])
    stack.up(chain)
    applied = {item.name: item.inputs for item in stack.state.snapshot.resources if item.custom}
    planned = {item.name: item.inputs for item in plan.resources if item.custom}
    assert planned == {name: inputs for name, inputs in applied.items() if name in planned}
    assert len(planned) == 15


def test_two_plans_are_identical(tmp_path: Path) -> None:
    assert (
        SimulatedStack(tmp_path).preview(chain).to_json() == SimulatedStack(tmp_path).preview(chain).to_json()
    )


def test_outputs_look_like_those_of_aws(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path, region="eu-central-1")
    stack.up(chain)
    role, bucket, repository = (stack.outputs(name) for name in ("serving", "models", "trainer"))
    assert role["arn"] == f"arn:aws:iam::123456789012:role/{role['name']}"
    assert role["name"].startswith("serving-") and len(role["name"]) == len("serving-") + 7
    assert bucket["arn"] == f"arn:aws:s3:::{bucket['bucket']}"
    assert bucket["bucketRegionalDomainName"].endswith(".s3.eu-central-1.amazonaws.com")
    url = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{repository['name']}"
    assert repository["repositoryUrl"] == url
    assert stack.outputs("endpoint")["tagsAll"] == {"project": "shop"}
    policy = json.loads(stack.outputs("serving-read")["policy"])
    assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::{bucket['bucket']}/*"


def test_a_second_update_changes_nothing(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    assert stack.up(chain) == {"create": 15}
    assert stack.up(chain) == {"same": 15}
    assert stack.open(chain).refresh().summary == {"same": 16}


def test_an_edit_that_fits_in_place_updates(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    stack.up(chain)
    assert stack.up(lambda: chain(days=30)) == {"same": 14, "update": 1}
    assert stack.outputs("logs")["retentionInDays"] == 30


def test_a_create_only_property_makes_the_resource_anew_and_moves_what_names_it(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    stack.up(chain)
    before = stack.outputs("model")["name"]
    plan = stack.preview(lambda: chain(model_data="s3://models/b.tar.gz"))
    changed = {item.name: item for item in plan.resources if item.op not in ("same", "delete-replaced")}
    assert {name: item.op for name, item in changed.items()} == {
        "model": "replace",
        "configuration": "replace",
        "endpoint": "update",
    }
    (reason,) = [item for item in changed["model"].changes if item.path == "primaryContainer.modelDataUrl"]
    assert reason.forces_replacement and reason.new == "s3://models/b.tar.gz"
    stack.up(lambda: chain(model_data="s3://models/b.tar.gz"))
    assert stack.outputs("model")["name"] != before
    order = [step for step in stack.ops if step[0] != "same"]
    assert order == [
        ("create-replacement", "model"),
        ("create-replacement", "configuration"),
        ("update", "endpoint"),
        ("delete-replaced", "configuration"),
        ("delete-replaced", "model"),
    ]


def test_a_name_of_the_programs_own_goes_before_its_replacement_comes(tmp_path: Path) -> None:
    def program(path: str) -> None:
        aws.iam.Role("role", name="fixed", path=path, assume_role_policy="{}")

    stack = SimulatedStack(tmp_path)
    stack.up(lambda: program("/"))
    stack.up(lambda: program("/ml/"))
    assert stack.ops == [("delete-replaced", "role"), ("create-replacement", "role")]
    assert stack.outputs("role")["arn"] == "arn:aws:iam::123456789012:role/ml/fixed"


def test_everything_is_deleted_before_what_it_needs(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    stack.up(chain)
    assert stack.open(chain).destroy().ok
    order = [name for _, name in stack.ops]
    for first, later in [
        ("errors", "endpoint"),
        ("endpoint", "configuration"),
        ("configuration", "model"),
        ("model", "serving"),
        ("models-encryption", "key"),
        ("serving-out", "serving-group"),
        ("serving-group", "network"),
    ]:
        assert order.index(first) < order.index(later)
    assert stack.state.snapshot.resources == []


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (
            lambda: pulumi.CustomResource("aws:s3/bucket:Bucket", "models", {"bucketPrefx": "a"}),
            "bucketPrefx: `aws:s3/bucket:Bucket` has no property `bucketPrefx`: did you mean `bucketPrefix`?",
        ),
        (
            lambda: aws.s3.BucketVersioning(
                "v",
                bucket="b",
                versioning_configuration={"statsu": "Enabled"},  # type: ignore[typeddict-item]
            ),
            "versioningConfiguration.statsu: `versioningConfiguration` has no property `statsu`: "
            "did you mean `status`?",
        ),
        (
            lambda: pulumi.CustomResource("aws:sagemaker/model:Model", "m", {"name": "m"}),
            "executionRoleArn: `aws:sagemaker/model:Model` needs it, and it is not given.",
        ),
        (
            lambda: pulumi.CustomResource(
                "aws:cloudwatch/logGroup:LogGroup", "logs", {"retentionInDays": "seven"}
            ),
            "retentionInDays: it must be a whole number, not text. (it is 'seven')",
        ),
        (
            lambda: pulumi.CustomResource(CONFIGURATION, "c", {"productionVariants": {"modelName": "m"}}),
            "productionVariants: it must be a list, not a map.",
        ),
        (
            lambda: pulumi.CustomResource("aws:s3/bukcet:Bukcet", "models", {}),
            "declares no resource type `aws:s3/bukcet:Bukcet`",
        ),
    ],
)
def test_inputs_that_aws_does_not_take_are_refused(program: object, told: str, tmp_path: Path) -> None:
    assert told in SimulatedStack(tmp_path).refused(program)  # type: ignore[arg-type]


def test_all_problems_of_a_resource_are_told_at_once(tmp_path: Path) -> None:
    wrong = {"productionVariants": [{"variantNam": "main", "initialInstanceCount": 1.5}], "kmsKey": "k"}
    told = SimulatedStack(tmp_path).refused(lambda: pulumi.CustomResource(CONFIGURATION, "c", wrong))
    assert "productionVariants[0].variantNam" in told
    assert "productionVariants[0].initialInstanceCount: it must be a whole number" in told
    assert "did you mean `kmsKeyArn`?" in told


def test_a_failure_on_demand_stops_there_and_the_next_update_goes_on(tmp_path: Path) -> None:
    failing = SimulatedProvider(AWS, fail_at=[FailAt(target=CONFIGURATION, operation="create", once=True)])
    stack = SimulatedStack(tmp_path, providers={"aws": failing})
    assert not stack.open(chain).up().ok
    assert "The create of configuration failed, as it was told to." in stack.errors
    made = {item.name for item in stack.state.snapshot.resources}
    assert "model" in made and not {"configuration", "endpoint"} & made
    counts = stack.up(chain)
    assert counts["create"] + counts["same"] == 15 and counts["same"] >= 5
    assert stack.up(chain) == {"same": 15}


def test_a_failure_can_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = SimulatedStack(tmp_path)
    stack.up(chain)
    monkeypatch.setenv(FAIL_VARIABLE, "delete endpoint")
    assert not stack.open(chain).destroy().ok
    assert {"endpoint", "configuration", "model", "serving"} <= {
        item.name for item in stack.state.snapshot.resources
    }
    monkeypatch.delenv(FAIL_VARIABLE)
    assert stack.open(chain).destroy().ok


def test_a_preview_does_not_fail_where_the_update_is_to(tmp_path: Path) -> None:
    failing = SimulatedProvider(AWS, fail_at=[FailAt(target="key")])
    assert SimulatedStack(tmp_path, providers={"aws": failing}).preview(chain).ok


def test_secrets_stay_secret(tmp_path: Path) -> None:
    def program() -> None:
        aws.ssm.Parameter("token", type="SecureString", value=pulumi.Output.secret("hush"))

    stack = SimulatedStack(tmp_path)
    assert "hush" not in stack.preview(program).to_json()
    stack.up(program)
    assert stack.outputs("token")["value"]["value"] == "hush", "marked as a secret"


def test_an_explicit_provider_gives_its_region_and_tags(tmp_path: Path) -> None:
    def program() -> None:
        west = aws.Provider("west", region="us-west-2", default_tags={"tags": {"owner": "ml"}})
        aws.ecr.Repository("trainer", tags={"a": "b"}, opts=pulumi.ResourceOptions(provider=west))
        aws.ecr.Repository("other")

    stack = SimulatedStack(tmp_path, region="eu-central-1")
    stack.up(program)
    assert ".us-west-2." in stack.outputs("trainer")["repositoryUrl"]
    assert stack.outputs("trainer")["tagsAll"] == {"owner": "ml", "a": "b"}
    assert ".eu-central-1." in stack.outputs("other")["repositoryUrl"]


def test_a_launch_template_counts_its_versions(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    for index, kind in enumerate(("g5.xlarge", "g5.2xlarge", "g5.xlarge"), 1):
        stack.up(lambda kind=kind: aws.ec2.LaunchTemplate("nodes", instance_type=kind))
        assert stack.outputs("nodes")["latestVersion"] == index


def test_functions_are_answered_and_others_refused_by_name(tmp_path: Path) -> None:
    def program() -> None:
        zones = aws.get_availability_zones(state="available")
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("region", aws.get_region().region)
        pulumi.export("partition", aws.get_partition().partition)
        pulumi.export("zones", zones.names)
        regional = [aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])]
        pulumi.export("regional", aws.get_availability_zones(filters=regional).names)
        token = aws.ecr.get_authorization_token()
        pulumi.export("registry", token.proxy_endpoint)

    stack = SimulatedStack(tmp_path, region="eu-central-1")
    assert stack.preview(program).outputs == {
        "account": "123456789012",
        "region": "eu-central-1",
        "partition": "aws",
        "zones": ["eu-central-1-loc-1a", "eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "regional": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "registry": "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    }
    other = [aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["local-zone"])]
    told = stack.refused(lambda: aws.get_availability_zones(filters=other))
    assert "zone-type" in told and "opt-in-status" in told
    told = stack.refused(lambda: aws.ec2.get_ami(most_recent=True))
    assert "does not answer aws:ec2/getAmi:getAmi" in told and "getCallerIdentity" in told


def test_a_prefix_makes_a_name(tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path)
    stack.up(lambda: aws.batch.ComputeEnvironment("nodes", type="MANAGED", name_prefix="shop-"))
    record = next(item for item in stack.state.snapshot.resources if item.name == "nodes")
    assert "name" not in record.inputs
    assert record.outputs["name"] == record.id and record.id.startswith("shop-")


def test_cloud_control_replaces_what_cloudformation_calls_create_only(tmp_path: Path) -> None:
    def program(image: str, approval: str) -> None:
        state = {
            "ModelApprovalStatus": approval,
            "InferenceSpecification": {"Containers": [{"Image": image}]},
        }
        aws.cloudcontrol.Resource(
            "version", type_name="AWS::SageMaker::ModelPackage", desired_state=json.dumps(state)
        )

    stack = SimulatedStack(tmp_path)
    stack.up(lambda: program("a", "PendingManualApproval"))
    assert stack.up(lambda: program("a", "Approved")) == {"update": 1}
    assert stack.up(lambda: program("b", "Approved")) == {"create-replacement": 1, "delete-replaced": 1}
