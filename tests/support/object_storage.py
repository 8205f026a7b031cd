"""Object storage of three clouds on 127.0.0.1: moto's S3, and of the others the few calls that pyarrow makes.

Google Cloud Storage's JSON API: https://cloud.google.com/storage/docs/json_api/v1;
Azure's Blob service: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.
"""

from __future__ import annotations

import abc
import base64
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

_WHEN = "Mon, 01 Jan 2024 00:00:00 GMT"
# What Azure's SDK looks for in every answer about a blob.
_BLOB = {
    "ETag": '"1"',
    "Last-Modified": _WHEN,
    "x-ms-blob-type": "BlockBlob",
    "x-ms-creation-time": _WHEN,
    "x-ms-lease-state": "available",
    "x-ms-lease-status": "unlocked",
    "x-ms-server-encrypted": "true",
    "x-ms-request-server-encrypted": "true",
}


class _Handler(WSGIRequestHandler):
    def log(self, *arguments: Any) -> None:
        pass

    def handle_expect_100(self) -> bool:
        """Say nothing before the answer: Azure's SDK takes `100 Continue` for it."""
        return True


class ObjectStorage(abc.ABC):
    """One service. `denied` refuses every call, `stalled` answers none until it is released."""

    scheme = ""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.callers: list[str] = []
        self.denied = False
        self.stalled = False
        self._released = threading.Event()
        self._server = make_server("127.0.0.1", 0, self._gate, threaded=True, request_handler=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    @abc.abstractmethod
    def variables(self) -> dict[str, str]:
        """What makes the trainer ask this server."""

    def address(self, key: str, bucket: str = "our-bucket") -> str:
        return f"{self.scheme}://{bucket}/{key}"

    @abc.abstractmethod
    def names(self) -> list[str]: ...

    @abc.abstractmethod
    def put(self, key: str, content: bytes) -> None: ...

    @abc.abstractmethod
    def get(self, key: str) -> bytes: ...

    @abc.abstractmethod
    def answer(self, environ: Any, start_response: Any) -> Iterable[bytes]: ...

    @abc.abstractmethod
    def refusal(self) -> Response: ...

    def _gate(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.requests.append((environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])))
        self.callers.append(environ.get("HTTP_AUTHORIZATION", ""))
        if self.stalled:
            self._released.wait(60)
        if self.denied:
            return self.refusal()(environ, start_response)
        return self.answer(environ, start_response)


class S3(ObjectStorage):
    """moto's, with one bucket."""

    scheme = "s3"

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._backend: Any = get_backend("s3")["123456789012"]["aws"]
        self._backend.reset()
        self._backend.create_bucket("our-bucket", "eu-central-1")
        super().__init__()

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def names(self) -> list[str]:
        return sorted(self._backend.buckets["our-bucket"].keys)

    def put(self, key: str, content: bytes) -> None:
        self._backend.put_object("our-bucket", key, content)

    def get(self, key: str) -> bytes:
        return self._backend.get_object("our-bucket", key).value

    def answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._moto(environ, start_response)

    def refusal(self) -> Response:
        return Response("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", 403)


@dataclass
class _Uploads:
    names: dict[str, str] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)


class _InMemory(ObjectStorage):
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._uploads = _Uploads()
        super().__init__()

    def names(self) -> list[str]:
        return sorted(self.objects)

    def put(self, key: str, content: bytes) -> None:
        self.objects[key] = content

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request: Request) -> Response: ...

    def _ranged(self, content: bytes, header: str | None, **headers: str) -> Response:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", header or "")
        if found is None:
            return Response(content, 200, headers=headers)
        first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(content[first : last + 1], 206, headers=headers)


