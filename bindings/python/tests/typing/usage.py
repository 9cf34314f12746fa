"""What a type checker must accept, and (where an error is ignored) what it must refuse. Never run."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from typing_extensions import assert_type

import ocireg
from ocireg.documents import (
    APIEndpoint,
    Descriptor,
    ImgData,
    Inspection,
    LoginResult,
    LogRecord,
    ProgressEvent,
    Report,
    RepositoryData,
    SearchResult,
    ServiceOptions,
)


def progress(done: int, total: int, event: ProgressEvent) -> None:
    assert_type(event["kind"], str)


def use(options: ServiceOptions) -> None:
    with ocireg.Service(options) as service, ocireg.Context(timeout=1.5, progress=progress) as context:
        assert_type(service, ocireg.Service)
        assert_type(context, ocireg.Context)
        assert_type(service.config()["Mirrors"], list[str])
        assert_type(service.lookup_pull_endpoints("docker.io"), list[APIEndpoint])
        assert_type(service.is_insecure_registry("host", timeout=1), bool)
        assert_type(service.pull("alpine:3", "oci:x", platform="linux/amd64", context=context), Report)
        assert_type(service.inspect("alpine:3", auth={"username": "u", "password": "p"}), Inspection)
        assert_type(service.new_endpoint({"URL": "https://registry.example"}), ocireg.Endpoint)
        with service.open_session("alpine:3", actions=["pull"]) as session:
            assert_type(session, ocireg.Session)
            assert_type(session.tags(), Iterator[str])
            assert_type(session.list_tags(n=10).get("next"), str | None)
            descriptor, data = session.get_manifest(platform="linux/arm64")
            assert_type(descriptor, Descriptor)
            assert_type(descriptor.get("platform", {}).get("os.version"), str | None)
            assert_type(data, bytes)
            with session.open_blob(descriptor["digest"], 10, size=20) as blob:
                assert_type(blob, ocireg.BlobReader)
                assert_type(blob.size, int | None)
                io.BufferedReader(blob, 1 << 16)


def log(level: int, record: LogRecord) -> None:
    assert_type(record["message"], str)


def use_v1(service: ocireg.Service) -> None:
    service.set_log(log, logging.INFO)
    service.set_log(logging.getLogger("ocireg"))
    assert_type(service.login({"username": "u", "password": "p", "serveraddress": "h"}), LoginResult)
    assert_type(service.search("h/a", headers={"X-One": "1", "X-Two": ["1", "2"]})["results"], list[SearchResult])
    with service.new_v1_endpoint({"Name": "h", "Secure": True}) as endpoint, endpoint.new_session() as session:
        assert_type(session, ocireg.V1Session)
        data = session.get_repository_data("h/a")
        assert_type(data, RepositoryData)
        root = data["Endpoints"][0]
        image = session.get_remote_image_json("0" * 64, root)
        with session.get_remote_image_layer("0" * 64, root, image.layer_size) as layer:
            assert_type(layer.readall(), bytes)
        with session.push_image_layer_registry("0" * 64, root, image.json) as writer:
            sums = writer.commit()
        pushed: ImgData = {"id": "0" * 64, "checksum": sums["checksum"], "checksum_payload": sums["checksum_payload"]}
        session.push_image_checksum_registry(pushed, root)
        session.push_image_json_index("h/a", [pushed], True, [root])


def errors() -> None:
    try:
        ocireg.parse_reference("x")
    except ocireg.NotFoundError as error:
        assert_type(error.http_status, int | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.document["message"], str)
        lookup: LookupError = error
        base: ocireg.OciregError = error
        print(lookup, base)


def refused(service: ocireg.Service, session: ocireg.Session) -> None:
    ocireg.Service({"registry-mirror": []})  # type: ignore[arg-type]
    ocireg.Service({"registry-mirrors": "https://mirror.example"})  # type: ignore[arg-type]
    service.pull("alpine:3")  # type: ignore[call-arg]
    service.pull("alpine:3", "oci:x", plattform="linux/amd64")  # type: ignore[call-arg]
    service.pull("alpine:3", "oci:x", timeout="1")  # type: ignore[arg-type]
    session.open_blob(b"sha256:")  # type: ignore[arg-type]
    ocireg.Context(progress=lambda done: None)  # type: ignore[arg-type,misc]
    ocireg.parse_reference(None)  # type: ignore[arg-type]
    service.new_v1_endpoint({"Secure": True})  # type: ignore[arg-type]
    service.set_log(lambda record: None)  # type: ignore[arg-type]
