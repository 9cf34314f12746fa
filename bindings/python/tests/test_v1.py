from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import ocireg
from ocireg import _ffi, documents
from ocireg.documents import ImgData

from .conftest import ALONE
from .registry import archive

ID = "5" * 64
ARCHIVE = archive({"größe": b"hello"})


class Index(BaseHTTPRequestHandler):
    """A registry of protocol v1 that stands alone and keeps what it is given."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content_Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        if self.server.stalls:
            self.server.stalls.wait(60)
            return
        self.server.kept[self.path] = self.body()
        self.answer(204 if self.path.endswith("/images") else 200, b"")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.agents.append(self.headers.get("User-Agent"))
        self.server.metas.append(self.headers.get_all("X-Meta"))
        if path == "/v1/_ping":
            self.answer(200, b"true", X_Docker_Registry_Version="0.9")
        elif path == "/v1/search":
            self.answer(200, json.dumps({"query": query, "num_results": 1, "results": [{"name": "a"}]}).encode())
        elif path == "/v1/repositories/team/app/images":
            self.answer(200, json.dumps([{"id": ID, "Tag": "1"}]).encode())
        elif path == "/v1/repositories/team/app/tags/1":
            self.answer(200, json.dumps(ID).encode())
        elif path == "/v1/repositories/team/app/tags":
            self.answer(200, json.dumps({"1": ID}).encode())
        elif path == f"/v1/images/{ID}/ancestry":
            self.answer(200, json.dumps([ID]).encode())
        elif self.server.stalls and path.endswith("/layer"):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(bytes(1000))
            self.server.stalls.wait(60)
        elif path in self.server.kept:
            size = len(self.server.kept[f"/v1/images/{ID}/layer"])
            self.answer(200, self.server.kept[path], X_Docker_Size=str(size))
        else:
            self.answer(404, b"{}")


class Server(ThreadingHTTPServer):
    kept: dict[str, bytes]
    agents: list[str | None]
    metas: list[list[str] | None]
    stalls: threading.Event | None = None


@pytest.fixture
def index() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Index) as server:
        server.kept, server.agents, server.metas = {}, [], []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def host(index: Server) -> str:
    return f"127.0.0.1:{index.server_address[1]}"


@pytest.fixture
def v1(service: ocireg.Service, host: str) -> Iterator[ocireg.V1Session]:
    with service.open_v1_session(host, {}) as session:
        yield session


def test_push_and_pull(v1: ocireg.V1Session, index: Server, host: str) -> None:
    root, reference, document = f"http://{host}/v1/", f"{host}/team/app", json.dumps({"id": ID}).encode()
    v1.push_image_json_registry({"id": ID}, root, document)
    with v1.push_image_layer_registry(ID, root, document) as layer:
        layer.write(ARCHIVE[:700])
        layer.write(ARCHIVE[700:])
        sums = layer.commit()
    assert sums["checksum"].startswith("tarsum+sha256:")
    image: ImgData = {"id": ID, "checksum": sums["checksum"], "checksum_payload": sums["checksum_payload"]}
    v1.push_image_checksum_registry(image, root)
    v1.push_registry_tag(reference, ID, "1", root)
    assert gzip.decompress(index.kept[f"/v1/images/{ID}/layer"]) == ARCHIVE
    assert index.kept["/v1/repositories/team/app/tags/1"] == f'"{ID}"'.encode()
    assert v1.push_image_json_index(reference, {ID: image}.values(), True, iter([root])) == {
        "ImgList": {},
        "Endpoints": [],
    }
    listed = json.loads(index.kept["/v1/repositories/team/app/images"])
    assert listed == [{"id": ID, "checksum": sums["checksum"]}]

    data = v1.get_repository_data(reference)
    assert data["Endpoints"] == [root]
    assert v1.get_remote_tags(iter([root]), reference) == {"1": ID}
    assert v1.get_remote_tag([root], reference, "1") == ID
    assert v1.get_remote_history(ID, root) == [ID]
    found = v1.get_remote_image_json(ID, root)
    assert found.json == document
    with v1.get_remote_image_layer(ID, root, found.layer_size) as reader:
        assert gzip.decompress(reader.read()) == ARCHIVE
    with pytest.raises(ocireg.NotFoundError) as caught:
        v1.lookup_remote_image("6" * 64, root)
    assert caught.value.http_status == 404


def test_pull_into_a_layout(v1: ocireg.V1Session, host: str, layout: Path) -> None:
    root, image_json = f"http://{host}/v1/", json.dumps({"id": ID}).encode()
    with v1.push_image_layer_registry(ID, root, image_json) as layer:
        layer.write(ARCHIVE)
        layer.commit()
    v1.push_image_json_registry({"id": ID}, root, image_json)
    v1.push_registry_tag(f"{host}/team/app", ID, "1", root)
    with ocireg.Service(ALONE) as service:
        records: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        service.set_log(lambda _, record: records.append(dict(record)), ocireg.TRACE)
        report = service.pull(
            f"{host}/team/app:1",
            f"oci:{layout}:x",
            protocol="v1",
            platform="linux/amd64",
            context=ocireg.Context(progress=lambda done, total, event: events.append(dict(event))),
        )
    assert {event.get("what") for event in events} == {None, ID}
    typed: list[tuple[Any, Any]] = [
        (documents.Report, report),
        *((documents.ReportBlob, blob) for blob in report["blobs"]),
        *((documents.PlatformDescriptor, manifest) for manifest in report["manifests"]),
        *((documents.ProgressEvent, event) for event in events),
        *((documents.LogRecord, record) for record in records),
    ]
    for kind, document in typed:
        assert set(document) <= set(kind.__annotations__), kind.__name__
    assert report["endpoint"]["url"] == root
    assert (layout / "blobs/sha256" / report["blobs"][0]["digest"].removeprefix("sha256:")).exists()


def test_search(service: ocireg.Service, v1: ocireg.V1Session, index: Server, host: str) -> None:
    assert v1.search_repositories("a b", 7)["query"] == "q=a+b&n=7"
    index.agents.clear()
    found = service.search(f"{host}/a", auth={}, user_agent="me/1", headers={"X-Meta": ["1"]})
    assert (found["query"], found["results"][0]["name"]) == ("q=a&n=25", "a")
    assert set(index.agents) == {"me/1"}
    with pytest.raises(ocireg.OciregError) as caught:
        service.search(f"{host}/a", 101)
    assert caught.value.document["argument"] == "limit"
    for search in (service.search, v1.search_repositories):
        with pytest.raises(ValueError, match="limit"):
            search("a", 2**32 + 25)


def test_protocols_are_not_mixed_up(service: ocireg.Service, host: str) -> None:
    with pytest.raises(ValueError, match="open_v1_session"):
        service.open_session(f"{host}/team/app", protocol="v1")
    with service.new_v1_endpoint({"Name": host}) as endpoint, endpoint.new_session({}) as session:
        assert session.info()["protocol"] == "v1"
        assert session.ping()["version"] == "0.9"
        assert str(endpoint) == f"http://{host}/v1/"


@pytest.mark.parametrize("values", ["ab", ["ab"], ("ab",), '{"X-Meta": ["ab"]}'])
def test_a_text_is_one_value_of_a_header(service: ocireg.Service, index: Server, host: str, values: Any) -> None:
    headers = values if values[0] == "{" else {"X-Meta": values}
    service.search(f"{host}/a", auth={}, headers=headers)
    service.new_v1_endpoint({"Name": host}, headers=headers).close()
    assert {tuple(meta or ()) for meta in index.metas} == {("ab",)}


def test_what_cannot_be_sent_is_refused(service: ocireg.Service, v1: ocireg.V1Session, host: str) -> None:
    root = f"http://{host}/v1/"
    for size in (-2, 2**63, 2**64 + 5, -(2**63) - 1):
        with pytest.raises(ocireg.InvalidArgumentError, match="image_size"):
            v1.get_remote_image_layer(ID, root, size)
    for wrong in (1.5, "5"):
        with pytest.raises(TypeError, match=r"image_size must be int"):
            v1.get_remote_image_layer(ID, root, wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"limit must be int"):
            v1.search_repositories("a", wrong)  # type: ignore[arg-type]
    for text in (None, "{}", 5, bytearray(b"{}")):
        with pytest.raises(TypeError, match=r"json must be bytes"):
            v1.push_image_json_registry({"id": ID}, root, text)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"image_json must be bytes"):
            v1.push_image_layer_registry(ID, root, text)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"host must be str"):
        service.open_v1_session(5)  # type: ignore[arg-type]


INTERRUPTED = """
import json, os, signal, sys, threading, time
import ocireg

call, host, archive = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
root, image, document = f"http://{host}/v1/", "5" * 64, json.dumps({"id": "5" * 64}).encode()
with ocireg.Service({"environment": False, "docker-config": ""}) as service:
    with service.open_v1_session(host, {}) as session:
        if call == "read":
            stream = session.get_remote_image_layer(image, root, 100_000)
            wait = stream.readall
        else:
            stream = session.push_image_layer_registry(image, root, document)
            stream.write(archive)
            wait = stream.commit
        began = time.monotonic()
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        with stream:
            try:
                wait()
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - began < 2)
        session.ping()
"""


@pytest.mark.parametrize("call", ["read", "commit"])
def test_ctrl_c_ends_a_layer_that_stalls(index: Server, host: str, call: str) -> None:
    index.stalls = threading.Event()
    try:
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, call, host, ARCHIVE.hex()],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(ocireg.__file__).parents[1]),
                "OCIREG_LIBRARY": _ffi.library_path,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        index.stalls.set()
    assert (done.stdout, done.stderr) == ("interrupted True\n", "")
