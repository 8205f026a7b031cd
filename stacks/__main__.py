"""The Pulumi program of every stack: reads the stack's config and builds the stack on its cloud."""

from pathlib import Path

import pulumi
import pulumi.runtime
from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.settings import from_pulumi_config
from mlcloud.core.stacks import build_stack

try:
    settings = from_pulumi_config()
    context = StackContext.of(
        settings,
        project=pulumi.get_project(),
        stack=pulumi.get_stack(),
        root=Path(pulumi.runtime.get_root_directory()),
    )
    outputs = build_stack(settings, context)
except UserError as error:
    # A run error is shown as its message alone, under both engines.
    raise pulumi.RunError(str(error)) from None

for name, value in outputs.items():
    pulumi.export(name, value)
