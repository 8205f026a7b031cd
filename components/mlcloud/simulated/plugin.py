"""A simulated provider as a plugin: a folder that any engine starts, the real one too.

A project names the folder in Pulumi.yaml (``plugins: providers: [{name: aws, path: FOLDER}]``), and then the
real engine previews and applies without an account.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mlcloud.provider.server import serve
from mlcloud.simulated import packages, provider_class


def write_plugin(folder: Path, package: str) -> Path:
    """Make the folder of a plugin, run by the Python that runs now; returns it.

    Args:
        folder: Where; it is made when it is not there.
        package: The provider's package, such as ``aws``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    # JSON is YAML.
    (folder / "PulumiPlugin.yaml").write_text(json.dumps({"runtime": runtime}) + "\n", encoding="utf-8")
    (folder / "__main__.py").write_text(
        "import sys\n\nfrom mlcloud.simulated.plugin import main\n\n"
        f"sys.exit(main([{package!r}, *sys.argv[1:]]))\n",
        encoding="utf-8",
    )
    return folder


def main(arguments: Sequence[str]) -> int:
    """Serve one simulated provider until the engine ends.

    Args:
        arguments: The package, and then the engine's own: flags, and its address last.
    """
    if not arguments or arguments[0] not in packages():
        sys.stderr.write(f"Name a simulated provider: {', '.join(packages())}.\n")
        return 2
    return serve(lambda _address: provider_class(arguments[0])(), arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
