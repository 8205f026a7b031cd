import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.core.errors import UserError
from mlcloud.core.names import RULES, Service, name_for

SERVICES = list(RULES)
# What Pulumi allows in the names of projects and stacks: letters, digits, hyphens, underscores and periods.
PART = st.text("abgz09AZ_.-", min_size=1, max_size=100)


def test_every_service_has_a_rule_with_a_source():
    assert set(RULES) == set(get_args(Service))
    assert all(rule.source and 1 <= rule.shortest <= rule.longest for rule in RULES.values())


@settings(max_examples=400, deadline=None)
@given(service=st.sampled_from(SERVICES), parts=st.lists(PART, min_size=1, max_size=4), account=PART)
def test_a_name_keeps_within_its_service(service: Service, parts: list[str], account: str):
    rule = RULES[service]
    try:
        name = name_for(service, *parts, account=account)
    except UserError:
        # Only reserved words are refused; the table has them where a pattern looks ahead.
        assert rule.pattern.startswith("(?!")
        return
    assert rule.shortest <= len(name) <= rule.longest
    assert re.fullmatch(rule.pattern, name)
    assert name == name_for(service, *parts, account=account)


@settings(deadline=None)
@given(service=st.sampled_from(SERVICES), part=PART, other=PART)
def test_different_parts_have_different_names(service: Service, part: str, other: str):
    try:
        same = name_for(service, "shop", "dev", part) == name_for(service, "shop", "dev", other)
    except UserError:
        return
    assert same == (part == other)


def test_a_name_that_fits_is_left_as_it_is():
    assert name_for("aws-sagemaker", "mlcloud", "aws-prod", "endpoint") == "mlcloud-aws-prod-endpoint"


def test_a_long_name_is_shortened_with_a_stable_hash():
    assert (
        name_for("gcp-service-account", "mlcloud", "gcp-staging", "retraining-job")
        == "mlcloud-gcp-staging-r-3f9cbbe7"
    )


def test_a_name_that_customers_share_carries_the_account():
    one = name_for("aws-s3-bucket", "mlcloud", "dev", "models", account="111111111111")
    other = name_for("aws-s3-bucket", "mlcloud", "dev", "models", account="222222222222")
    assert one != other
    assert one.startswith("mlcloud-dev-models-")


def test_a_storage_account_has_letters_and_digits_alone():
    name = name_for("azure-storage-account", "mlcloud", "azure-prod", "models", account="a")
    assert re.fullmatch(r"mlcloudazurepro[a-z0-9]{9}", name)


def test_a_name_begins_with_a_letter():
    assert name_for("local-bucket", "9lives", "dev").startswith("n-9lives-dev-")


def test_a_reserved_word_is_refused_with_what_to_do():
    with pytest.raises(UserError, match="Rename the project"):
        name_for("gcp-storage-bucket", "googleshop", "dev", "models")