class Gcs(_InMemory):
    """Google Cloud Storage's JSON API, with one bucket."""

    scheme = "gs"

    @property
    def variables(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.url}

    def respond(self, request: Request) -> Response:
        found = re.fullmatch(r"(/upload)?/storage/v1/b/([^/]+)(?:/o(?:/(.+))?)?", request.path)
        if found is None or found[2] != "our-bucket":
            return self._json({"error": {"code": 404, "message": "The bucket does not exist."}}, 404)
        key = found[3]
        if found[1]:
            return self._upload(request)
        if key is None:
            prefix = request.args.get("prefix", "")
            items = [self._metadata(name) for name in self.names() if name.startswith(prefix)]
            return self._json({"kind": "storage#objects", "items": items}, 200)
        if key not in self.objects:
            return self._json({"error": {"code": 404, "message": f"No such object: {key}"}}, 404)
        if request.args.get("alt") == "media":
            return self._ranged(self.objects[key], request.headers.get("Range"))
        return self._json(self._metadata(key), 200)

    def _upload(self, request: Request) -> Response:
        upload = request.args.get("upload_id")
        if upload is None:
            upload = str(len(self._uploads.names) + 1)
            self._uploads.names[upload] = json.loads(request.get_data())["name"]
            location = f"{self.url}{request.path}?uploadType=resumable&upload_id={upload}"
            return Response(b"", 200, headers={"Location": location})
        self._uploads.parts[upload] = self._uploads.parts.get(upload, b"") + request.get_data()
        if request.headers.get("Content-Range", "").endswith("/*"):
            last = len(self._uploads.parts[upload]) - 1
            return Response(b"", 308, headers={"Range": f"bytes=0-{last}"})
        name = self._uploads.names[upload]
        self.put(name, self._uploads.parts.pop(upload))
        return self._json(self._metadata(name), 200)

    def _metadata(self, name: str) -> dict[str, object]:
        when = "2024-01-01T00:00:00.000Z"
        known = {"kind": "storage#object", "bucket": "our-bucket", "name": name, "generation": "1"}
        return {**known, "metageneration": "1", "size": str(len(self.objects[name])), "updated": when}

    def refusal(self) -> Response:
        return self._json({"error": {"code": 403, "message": "x@y does not have storage access"}}, 403)

    @staticmethod
    def _json(content: object, status: int) -> Response:
        return Response(json.dumps(content), status, content_type="application/json")


class Azure(_InMemory):
    """Azure's Blob service, with one container of one account."""

    scheme = "https"

    @property
    def variables(self) -> dict[str, str]:
        key = base64.b64encode(b"the key of a storage account").decode()
        return {"AZURE_STORAGE_SERVICE_ENDPOINT": self.url, "AZURE_STORAGE_KEY": key}

    def address(self, key: str, bucket: str = "our-bucket") -> str:
        return f"https://account.blob.core.windows.net/{bucket}/{key}"

    def respond(self, request: Request) -> Response:
        _, account, container, *rest = request.path.split("/", 3)
        assert account == "account"
        key = rest[0] if rest else ""
        if request.args.get("action") == "getAccessControl":
            return self._error(400, "HierarchicalNamespaceNotEnabled")
        if container != "our-bucket":
            return self._error(404, "ContainerNotFound")
        if request.method == "PUT":
            return self._write(request, key)
        if request.args.get("comp") == "list":
            return self._listing(request.args.get("prefix", ""), request.args.get("delimiter", ""))
        if key not in self.objects:
            return self._error(404, "BlobNotFound")
        header = request.headers.get("x-ms-range") or request.headers.get("Range")
        return self._ranged(self.objects[key], header, **_BLOB)

    def _write(self, request: Request, key: str) -> Response:
        if request.args.get("comp") == "block":
            self._uploads.parts[request.args["blockid"]] = request.get_data()
        elif request.args.get("comp") == "blocklist":
            blocks = re.findall(r"<(?:Latest|Uncommitted|Committed)>([^<]+)<", request.get_data(as_text=True))
            self.put(key, b"".join(self._uploads.parts[block] for block in blocks))
        else:
            self.put(key, request.get_data())
        return Response(b"", 201, headers=_BLOB)

    def _listing(self, prefix: str, delimiter: str) -> Response:
        names = [name for name in self.names() if name.startswith(prefix)]
        below = [name.removeprefix(prefix) for name in names]
        folders = sorted(
            {f"{prefix}{name.partition('/')[0]}/" for name in below if delimiter and "/" in name}
        )
        blobs = [name for name in names if not any(name.startswith(folder) for folder in folders)]
        listed = "".join(
            f"<Blob><Name>{name}</Name><Properties><Last-Modified>{_WHEN}</Last-Modified><Etag>1</Etag>"
            f"<Content-Length>{len(self.objects[name])}</Content-Length><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob>"
            for name in blobs
        )
        listed += "".join(f"<BlobPrefix><Name>{folder}</Name></BlobPrefix>" for folder in folders)
        body = f"<EnumerationResults><Blobs>{listed}</Blobs><NextMarker/></EnumerationResults>"
        return Response(f'<?xml version="1.0"?>{body}', 200, content_type="application/xml")

    def refusal(self) -> Response:
        return self._error(403, "AuthorizationPermissionMismatch")

    @staticmethod
    def _error(status: int, code: str) -> Response:
        # Without a body: Azure's SDK ends the process where a HEAD's answer says that it has one in XML.
        return Response(b"", status, headers={"x-ms-error-code": code})


SERVICES: dict[str, Callable[[], ObjectStorage]] = {"s3": S3, "gcs": Gcs, "azure": Azure}
