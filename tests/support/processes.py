"""What tests ask of operating-system processes."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Whether the process is gone, or ended and only waits for its parent.

    It may go between two looks at it: that, too, is an end.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
    except psutil.NoSuchProcess:
        return True
