"""Options of a component's children, from one place: parent, protection, aliases."""

from collections.abc import Sequence

import pulumi

from mlcloud.core.settings import Environment


def child_options(
    parent: pulumi.Resource,
    *,
    environment: Environment,
    holds_data: bool = False,
    serves: bool = False,
    renamed_from: Sequence[str] = (),
    extra: pulumi.ResourceOptions | None = None,
) -> pulumi.ResourceOptions:
    """Return the options of a component's child.

    Args:
        parent: The component.
        environment: What the stack is for. In prod, a child that holds data is protected, and is kept
            when the stack no longer declares it.
        holds_data: Whether deleting the child loses what cannot be made again: data, models, keys, logs.
        serves: Whether people's requests are answered by the child: in prod, it is protected, but not kept.
        renamed_from: Earlier names of the child below this parent, so that a new name does not replace it.
        extra: Further options; they win over the ones made here.
    """
    prod = environment == "prod"
    keep = True if holds_data and prod else None
    own = pulumi.ResourceOptions(
        parent=parent,
        protect=True if (holds_data or serves) and prod else None,
        retain_on_delete=keep,
        aliases=[pulumi.Alias(name=name) for name in renamed_from] or None,
    )
    return pulumi.ResourceOptions.merge(own, extra)
