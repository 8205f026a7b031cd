"""The Pulumi program of every stack: reads the stack's config and builds the stack on its cloud."""

import pulumi
from mlcloud.core.context import StackContext
from mlcloud.core.errors import UserError
from mlcloud.core.settings import from_pulumi_config
from mlcloud.core.stacks import build_stack

try:
    settings = from_pulumi_config()
    context = StackContext.from_pulumi(settings)
    outputs = build_stack(settings, context)
except UserError as error:
    # A run error is shown as its message alone, under both engines.
    raise pulumi.RunError(str(error)) from None

for name, value in outputs.items():
    pulumi.export(name, value)
