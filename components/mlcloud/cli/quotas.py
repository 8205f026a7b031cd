"""preview --quotas: what a stack needs of its account, and what to ask for where that is too little."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.core.home import home_directory
from mlcloud.core.quotas import QuotaCheck, check_quotas
from mlcloud.core.settings import load
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase


def quotas_of(stack: str) -> Sequence[QuotaCheck]:
    """Ask the stack's account; this needs credentials, and nothing else of a preview does.

    Raises:
        UserError: the settings are wrong, or the account cannot be asked.
    """
    project = Project.load(Path.cwd())
    found = project.config(stack, Passphrase(home=home_directory(project.root)))
    settings = load(found.values, secret_keys=found.secret_keys)
    return check_quotas(settings, found.values)


def are_enough(checks: Sequence[QuotaCheck]) -> bool:
    """Return whether no quota is known to be too small."""
    return not any(check.missing for check in checks)


def plain(checks: Sequence[QuotaCheck]) -> list[dict[str, Any]]:
    """Return the checks for tools."""
    return [{**vars(check), "missing": check.missing} for check in checks]


def print_quotas(console: Console, checks: Sequence[QuotaCheck]) -> None:
    """Print each quota with what is needed of it, and how to get what is missing."""
    console.print(Text("Quotas of the account", style="bold"))
    for check in checks:
        enough = not check.missing and check.allowed is not None
        sign = Text("  ok  ", style="green") if enough else Text("  !!  ", style="bold red")
        if check.allowed is None:
            sign, told = Text("  ??  ", style="yellow"), f"needs {check.needed:g}"
        else:
            told = f"{check.allowed:g} allowed, {check.needed:g} needed"
        if check.missing:
            told += f", {check.missing:g} missing"
        code = f" ({check.code})" if check.code else ""
        console.print(sign + Text(f"{check.quota}{code}: {told}"), soft_wrap=True)
        console.print(Text(f"      {check.setting}: {check.why}", style="dim"), soft_wrap=True)
        if check.fix:
            console.print(Text(f"      {check.fix}"), soft_wrap=True)
