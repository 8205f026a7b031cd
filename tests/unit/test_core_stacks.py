"""The way from a cloud's name to the builder of its stack."""

import sys
from pathlib import Path

import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.settings import Settings
from mlcloud.core.stacks import build_stack


def test_a_cloud_whose_packages_are_missing_says_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pulumi_aws", None)
    monkeypatch.delitem(sys.modules, "mlcloud.aws.stack", raising=False)
    settings = Settings.model_construct(cloud="aws", environment="dev", region="eu-central-1", tags={})
    context = StackContext.of(settings, project="p", stack="s", root=tmp_path)
    with pytest.raises(UserError, match=r"packages of aws .*--extra aws"):
        build_stack(settings, context)
