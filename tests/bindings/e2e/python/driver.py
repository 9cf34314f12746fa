#!/usr/bin/env python3
"""Drives the Python package for the end-to-end suite: a request a line on stdin, an answer a line on stdout.

Fields are separated by tabs; ``\\N`` is a value that is not given. The answer is ``ok`` and a value, or ``error`` and
an error document. Handles go by names that the requests choose.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Union

import ocireg
from calls import CALLS, Call

Field = Union[str, None]


ENDPOINTS = (ocireg.Endpoint, ocireg.V1Endpoint)
SESSIONS = (ocireg.Session, ocireg.V1Session)
KINDS: dict[str, tuple[type, ...]] = {"service": (ocireg.Service,), "endpoint": ENDPOINTS, "session": SESSIONS}


class DriverError(Exception):
    """The request cannot be made, for a reason that is not the library's."""


class Driver:
    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}
        self.kinds: list[str] | None = None
        self.records: list[str] = []
        self.asked: list[str] = []
        self.timeout_ms = 0
        self.cancel_after_ms = 0

    # What the next call runs under.

    def do_with(self, timeout_ms: str, cancel_after_ms: str) -> None:
        self.timeout_ms, self.cancel_after_ms = int(timeout_ms), int(cancel_after_ms)

    def do_progress(self, switch: str) -> None:
        self.kinds = [] if switch == "on" else None

    def do_events(self) -> Any:
        return self.kinds or []

    def do_service_set_log(self, name: str, level: str) -> None:
        levels = [logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, ocireg.TRACE]
        self.records = records = []

        def log(level: int, record: Any) -> None:
            seen = f"{record['target']} {levels.index(level) + 1}"
            if seen not in records:
                records.append(seen)

        most = int(level)
        self.service(name).set_log(log if most else None, levels[most - 1])

    def do_service_set_credentials(self, name: str, first: Field, refused: Field) -> None:
        answers = {"first": first, "refused": refused}
        self.asked = asked = []

        def give(request: ocireg.CredentialRequest) -> Any:
            asked.append(f"{request['reason']} {request.get('repository', '')}")
            answer = answers[request["reason"]]
            if answer == "stop":
                raise RuntimeError("enough")
            return None if answer == "pass" else json.loads(answer or "")

        self.service(name).set_credentials(None if first is None else give)

    def do_asked(self) -> Any:
        return self.asked

    def do_logged(self) -> Any:
        return self.records

    def under(self, call: Callable[[ocireg.Context], Any]) -> Any:
        """Makes a call under the context that was asked for."""
        kinds = self.kinds

        def progress(_done: int, _total: int, event: Any) -> None:
            if kinds is not None and event["kind"] not in kinds:
                kinds.append(event["kind"])

        timeout, cancel_after = self.timeout_ms, self.cancel_after_ms
        self.timeout_ms = self.cancel_after_ms = 0
        context = ocireg.Context(
            timeout=timeout / 1000 if timeout else None, progress=None if kinds is None else progress
        )
        timer = threading.Timer(cancel_after / 1000, context.cancel)
        if cancel_after:
            timer.start()
        try:
            return call(context)
        finally:
            timer.cancel()

    # Requests that are more than a call, or whose method has another form in Python.

    def do_fd_open(self, number: str, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(fd, int(number))
        os.close(fd)

    def do_version(self) -> Any:
        return ocireg.library_version()

    def do_service_new(self, name: str, options: Field = None) -> None:
        self.keep(name, ocireg.Service(options))

    def do_service_free(self, name: str) -> None:
        self.free(name, ocireg.Service)

    def do_service_replace_config(self, name: str, options: Field = None) -> None:
        self.service(name).replace_config(options)  # type: ignore[arg-type]

    def do_service_search(
        self, name: str, term: Field, limit: str, auth: Field, user_agent: Field, headers: Field
    ) -> Any:
        service, more = self.service(name), None if headers is None else json.loads(headers)
        return self.under(
            lambda context: service.search(term, int(limit), auth, user_agent, more, context=context)  # type: ignore[arg-type]
        )

    def do_layout_list(self, location: str, _options: Field = None) -> Any:
        return {"images": self.under(lambda context: ocireg.layout_list(location, context=context))}

    def do_layout_remove(self, location: str, _options: Field = None) -> Any:
        return {"removed": self.under(lambda context: ocireg.layout_remove(location, context=context))}

    def do_endpoint_new(self, service: str, name: str, document: Field) -> None:
        self.keep(name, self.service(service).new_endpoint(document))  # type: ignore[arg-type]

    def do_endpoint_new_v1(self, service: str, name: str, index: str, user_agent: Field, headers: Field) -> None:
        find, more = self.service(service).new_v1_endpoint, None if headers is None else json.loads(headers)
        self.keep(name, self.under(lambda context: find(index, user_agent, more, context=context)))

    def do_endpoint_to_v1(self, endpoint: str, name: str, user_agent: Field, headers: Field) -> None:
        more = None if headers is None else json.loads(headers)
        self.keep(name, self.endpoint(endpoint).to_v1(user_agent, more))

    def do_endpoint_to_string(self, name: str) -> Any:
        return str(self.endpoint(name))

    def do_endpoint_free(self, name: str) -> None:
        self.free(name, ENDPOINTS)

    def do_session_new(self, endpoint: str, name: str, auth: Field = None) -> None:
        begin = self.endpoint(endpoint).new_session
        self.keep(name, self.under(lambda context: begin(auth, context=context)))

    def do_session_open(self, service: str, name: str, reference: Field, options: Field = None) -> None:
        begin, given = self.service(service).open_session, keywords(options)
        self.keep(name, self.under(lambda context: begin(reference, context=context, **given)))  # type: ignore[arg-type]

    def do_session_repository(self, session: str, name: str, repository: str) -> None:
        self.keep(name, self.session(session).repository(repository))

    def do_session_get_manifest(self, name: str, tag_or_digest: Field = None, options: Field = None) -> Any:
        session, given = self.session(name), keywords(options)
        manifest = self.under(lambda context: session.get_manifest(tag_or_digest, context=context, **given))
        return {
            "descriptor": manifest.descriptor,
            "sha256": hashlib.sha256(manifest.data).hexdigest(),
            "size": len(manifest.data),
        }

    def do_session_open_blob(self, name: str, digest: str, offset: str = "0", options: Field = None) -> Any:
        session, given = self.session(name), keywords(options)

        def read(context: ocireg.Context) -> Any:
            return read_all(session.open_blob(digest, int(offset), context=context, **given))

        return self.under(read)

    def do_session_read_at(self, name: str, digest: str, options: Field, offset: str, size: str) -> Any:
        session, given = self.session(name), keywords(options)

        def read(context: ocireg.Context) -> Any:
            with session.remote_blob(digest, context=context, **given) as blob:
                part = blob.read_at(int(offset), int(size))
                return {"sha256": hashlib.sha256(part).hexdigest(), "count": len(part), "size": blob.size}

        return self.under(read)

    def do_session_verify_blob(self, name: str, digest: str, most: str, options: Field = None) -> Any:
        session, given = self.session(name), keywords(options)

        def verify(context: ocireg.Context) -> Any:
            with session.open_blob(digest, context=context, **given) as blob:
                count = 0
                while got := blob.read(min(int(most) - count, 65536)):
                    count += len(got)
                blob.verify()
                return {"read": count, "after": len(blob.read(1) or b"")}

        return self.under(verify)

    def do_session_put_blob(self, name: str, options: Field, content: str, expected: Field = None) -> Any:
        session, given, wanted = self.session(name), keywords(options), keywords(expected)

        def write(context: ocireg.Context) -> Any:
            with session.put_blob(context=context, **given) as blob:
                half = len(content) // 2
                blob.write(content[:half].encode())
                blob.write(bytearray(content[half:].encode()))
                return blob.commit(**wanted)

        return self.under(write)

    def do_session_mount_blob(self, name: str, digest: str, source: str) -> Any:
        session = self.session(name)

        def mount(context: ocireg.Context) -> Any:
            blob = session.mount_blob(digest, source, context=context)
            if blob is None:
                return 1
            with blob:
                blob.abort()
            return 0

        return self.under(mount)

    def do_session_free(self, name: str) -> None:
        self.free(name, SESSIONS)

    def do_session_get_remote_image_json(self, name: str, image: str, registry: str) -> Any:
        session = self.v1(name)
        found = self.under(lambda context: session.get_remote_image_json(image, registry, context=context))
        size = -1 if found.layer_size is None else found.layer_size
        return {"sha256": hashlib.sha256(found.json).hexdigest(), "layer_size": size}

    def do_session_get_remote_image_layer(self, name: str, image: str, registry: str, size: str) -> Any:
        session = self.v1(name)
        known = None if int(size) < 0 else int(size)

        def read(context: ocireg.Context) -> Any:
            return read_all(session.get_remote_image_layer(image, registry, known, context=context))

        return self.under(read)

    def do_session_push_image_layer_registry(
        self, name: str, image: str, registry: str, image_json: str, path: str
    ) -> Any:
        session = self.v1(name)

        def write(context: ocireg.Context) -> Any:
            begin = session.push_image_layer_registry
            with Path(path).open("rb") as file, begin(image, registry, image_json.encode(), context=context) as layer:
                while piece := file.read(4096):
                    layer.write(piece)
                return layer.commit()

        return self.under(write)

    def do_session_push_image_json_index(
        self, name: str, reference: str, images: str, validate: str, registries: str
    ) -> Any:
        session, check = self.v1(name), validate == "1"
        return self.under(
            lambda context: session.push_image_json_index(reference, images, check, registries, context=context)
        )

    # All others.

    def do(self, call: Call, fields: list[Field]) -> Any:
        """A request that is one call: its method gets the fields."""
        owner: Any = ocireg
        if call.of is not None:
            owner = self.get(fields.pop(0) or "", KINDS[call.of])
        if not hasattr(owner, call.name):
            raise DriverError(f"this {call.of} has no {call.name} in Python")
        given: list[Any] = []
        named: dict[str, Any] = {}
        for kind, field in zip(call.fields, fields):
            if kind == "options":
                named.update(keywords(field))
            elif field is None or kind == "text":
                given.append(field)
            else:
                given.append(int(field) if kind == "number" else field.encode())
        method = getattr(owner, call.name)
        if not callable(method):
            value = method
        elif call.context:
            value = self.under(lambda context: method(*given, context=context, **named))
        else:
            value = method(*given, **named)
        return int(value) if isinstance(value, bool) else value

    # Handles.

    def keep(self, name: str, handle: Any) -> None:
        if name in self.handles:
            self.handles[name].close()
        self.handles[name] = handle

    def get(self, name: str, kind: type | tuple[type, ...]) -> Any:
        handle = self.handles.get(name)
        if not isinstance(handle, kind):
            raise DriverError(f"{name} is not there, or something else")
        return handle

    def free(self, name: str, kind: type | tuple[type, ...]) -> None:
        self.get(name, kind).close()
        del self.handles[name]

    def service(self, name: str) -> ocireg.Service:
        service: ocireg.Service = self.get(name, ocireg.Service)
        return service

    def endpoint(self, name: str) -> Any:
        return self.get(name, ENDPOINTS)

    def session(self, name: str) -> Any:
        return self.get(name, SESSIONS)

    def v1(self, name: str) -> ocireg.V1Session:
        session: ocireg.V1Session = self.get(name, ocireg.V1Session)
        return session


def keywords(options: Field) -> Any:
    """Options as keyword arguments, which is how the package takes them."""
    try:
        given = json.loads("{}" if options is None else options)
    except ValueError as error:
        raise DriverError(f"the package takes no options that are not JSON: {error}") from error
    if not isinstance(given, dict):
        raise DriverError("the package takes no options that are not an object")
    return given


def read_all(reader: Any) -> Any:
    hashing, count, buffer = hashlib.sha256(), 0, bytearray(1 << 18)
    with reader:
        while got := reader.readinto(buffer):
            hashing.update(memoryview(buffer)[:got])
            count += got
        size = -1 if reader.size is None else reader.size
    return {"size": size, "read": count, "sha256": hashing.hexdigest()}


def answer(driver: Driver, line: bytes) -> str:
    request, *fields = line.decode("utf-8", "surrogateescape").rstrip("\n").split("\t")
    method, given = getattr(driver, f"do_{request}", None), [None if field == "\\N" else field for field in fields]
    try:
        if method is not None:
            value = method(*given)
        elif request in CALLS:
            value = driver.do(CALLS[request], given)
        else:
            raise DriverError(f"unknown request {request}")
    except ocireg.OciregError as error:
        return "error\t" + json.dumps(error.document)
    except (DriverError, TypeError, ValueError) as error:
        return "error\t" + json.dumps({"name": "DRIVER", "message": f"{request}: {error}"})
    if value is None:
        return "ok\t"
    return "ok\t" + (value if isinstance(value, str) else json.dumps(value))


def main() -> None:
    driver = Driver()
    for line in sys.stdin.buffer:
        if line.strip() == b"quit":
            break
        sys.stdout.write(answer(driver, line) + "\n")
        sys.stdout.flush()
    for handle in driver.handles.values():
        handle.close()


if __name__ == "__main__":
    main()
