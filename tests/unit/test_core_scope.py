from pathlib import Path

import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Settings


def context(root: Path, **keys: object) -> StackContext:
    return StackContext.of(Settings.model_validate(keys), project="shop", stack="aws-dev", root=root)


def test_a_stacks_scope_carries_its_place_and_labels(tmp_path: Path):
    scope = context(tmp_path, cloud="aws", region="eu-central-1", tags={"team": "pricing"}).scope(
        "123456789012"
    )
    assert scope == Scope(
        project="shop",
        stack="aws-dev",
        environment="dev",
        account="123456789012",
        region="eu-central-1",
        tags={
            "team": "pricing",
            "mlcloud-project": "shop",
            "mlcloud-stack": "aws-dev",
            "mlcloud-environment": "dev",
        },
    )
    assert not scope.is_prod


def test_a_stack_without_a_region_has_no_scope(tmp_path: Path):
    with pytest.raises(UserError, match="mlcloud:region"):
        context(tmp_path).scope("123456789012")


def test_names_that_customers_share_differ_by_account():
    one, other = (
        Scope(project="shop", stack="aws-dev", environment="dev", account=account, region="eu-central-1")
        for account in ("123456789012", "210987654321")
    )
    assert one.name("aws-s3-bucket", "data") != other.name("aws-s3-bucket", "data")
    assert one.name("aws-sagemaker") == other.name("aws-sagemaker") == "shop-aws-dev"
    assert one.name("aws-iam-role", "training") == "shop-aws-dev-training"
