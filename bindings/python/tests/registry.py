"""A small registry in memory on loopback, which can stall, cut and lie."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def archive(files: dict[str, bytes]) -> bytes:
    """A tar archive, such as a layer."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Request(NamedTuple):
    method: str
    path: str
    range: str | None


class Registry:
    """Keeps what was put into it under any repository name."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: list[str] = []
        self.requests: list[Request] = []
        self.page = 1000
        # Who may read, if not everybody.
        self.user: tuple[str, str] | None = None
        # Faults, by digest of the blob.
        self.cuts: dict[str, list[int]] = {}
        self.stalls: dict[str, int] = {}
        self.pauses: dict[str, float] = {}
        self.lies: dict[str, bytes] = {}
        self.status: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.stalling = threading.Event()
        self.go_on = threading.Event()
        self.uploads: dict[str, bytes] = {}
        self.lock = threading.Lock()
        registry = self

        class Handler(_Handler):
            kept = registry

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Registry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def blob(self, data: bytes, media_type: str = LAYER) -> dict[str, Any]:
        digest = sha256(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def manifest(self, document: dict[str, Any], *names: str) -> dict[str, Any]:
        data = json.dumps(document).encode()
        digest = sha256(data)
        for name in (digest, *names):
            self.manifests[name] = document["mediaType"], data
        self.tags += names
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(data)}

    def image(self, layers: list[bytes], *names: str, architecture: str = "amd64") -> dict[str, Any]:
        """Puts an image; returns its descriptor with the platform."""
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
        }
        descriptor = self.manifest(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.blob(json.dumps(config).encode(), CONFIG),
                "layers": [self.blob(layer) for layer in layers],
            },
            *names,
        )
        return {**descriptor, "platform": {"architecture": architecture, "os": "linux"}}

    def index(self, manifests: list[dict[str, Any]], *names: str) -> dict[str, Any]:
        return self.manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, *names)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # Clients may go at any time.
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    kept: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        registry = self.kept
        address = urlsplit(self.path)
        registry.requests.append(Request(self.command, self.path, self.headers.get("Range")))
        if registry.user is not None:
            expected = "Basic " + base64.b64encode(":".join(registry.user).encode()).decode()
            if self.headers.get("Authorization") != expected:
                self.answer(401, b"{}", "application/json", {"WWW-Authenticate": 'Basic realm="test"'})
                return
        if address.path == "/v2/":
            self.answer(200, b"{}", "application/json")
        elif address.path.endswith("/tags/list"):
            self.answer_tags(parse_qs(address.query))
        elif "/manifests/" in address.path:
            name = address.path.rpartition("/")[2]
            if name in registry.status:
                status, headers, body = registry.status[name]
                self.answer(status, body, "application/json", headers)
            elif name in registry.manifests:
                media_type, data = registry.manifests[name]
                self.answer(200, data, media_type, {"Docker-Content-Digest": sha256(data)})
            else:
                self.answer_error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        elif "/blobs/" in address.path:
            self.answer_blob(address.path.rpartition("/")[2])
        else:
            self.answer_error(404, "UNSUPPORTED", "no such path")

    def do_POST(self) -> None:
        self.answer_upload()

    def do_PATCH(self) -> None:
        self.answer_upload()

    def do_PUT(self) -> None:
        if "/manifests/" in self.path:
            self.take_manifest(urlsplit(self.path).path.rpartition("/")[2])
        else:
            self.answer_upload()

    def do_DELETE(self) -> None:
        registry, (what, _, name) = self.kept, urlsplit(self.path).path.rpartition("/")
        if what.endswith("/uploads"):
            self.answer_upload()
            return
        registry.requests.append(Request(self.command, self.path, None))
        kept: dict[str, Any] = registry.manifests if what.endswith("/manifests") else registry.blobs
        if kept.pop(name, None) is None:
            self.answer_error(404, "MANIFEST_UNKNOWN" if "/manifests/" in self.path else "BLOB_UNKNOWN", "unknown")
        else:
            self.answer(202, b"", "text/plain")

    def answer_upload(self) -> None:
        registry, address = self.kept, urlsplit(self.path)
        registry.requests.append(Request(self.command, self.path, self.headers.get("Content-Range")))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        query, (place, _, name) = parse_qs(address.query), address.path.rpartition("/")
        with registry.lock:
            if self.command == "POST":
                name = str(len(registry.uploads) + 1)
                registry.uploads[name] = b""
                mounted = query.get("mount", [""])[0] in registry.blobs
                self.answer(201 if mounted else 202, b"", "text/plain", {"Location": f"{place}/{name}"})
                return
            if self.command == "DELETE":
                self.answer(200, b"", "text/plain")
                return
            registry.uploads[name] += body
            headers = {"Location": f"{place}/{name}", "Range": f"0-{len(registry.uploads[name]) - 1}"}
            if self.command == "PUT":
                registry.blobs[query["digest"][0]] = registry.uploads[name]
        self.answer(201 if self.command == "PUT" else 202, b"", "text/plain", headers)

    def take_manifest(self, name: str) -> None:
        registry = self.kept
        registry.requests.append(Request(self.command, self.path, None))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        digest = sha256(body)
        for each in {digest, name}:
            registry.manifests[each] = self.headers["Content-Type"], body
        if name != digest and name not in registry.tags:
            registry.tags.append(name)
        self.answer(201, b"", "text/plain", {"Location": self.path, "Docker-Content-Digest": digest})

    def answer(self, status: int, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, "application/json")

    def answer_tags(self, query: dict[str, list[str]]) -> None:
        registry = self.kept
        count = min(int(query.get("n", ["1000"])[0]), registry.page)
        last = query.get("last", [""])[0]
        left = sorted(tag for tag in registry.tags if tag > last)
        name = urlsplit(self.path).path[len("/v2/") : -len("/tags/list")]
        page, headers = left[:count], {}
        if len(left) > count:
            headers["Link"] = f'</v2/{name}/tags/list?n={count}&last={page[-1]}>; rel="next"'
        self.answer(200, json.dumps({"name": name, "tags": page}).encode(), "application/json", headers)

    def answer_blob(self, digest: str) -> None:
        registry = self.kept
        data = registry.lies.get(digest, registry.blobs.get(digest))
        if data is None:
            self.answer_error(404, "BLOB_UNKNOWN", "blob unknown")
            return
        start, total = 0, len(data)
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(total - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        cuts = registry.cuts.get(digest)
        end = cuts.pop(0) if cuts else total
        stall = registry.stalls.get(digest)
        try:
            for at in range(start, end, 65536):
                if stall is not None and at >= stall:
                    registry.stalling.set()
                    registry.go_on.wait()
                    stall = None
                threading.Event().wait(registry.pauses.get(digest, 0))
                self.wfile.write(data[at : min(at + 65536, end)])
                self.wfile.flush()
        except OSError:
            self.close_connection = True
        if end != total:
            self.close_connection = True
