#!/usr/bin/env python3
"""Drives the Python package for the end-to-end suite: a request a line on stdin, an answer a line on stdout.

Fields are separated by tabs; ``\\N`` is a value that is not given. The answer is ``ok`` and a value, or ``error`` and
an error document. Handles go by names that the requests choose.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Union

import ocireg

Field = Union[str, None]


ENDPOINTS = (ocireg.Endpoint, ocireg.V1Endpoint)
SESSIONS = (ocireg.Session, ocireg.V1Session)


class DriverError(Exception):
    """The request cannot be made, for a reason that is not the library's."""


class Driver:
    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}
        self.kinds: list[str] | None = None
        self.records: list[str] = []
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

    # Names.

    def do_convert_to_hostname(self, url: Field) -> Any:
        return ocireg.convert_to_hostname(url)  # type: ignore[arg-type]  # Absent values go to the library as well.

    def do_validate_index_name(self, name: Field) -> Any:
        return ocireg.validate_index_name(name)  # type: ignore[arg-type]

    def do_validate_mirror(self, url: Field) -> Any:
        return ocireg.validate_mirror(url)  # type: ignore[arg-type]

    def do_parse_reference(self, reference: Field) -> Any:
        return ocireg.parse_reference(reference)  # type: ignore[arg-type]

    def do_parse_repository_info(self, reference: Field) -> Any:
        return ocireg.parse_repository_info(reference)  # type: ignore[arg-type]

    def do_parse_search_index_info(self, term: Field) -> Any:
        return ocireg.parse_search_index_info(term)  # type: ignore[arg-type]

    def do_auth_config_key(self, index: Field) -> Any:
        return ocireg.auth_config_key(index)  # type: ignore[arg-type]

    def do_resolve_auth_config(self, auths: Field, index: Field) -> Any:
        return ocireg.resolve_auth_config(auths, index)  # type: ignore[arg-type]

    def do_parse_challenges(self, lines: Field) -> Any:
        return ocireg.parse_challenges(lines)  # type: ignore[arg-type]

    def do_read_certs_directory(self, directory: str) -> Any:
        return ocireg.read_certs_directory(directory)

    def do_certs_dir(self) -> Any:
        return ocireg.certs_dir()

    def do_version(self) -> Any:
        return ocireg.library_version()

    # Service.

    def do_service_new(self, name: str, options: Field = None) -> None:
        self.keep(name, ocireg.Service(options))

    def do_service_free(self, name: str) -> None:
        self.free(name, ocireg.Service)

    def do_service_config(self, name: str) -> Any:
        return self.service(name).config()

    def do_service_replace_config(self, name: str, options: Field = None) -> None:
        self.service(name).replace_config(options)  # type: ignore[arg-type]

    def do_service_load_mirrors(self, name: str, values: str) -> None:
        self.service(name).load_mirrors(values)

    def do_service_load_insecure_registries(self, name: str, values: str) -> None:
        self.service(name).load_insecure_registries(values)

    def do_service_load_allow_nondistributable_artifacts(self, name: str, values: str) -> None:
        self.service(name).load_allow_nondistributable_artifacts(values)

    def do_service_lookup_pull_endpoints(self, name: str, host: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.lookup_pull_endpoints(host, context=context))

    def do_service_lookup_push_endpoints(self, name: str, host: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.lookup_push_endpoints(host, context=context))

    def do_service_resolve_repository(self, name: str, reference: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.resolve_repository(reference, context=context))

    def do_service_tls_config(self, name: str, host: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.tls_config(host, context=context))

    def do_service_auth(self, name: str, auth: Field, user_agent: Field) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.auth(auth, user_agent, context=context))

    def do_service_search(
        self, name: str, term: Field, limit: str, auth: Field, user_agent: Field, headers: Field
    ) -> Any:
        service, more = self.service(name), None if headers is None else json.loads(headers)
        return self.under(
            lambda context: service.search(term, int(limit), auth, user_agent, more, context=context)  # type: ignore[arg-type]
        )

    def do_service_login(self, name: str, auth: Field, user_agent: Field) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.login(auth, user_agent, context=context))  # type: ignore[arg-type]

    def do_service_logout(self, name: str, host: str) -> None:
        service = self.service(name)
        self.under(lambda context: service.logout(host, context=context))

    def do_service_credentials(self, name: str, host: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: service.credentials(host, context=context))

    def do_service_is_insecure_registry(self, name: str, host: str) -> Any:
        service = self.service(name)
        return self.under(lambda context: int(service.is_insecure_registry(host, context=context)))

    # Endpoint.

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

    def do_endpoint_path(self, name: str, path: str) -> Any:
        return self.endpoint(name).path(path)

    def do_endpoint_is_secure(self, name: str) -> Any:
        return int(self.endpoint(name).is_secure)

    def do_endpoint_ping(self, name: str) -> Any:
        endpoint = self.endpoint(name)
        return self.under(lambda context: endpoint.ping(context=context))

    def do_endpoint_free(self, name: str) -> None:
        self.free(name, ENDPOINTS)

    # Session.

    def do_session_new(self, endpoint: str, name: str, auth: Field = None) -> None:
        begin = self.endpoint(endpoint).new_session
        self.keep(name, self.under(lambda context: begin(auth, context=context)))

    def do_session_open(self, service: str, name: str, reference: Field, options: Field = None) -> None:
        begin, given = self.service(service).open_session, keywords(options)
        self.keep(name, self.under(lambda context: begin(reference, context=context, **given)))  # type: ignore[arg-type]

    def do_session_repository(self, session: str, name: str, repository: str) -> None:
        self.keep(name, self.session(session).repository(repository))

    def do_session_id(self, name: str) -> Any:
        return self.session(name).id

    def do_session_info(self, name: str) -> Any:
        return self.session(name).info()

    def do_session_ping(self, name: str) -> Any:
        session = self.session(name)
        return self.under(lambda context: session.ping(context=context))

    def do_session_list_tags(self, name: str, options: Field = None) -> Any:
        session, given = self.session(name), keywords(options)
        return self.under(lambda context: session.list_tags(context=context, **given))

    def do_session_head_manifest(self, name: str, tag_or_digest: Field = None, options: Field = None) -> Any:
        session, given = self.session(name), keywords(options)
        return self.under(lambda context: session.head_manifest(tag_or_digest, context=context, **given))

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

    # Session of protocol v1.

    def do_session_get_repository_data(self, name: str, reference: str) -> Any:
        session = self.v1(name)
        return self.under(lambda context: session.get_repository_data(reference, context=context))

    def do_session_get_remote_tags(self, name: str, registries: str, reference: str) -> Any:
        session = self.v1(name)
        return self.under(lambda context: session.get_remote_tags(registries, reference, context=context))

    def do_session_get_remote_tag(self, name: str, registries: str, reference: str, tag: str) -> Any:
        session = self.v1(name)
        return self.under(lambda context: session.get_remote_tag(registries, reference, tag, context=context))

    def do_session_get_remote_history(self, name: str, image: str, registry: str) -> Any:
        session = self.v1(name)
        return self.under(lambda context: session.get_remote_history(image, registry, context=context))

    def do_session_lookup_remote_image(self, name: str, image: str, registry: str) -> None:
        session = self.v1(name)
        self.under(lambda context: session.lookup_remote_image(image, registry, context=context))

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

    def do_session_push_image_json_registry(self, name: str, image: str, registry: str, content: str) -> None:
        session = self.v1(name)
        self.under(lambda context: session.push_image_json_registry(image, registry, content.encode(), context=context))

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

    def do_session_push_image_checksum_registry(self, name: str, image: str, registry: str) -> None:
        session = self.v1(name)
        self.under(lambda context: session.push_image_checksum_registry(image, registry, context=context))

    def do_session_push_registry_tag(self, name: str, reference: str, revision: str, tag: str, registry: str) -> None:
        session = self.v1(name)
        self.under(lambda context: session.push_registry_tag(reference, revision, tag, registry, context=context))

    def do_session_push_image_json_index(
        self, name: str, reference: str, images: str, validate: str, registries: str
    ) -> Any:
        session, check = self.v1(name), validate == "1"
        return self.under(
            lambda context: session.push_image_json_index(reference, images, check, registries, context=context)
        )

    def do_session_search_repositories(self, name: str, term: str, limit: str) -> Any:
        session = self.v1(name)
        return self.under(lambda context: session.search_repositories(term, int(limit), context=context))

    # Images.

    def do_pull(self, name: str, source: str, destination: str, options: Field = None) -> Any:
        service, given = self.service(name), keywords(options)
        return self.under(lambda context: service.pull(source, destination, context=context, **given))

    def do_inspect(self, name: str, source: str, options: Field = None) -> Any:
        service, given = self.service(name), keywords(options)
        return self.under(lambda context: service.inspect(source, context=context, **given))

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
    method = getattr(driver, f"do_{request}", None)
    try:
        if method is None:
            raise DriverError(f"unknown request {request}")
        value = method(*[None if field == "\\N" else field for field in fields])
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
