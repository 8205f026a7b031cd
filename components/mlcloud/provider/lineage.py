"""Where registered versions come from, read out of the manifests that lie with their models."""

from collections.abc import Callable

from mlcloud.core.lineage import Lineage
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.manifest import BadModelError, Manifest


class LineageReader:
    """Reads one manifest after another; a storage that refuses the first is not asked for the others.

    Args:
        scheme: What the address of a model begins with in this cloud; no other one is asked.
        read: Reads the manifest of the model at an address.
    """

    def __init__(self, scheme: str, read: Callable[[str], Manifest]) -> None:
        self._scheme = scheme
        self._read = read
        self._refused = False

    def of(self, uri: str, sha256: str, *, run: str = "") -> Lineage | None:
        """Return what a version's own manifest tells; None where it cannot be read, or is another one.

        Args:
            uri: Where the model lies.
            sha256: SHA-256 of the version's manifest.
            run: Name of the run that made the model, where the registry knows it.
        """
        if self._refused or not uri.startswith(self._scheme):
            return None
        try:
            manifest = self._read(uri)
        except BadModelError:
            return None
        except ResourceError:
            self._refused = True
            return None
        return Lineage.of_manifest(manifest.content, run=run) if manifest.sha256 == sha256 else None
