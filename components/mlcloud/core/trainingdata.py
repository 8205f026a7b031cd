"""The file that a stack trains on: checked before anything is declared."""

from dataclasses import replace

from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile, check_data_file
from mlcloud.core.settings import Settings


def training_data(settings: Settings, context: StackContext) -> DataFile | None:
    """Return the file on this machine that the settings name; None where the stack does not train.

    Raises:
        UserError: the file cannot be used; nothing was declared.
    """
    if settings.data is None or settings.training is None:
        return None
    return check_data_file(
        context.file(settings.data.path),
        target=settings.training.target,
        task=settings.training.implied_task,
        file_format=settings.data.format,
    )


def uploaded_data(settings: Settings, context: StackContext) -> DataFile | None:
    """Return it as a cloud's state is to hold it: by a path that is the same in every checkout.

    Raises:
        UserError: the file cannot be used; nothing was declared.
    """
    data = training_data(settings, context)
    return None if data is None else replace(data, path=context.as_declared(data.path))
