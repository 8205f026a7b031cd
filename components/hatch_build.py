"""What a wheel holds beside the package: the plugin as it is found there, and what the image is made from."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Of a checkout, all that trainer/Dockerfile copies; in a source archive they lie in a folder of this name.
CONTEXT = "image_context"
PARTS = ("pyproject.toml", "uv.lock", ".dockerignore", "components/pyproject.toml", "trainer")
HIDDEN = {"__pycache__", ".venv", ".ruff_cache", ".pytest_cache", "dist"}

PLUGIN = "mlcloud/plugin/PulumiPlugin.yaml"
IN_A_CHECKOUT = "virtualenv: ../../../.venv"
# ENVIRONMENT/lib/python3.x/site-packages/mlcloud/plugin
IN_AN_ENVIRONMENT = "virtualenv: ../../../../.."


class Hook(BuildHookInterface[BuilderConfig]):
    """Adds files to source archives and wheels; an editable package is the checkout, which has them all."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the added files and say where they go.

        They are copies: hatch packs a file once, and an archive has a `pyproject.toml` of its own.
        """
        self._made = tempfile.TemporaryDirectory()
        if version == "editable":
            return
        root, made = Path(self.root), Path(self._made.name)
        from_archive = (root / CONTEXT).is_dir()
        _copy_context(root / CONTEXT if from_archive else root.parent, made / CONTEXT)
        is_wheel = self.target_name == "wheel"
        added = {made / CONTEXT: f"mlcloud/{CONTEXT}" if is_wheel else CONTEXT}
        if is_wheel:
            (made / "plugin.yaml").write_text(_described(root / PLUGIN), "utf-8")
            added[made / "plugin.yaml"] = PLUGIN
        build_data["force_include"].update({str(source): place for source, place in added.items()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made to be packed."""
        del version, build_data, artifact_path
        self._made.cleanup()


def _copy_context(source: Path, place: Path) -> None:
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, place / part, ignore=shutil.ignore_patterns(*HIDDEN))
        else:
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / part, place / part)


def _described(path: Path) -> str:
    """The plugin's description for an environment: the comment is the checkout's."""
    text = path.read_text("utf-8")
    if IN_A_CHECKOUT not in text:
        raise ValueError(f"{path} does not say {IN_A_CHECKOUT!r}")
    lines = text.replace(IN_A_CHECKOUT, IN_AN_ENVIRONMENT).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))
