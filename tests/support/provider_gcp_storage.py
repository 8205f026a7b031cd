"""Cloud Storage of the fake GCP: objects in buckets, listed, copied in two steps, deleted."""

from collections.abc import Callable
from typing import Any

from support.provider_gcp_answers import Answer, RefusedCall, missing

_TOKEN = "there is more"


class Storage:
    """All objects by bucket and name."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {}

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "objects.get": self._get,
            "objects.insert": self._insert,
            "objects.list": self._list,
            "objects.rewrite": self._rewrite,
            "objects.delete": self._delete,
        }

    def bucket(self, name: str) -> str:
        self.buckets.setdefault(name, {})
        return name

    def put(self, bucket: str, name: str, content: bytes) -> None:
        self.buckets.setdefault(bucket, {})[name] = content

    def get(self, bucket: str, name: str) -> bytes:
        return self.buckets[bucket][name]

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(name for name in self.buckets[bucket] if name.startswith(prefix))

    def _objects(self, bucket: str) -> dict[str, bytes]:
        if bucket not in self.buckets:
            raise missing(f"The bucket {bucket}")
        return self.buckets[bucket]

    def _content(self, bucket: str, name: str) -> bytes:
        if name not in self._objects(bucket):
            raise missing(f"{bucket}/{name}")
        return self.buckets[bucket][name]

    def _get(self, request: Any) -> Any:
        bucket, name = request.given["bucket"], request.given["object"]
        content = self._content(bucket, name)
        if request.query.get("alt") == "media":
            return Answer(200, content, "application/octet-stream")
        return {"bucket": bucket, "name": name, "size": str(len(content))}

    def _insert(self, request: Any) -> dict[str, Any]:
        if request.query.get("uploadType") != "media":
            raise RefusedCall(400, "", "Only simple uploads.")
        self._objects(request.given["bucket"])[request.query["name"]] = request.content
        return {"name": request.query["name"]}

    def _list(self, request: Any) -> dict[str, Any]:
        self._objects(request.given["bucket"])
        names = self.names(request.given["bucket"], request.query.get("prefix", ""))
        start = int(request.query.get("pageToken") or 0)
        page = {"items": [{"name": name} for name in names[start : start + 2]]}
        return page | ({"nextPageToken": str(start + 2)} if len(names) > start + 2 else {})

    def _rewrite(self, request: Any) -> dict[str, Any]:
        given = request.given
        content = self._content(given["sourceBucket"], given["sourceObject"])
        if request.query.get("rewriteToken") != _TOKEN:
            return {"done": False, "rewriteToken": _TOKEN}
        self._objects(given["destinationBucket"])[given["destinationObject"]] = content
        return {"done": True}

    def _delete(self, request: Any) -> dict[str, Any]:
        self._content(request.given["bucket"], request.given["object"])
        del self.buckets[request.given["bucket"]][request.given["object"]]
        return {}
