"""The log of a service."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import socketserver
import sys
import threading
from typing import Any

import pytest

import ocireg
from ocireg import _log, documents
from ocireg.documents import LogRecord

from .conftest import ALONE, Image


class Proxy(socketserver.StreamRequestHandler):
    """Connects one client to where it wants to go, or sends its request on, and brings it the answers."""

    def handle(self) -> None:
        method, target, version = self.rfile.readline().decode().split()
        headers = b"".join(iter(self.rfile.readline, b"\r\n"))
        authority, _, path = target.split("://")[-1].partition("/")
        host, _, port = authority.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=self.carry, args=(self.connection, server)).start()
            else:
                server.sendall(f"{method} /{path} {version}\r\nConnection: close\r\n".encode() + headers + b"\r\n")
            self.carry(server, self.connection)

    @staticmethod
    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_records_of_proxies_and_failures_have_types_and_no_secrets(image: Image) -> None:
    assert set(documents.ErrorDocument.__annotations__) - {"hint", "attempts"} <= set(LogRecord.__annotations__)
    told: list[LogRecord] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://alice:wonderland@127.0.0.1:{proxy.server_address[1]}"
        with ocireg.Service({**ALONE, "proxy": {"http-proxy": address}}) as service:
            service.set_log(lambda _, record: told.append(record), ocireg.TRACE)
            service.inspect(image.reference)
            with pytest.raises(ocireg.NotFoundError):
                service.inspect(image.reference + "x")
        proxy.shutdown()
    assert f"127.0.0.1:{proxy.server_address[1]}" in {record.get("proxy") for record in told}
    for record in told:
        assert set(record) <= set(LogRecord.__annotations__)
    assert "wonderland" not in str(told)


def test_a_function_is_told_records(service: ocireg.Service, image: Image) -> None:
    told: list[tuple[int, LogRecord]] = []
    service.set_log(lambda level, record: told.append((level, record)))
    service.inspect(image.reference)
    asked = [(level, record) for level, record in told if record.get("path", "").endswith("/manifests/v1")]
    assert len(asked) == 1
    level, record = asked[0]
    assert level == logging.DEBUG
    assert (record["level"], record["target"], record["method"]) == ("debug", "http", "GET")
    assert record["http_status"] == 200
    assert record["duration_ms"] >= 0
    assert record["time_ms"] > 1_700_000_000_000


def test_a_logger_gets_records_from_its_level_on(
    service: ocireg.Service, image: Image, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("ocireg.test")
    with caplog.at_level(logging.DEBUG, logger="ocireg.test"):
        service.set_log(logger)
        service.inspect(image.reference)
    records = [r for r in caplog.records if r.name == "ocireg.test"]
    assert records
    assert all(r.getMessage() == vars(r)["ocireg"]["message"] for r in records)
    assert {r.levelno for r in records} >= {logging.DEBUG}
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="ocireg.test"):
        service.set_log(logger)
        service.inspect(image.reference)
    assert not [r for r in caplog.records if r.levelno < logging.WARNING]


def test_the_level_decides(service: ocireg.Service, image: Image) -> None:
    told: list[int] = []
    service.set_log(lambda level, _: told.append(level), logging.ERROR + 1)
    service.inspect(image.reference)
    assert told == []
    service.set_log(lambda level, _: told.append(level), ocireg.TRACE)
    service.inspect(image.reference)
    assert logging.DEBUG in told
    told.clear()
    service.set_log(None)
    service.inspect(image.reference)
    assert told == []
    with pytest.raises(TypeError):
        service.set_log("stderr")  # type: ignore[arg-type]


def test_functions_live_as_long_as_they_may_be_called(image: Image) -> None:
    before = len(_log._listening)
    told: list[int] = []
    with ocireg.Service(ALONE) as service:
        service.set_log(lambda level, _: told.append(level))
        gc.collect()
        service.inspect(image.reference)
        assert told
        assert len(_log._listening) == before + 1
        service.set_log(lambda level, _: told.append(level))
        assert len(_log._listening) == before + 1
    assert len(_log._listening) == before


def test_an_exception_of_the_log_ends_no_call(
    service: ocireg.Service, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def log(_level: int, _record: LogRecord) -> None:
        raise RuntimeError("the log is full")

    service.set_log(log)
    service.inspect(image.reference)
    assert lost
    assert isinstance(lost[0].exc_value, RuntimeError)


def test_other_threads_log_on_their_own(service: ocireg.Service, image: Image) -> None:
    inside: set[int] = set()
    service.set_log(lambda *_: inside.add(threading.get_ident()))
    thread = threading.Thread(target=lambda: service.inspect(image.reference))
    thread.start()
    thread.join()
    assert inside == {thread.ident}
