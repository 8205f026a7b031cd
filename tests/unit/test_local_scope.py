from pathlib import Path

from mlcloud.core.context import StackContext
from mlcloud.core.settings import Settings
from mlcloud.local.scope import LocalScope


def test_a_stacks_scope_lies_in_its_own_folder_of_the_state_folder(tmp_path: Path):
    settings = Settings.model_validate({"environment": "prod"})
    context = StackContext.of(
        settings, project="shop", stack="local-prod", root=tmp_path, home=tmp_path / "h"
    )
    scope = LocalScope.of(context)
    assert scope.is_prod
    assert scope.folder() == str(tmp_path / "h" / "local" / "shop" / "local-prod")
    assert scope.folder("buckets", "data") == f"{scope.folder()}/buckets/data"


def test_things_are_named_by_project_and_stack_within_the_services_limits(tmp_path: Path):
    scope = LocalScope(project="shop", stack="dev", environment="dev", directory=tmp_path)
    assert scope.name("local-endpoint") == "shop-dev"
    assert scope.name("local-bucket", "data") == "shop-dev-data"
