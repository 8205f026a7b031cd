"""Blob Storage of the fake Azure: blobs in containers of accounts, listed, copied, deleted; keys are off.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from support.provider_azure_answers import Answer, RefusedCall

_PAGE = 2
_TIME = "Thu, 01 Jan 2026 00:00:00 GMT"
# The account is a part of the path, as emulators have it.
PLACE = "/blobs"
_PLACE = f"{PLACE}/{{account}}/{{container}}"


class Storage:
    """All blobs by account, container and name."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, dict[str, bytes]]] = {}
        # A copy that has not ended when it is answered is looked at this often.
        self.pending_copies = 0
        self._pending: dict[str, int] = {}

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            f"blobs_list GET {_PLACE}": self._list,
            f"blobs_get GET {_PLACE}/{{blob}}": self._get,
            f"blobs_head HEAD {_PLACE}/{{blob}}": self._get,
            f"blobs_put PUT {_PLACE}/{{blob}}": self._put,
            f"blobs_delete DELETE {_PLACE}/{{blob}}": self._delete,
        }

    # What tests ask

    def container(self, account: str, name: str) -> str:
        """Make a container; returns its address."""
        self.accounts.setdefault(account, {}).setdefault(name, {})
        return f"https://{account}.blob.core.windows.net/{name}"

    def put(self, account: str, container: str, name: str, content: bytes) -> None:
        self.container(account, container)
        self.accounts[account][container][name] = content

    def put_at(self, uri: str, content: bytes) -> None:
        parts = urlsplit(uri)
        container, _, name = unquote(parts.path).lstrip("/").partition("/")
        self.put(parts.netloc.partition(".")[0], container, name, content)

    def get(self, account: str, container: str, name: str) -> bytes:
        return self.accounts[account][container][name]

    def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        return sorted(name for name in self.accounts[account][container] if name.startswith(prefix))

    # The service

    def _blobs(self, request: Any) -> dict[str, bytes]:
        if not request.headers.get("authorization", "").startswith(
            "Bearer token for https://storage.azure.com"
        ):
            raise RefusedCall(403, "KeyBasedAuthenticationNotPermitted", "Keys are off for this account.")
        given = request.given
        found = self.accounts.get(given["account"], {}).get(given["container"])
        if found is None:
            raise RefusedCall(404, "ContainerNotFound", "The specified container does not exist.")
        return found

    def _content(self, request: Any) -> bytes:
        found = self._blobs(request).get(request.given["blob"])
        if found is None:
            raise RefusedCall(404, "BlobNotFound", "The specified blob does not exist.")
        return found

    def _get(self, request: Any) -> Answer:
        content = self._content(request)
        whole, status, more = len(content), 200, {}
        asked = request.headers.get("x-ms-range") or request.headers.get("range")
        if request.http_method == "GET" and asked and whole:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last or whole), whole - 1)
            content, status = content[int(first) : end + 1], 206
            more = {"Content-Range": f"bytes {first}-{end}/{whole}"}
        elif asked and not whole:
            raise RefusedCall(416, "InvalidRange", "The range is invalid.")
        return Answer(
            status, content, "application/octet-stream", {**self._properties(request, whole), **more}
        )

    def _properties(self, request: Any, size: int) -> dict[str, str]:
        place = "/".join(request.given[name] for name in ("account", "container", "blob"))
        told = {"ETag": '"1"', "Last-Modified": _TIME, "x-ms-blob-type": "BlockBlob"}
        if request.http_method == "HEAD":
            told["Content-Length"] = str(size)
            self._pending[place] = left = self._pending.get(place, 0) - 1
            told |= {"x-ms-copy-id": "1", "x-ms-copy-status": "pending" if left >= 0 else "success"}
        return told

    def _put(self, request: Any) -> Answer:
        blobs = self._blobs(request)
        name, headers = request.given["blob"], request.headers
        if headers.get("if-none-match") == "*" and name in blobs:
            raise RefusedCall(409, "BlobAlreadyExists", "The specified blob already exists.")
        told = {"ETag": '"1"', "Last-Modified": _TIME, "x-ms-request-server-encrypted": "true"}
        source = headers.get("x-ms-copy-source")
        if source is not None:
            blobs[name] = self._source(request, source)
            place = "/".join((request.given["account"], request.given["container"], name))
            self._pending[place] = self.pending_copies
            status = "pending" if self.pending_copies else "success"
            return Answer(202, b"", headers={**told, "x-ms-copy-id": "1", "x-ms-copy-status": status})
        if headers.get("x-ms-blob-type") != "BlockBlob" or "comp" in request.query:
            raise RefusedCall(400, "InvalidHeaderValue", "Only whole block blobs.")
        expected = headers.get("content-md5")
        found = base64.b64encode(hashlib.md5(request.content).digest()).decode()  # noqa: S324 - the service's
        if expected not in (None, found):
            raise RefusedCall(400, "Md5Mismatch", "The MD5 value does not match.")
        blobs[name] = request.content
        return Answer(201, b"", headers=told)

    def _source(self, request: Any, source: str) -> bytes:
        account, container, name = unquote(urlsplit(source).path).removeprefix(f"{PLACE}/").split("/", 2)
        if account != request.given["account"]:
            raise RefusedCall(
                401, "CannotVerifyCopySource", "Another account's blob needs its own permission."
            )
        found = self.accounts.get(account, {}).get(container, {}).get(name)
        if found is None:
            raise RefusedCall(404, "CannotVerifyCopySource", "The specified blob does not exist.")
        return found

    def _list(self, request: Any) -> Answer:
        if (request.query.get("restype"), request.query.get("comp")) != ("container", "list"):
            raise RefusedCall(400, "InvalidQueryParameterValue", "Only lists of a container.")
        blobs = self._blobs(request)
        names = sorted(name for name in blobs if name.startswith(request.query.get("prefix", "")))
        start = int(request.query.get("marker") or 0)
        items = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Content-Length>{len(blobs[name])}</Content-Length>"
            f"<Last-Modified>{_TIME}</Last-Modified><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in names[start : start + _PAGE]
        )
        marker = str(start + _PAGE) if len(names) > start + _PAGE else ""
        container = request.given["container"]
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{container}">'
            f"<Blobs>{items}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        return Answer(200, text.encode(), "application/xml")

    def _delete(self, request: Any) -> Answer:
        self._content(request)
        del self._blobs(request)[request.given["blob"]]
        return Answer(202, b"")
