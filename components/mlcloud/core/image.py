"""An image that is built where the stack is brought up: what it is made from, and the tag that says so."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pulumi

from mlcloud.core.args import validate
from mlcloud.core.errors import Problem

# What trainer/Dockerfile copies; .dockerignore lets no more of the context into the build.
IMAGE_SOURCES: Final = ("pyproject.toml", "uv.lock", "components/pyproject.toml", "trainer")
_TAG_LENGTH: Final = 16
_PACKAGE: Final = Path(__file__).resolve().parents[1]


def trainer_context(root: Path) -> Path:
    """Return the folder that the trainer's image is built from.

    A project that holds the trainer, as a checkout does, builds its own; any other builds mlcloud's.

    Args:
        root: The project's folder.
    """
    # A wheel holds it in the package (components/hatch_build.py); an editable package is in a checkout.
    places = (root, _PACKAGE / "image_context", _PACKAGE.parents[1])
    return next((place for place in places if (place / "trainer" / "Dockerfile").is_file()), root)


@dataclass(frozen=True, kw_only=True)
class ImageSources:
    """What an image is built from, here, in the same update.

    Attributes:
        context: The folder that the build sees.
        dockerfile: The Dockerfile.
        sources: What the Dockerfile copies, as paths below the context. The image's tag is their hash: what
            else changes in the context makes no other image.
        target: The Dockerfile's target.
        build_args: Arguments of the build. Default: none.
    """

    context: Path
    dockerfile: Path
    sources: tuple[str, ...]
    target: str
    build_args: dict[str, str] = field(default_factory=dict[str, str])

    def tag(self) -> str:
        """Return the hash of all that the image is made from; the same sources give the same tag.

        Raises:
            ArgsError: a source or the Dockerfile is not there.
        """
        files: dict[str, Path] = {"Dockerfile": self.dockerfile}
        missing: list[Problem] = []
        for source in self.sources:
            found = self.context / source
            if found.is_dir():
                files |= {str(file.relative_to(self.context)): file for file in _files(found)}
            else:
                files[source] = found
        for name, file in files.items():
            if not file.is_file():
                fix = "set `image` to an image by digest, or install mlcloud anew: it brings the trainer"
                missing.append(Problem(path=f"image: {name}", value=str(file), allowed="a file", fix=fix))
        validate("The trainer's image", *missing)
        digest = hashlib.sha256(json.dumps([self.target, self.build_args], sort_keys=True).encode())
        for name, file in sorted(files.items()):
            digest.update(f"\0{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
        return digest.hexdigest()[:_TAG_LENGTH]


@dataclass(frozen=True, kw_only=True)
class ImageFromBuild(ImageSources):
    """An image that is built here and pushed, by somebody who is known before the registry is there.

    Attributes:
        username: Who pushes, as the registry's authorisation token says.
        password: The token.
    """

    username: pulumi.Input[str]
    password: pulumi.Input[str]


def _files(folder: Path) -> list[Path]:
    """The files below a folder, whatever the folder itself lies in."""
    hidden = {"__pycache__", ".venv"}
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and not hidden & set(file.relative_to(folder).parts)
    ]
