"""What AWS's components refuse before anything is declared, and what their arguments decide."""

from collections.abc import Callable
from typing import Any

import pytest
from mlcloud.aws.arns import arn, bucket_arn, partition_of
from mlcloud.core.errors import ArgsError, UserError
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Settings

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
TAGS = {"mlcloud-project": "shop", "mlcloud-stack": "dev"}
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
DIGEST = f"sha256:{'0' * 64}"


def scope(**keys: Any) -> Scope:
    given = {
        "project": "shop",
        "stack": "dev",
        "environment": "dev",
        "account": "123456789012",
        "region": "eu-central-1",
        "tags": TAGS,
    }
    return Scope(**{**given, **keys})


def refused(make: Callable[[], Any]) -> list[str]:
    with pytest.raises(ArgsError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


def test_names_of_resources_follow_the_regions_partition():
    assert [partition_of(region) for region in ("eu-west-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]
    assert arn(scope(), "iam", "role/a", regional=False) == "arn:aws:iam::123456789012:role/a"
    assert arn(scope(region="cn-north-1"), "logs", "log-group:a") == (
        "arn:aws-cn:logs:cn-north-1:123456789012:log-group:a"
    )
    assert bucket_arn(scope(region="us-gov-west-1"), "b") == "arn:aws-us-gov:s3:::b"


def test_a_managed_network_needs_two_zones_and_a_private_block():
    from mlcloud.aws.network import AwsNetworkArgs, ManagedNetwork

    def network(**keys: Any) -> AwsNetworkArgs:
        given = {"zones": ["a", "b"], "buckets": [], "key_arn": KEY}
        return AwsNetworkArgs(scope=scope(), network=ManagedNetwork(**{**given, **keys}))

    assert network().network
    assert refused(lambda: network(zones=["a"], cidr="8.8.0.0/16", log_retention_days=31)) == [
        "network.zones",
        "network.cidr",
        "network.log_retention_days",
    ]
    for block in ("10.0.0.0/8", "10.0.0.0/25", "10.0.0.1/16", "ten"):
        assert refused(lambda block=block: network(cidr=block)) == ["network.cidr"]


def test_an_existing_network_has_as_many_parts_as_sagemaker_takes():
    from mlcloud.aws.network import AwsNetworkArgs, ExistingNetwork

    many = ExistingNetwork(subnet_ids=["s"] * 17, security_group_ids=[])
    assert refused(lambda: AwsNetworkArgs(scope=scope(), network=many)) == [
        "network.subnet_ids",
        "network.security_group_ids",
    ]


@pytest.mark.parametrize(
    "uri",
    [
        f"docker.io/shop/trainer@{DIGEST}",
        f"{ECR.replace('eu-central-1', 'us-east-1')}/trainer@{DIGEST}",
        f"{ECR}/trainer:latest",
    ],
)
def test_an_image_is_named_by_digest_in_the_stacks_region(uri: str):
    from mlcloud.aws.registry import AwsRegistryArgs, ImageFromDigest

    args = {"scope": scope(), "key_arn": KEY}
    assert refused(lambda: AwsRegistryArgs(**args, image=ImageFromDigest(image_uri=uri))) == ["image"]
    right = ImageFromDigest(image_uri=f"{ECR}/team/trainer@{DIGEST}")
    assert AwsRegistryArgs(**args, image=right).image == right


def test_a_budget_has_a_limit_a_currency_and_somebody_to_tell():
    from mlcloud.aws.budget import AwsBudgetArgs

    found = refused(lambda: AwsBudgetArgs(scope=scope(tags={}), monthly=0, currency="EUR", alert_percents=[]))
    assert found == ["monthly", "currency", "alert_percents", "emails", "scope.tags"]
    assert AwsBudgetArgs(scope=scope(), monthly=1, emails=["a@example.com"]).currency == "USD"


def test_an_object_has_ten_tags_at_most_mlclouds_own_first():
    from mlcloud.aws.storage import _object_tags

    tags = _object_tags({**{f"a{number:02}": "1" for number in range(20)}, **TAGS})
    assert len(tags) == 10
    assert TAGS.items() <= tags.items()


def settings(**keys: Any) -> Settings:
    given = {
        "cloud": "aws",
        "region": "eu-central-1",
        "data": {"path": "a.csv"},
        "training": {"estimator": "svm", "target": "y"},
    }
    return Settings.model_validate({**given, **keys})


def test_prod_has_a_network_and_dev_has_none_unless_the_settings_say_so():
    from mlcloud.aws.network import CLUSTER_SERVICES, ManagedNetwork, NoNetwork
    from mlcloud.aws.settings_args import network

    def found(**keys: Any) -> Any:
        return network(settings(**keys), zones=["a", "b", "c"], buckets=[], key_arn=KEY)

    assert isinstance(found(), NoNetwork)
    assert isinstance(found(environment="prod"), ManagedNetwork)
    assert isinstance(found(environment="prod", network={"kind": "none"}), NoNetwork)
    assert found(network={"zones": 3}).zones == ["a", "b", "c"]
    with pytest.raises(UserError, match="has 3 for this account"):
        found(network={"zones": 4})
    assert not set(CLUSTER_SERVICES) & set(found(network={}).services)
    assert set(CLUSTER_SERVICES) <= set(found(network={}, cluster={"accelerator": "T4"}).services)


def test_logs_are_kept_at_least_as_long_as_wished():
    from mlcloud.aws.settings_args import retention_days

    assert [retention_days(days) for days in (1, 2, 31, 365, 366, 3653)] == [1, 3, 60, 365, 400, 3653]


def test_machines_scale_only_where_they_may_become_more():
    from mlcloud.aws.settings_args import capacity, scaling
    from mlcloud.core.settings import AsynchronousCapacity, InstanceCapacity, ServerlessCapacity

    def found(wished: Any) -> Any:
        declared = capacity(wished, placement=None, key_arn=KEY, answers_uri="s3://b/answers/")
        return scaling(wished, declared, "shop")

    assert found(InstanceCapacity(min=2)) is None
    assert found(InstanceCapacity(min=2, max=2)) is None
    assert found(ServerlessCapacity(kind="serverless")) is None
    grown = found(InstanceCapacity(min=2, max=3))
    assert (grown.min, grown.max) == (2, 3)
    assert found(AsynchronousCapacity(kind="asynchronous")).min == 0
