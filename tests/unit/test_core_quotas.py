"""preview --quotas on clouds that are not asked for their quotas: refused by name, with a way to look."""

from pathlib import Path

import pytest
from mlcloud.cli.quotas import quotas_of
from mlcloud.core.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("stack", ["gcp-dev", "gcp-prod"])
def test_a_stack_on_gcp_is_told_how_to_look_at_its_quotas(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"gcp is not asked.*clouds that are: aws.*gcloud quotas info list"):
        quotas_of(stack)
