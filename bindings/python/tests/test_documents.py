"""The types of documents against what the library takes and gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ocireg
from ocireg import documents

from .conftest import ALONE, Image
from .registry import Registry

VALUES: dict[str, Any] = {
    "proxy": {"http-proxy": "http://proxy.example:3128", "https-proxy": "", "no-proxy": "a.example"},
    "timeouts": dict.fromkeys(documents.Timeouts.__annotations__, 1000),
    "retry": dict.fromkeys(documents.Retry.__annotations__, 3),
    "limits": dict.fromkeys(documents.Limits.__annotations__, 1 << 20),
    "max-concurrent-downloads": 1,
    "max-concurrent-uploads": 1,
    "max-concurrent-requests": 1,
    "parallel-range-bytes": 0,
    "environment": False,
    "preload": False,
    "v1": False,
    "user-agent": "name/1",
    "user-agent-prefix": "program/2",
    "credential-helper-timeout-ms": 1000,
    **dict.fromkeys(["certs-dir", "hosts-dir", "registries-conf", "docker-config", "daemon-json"], ""),
    "credentials": {},
    "resolve": {},
}


@pytest.mark.parametrize("key", sorted(documents.ServiceOptions.__annotations__))
def test_the_library_knows_every_service_option(key: str) -> None:
    ocireg.Service(json.dumps({key: VALUES.get(key, [])})).close()


@pytest.mark.parametrize("key", sorted(documents.ConfigOptions.__annotations__))
def test_the_library_knows_every_config_option(service: ocireg.Service, key: str) -> None:
    service.replace_config(json.dumps({key: VALUES.get(key, [])}))


def test_the_library_knows_every_option_of_calls(
    session: ocireg.Session, image: Image, service: ocireg.Service
) -> None:
    size = len(image.layers[0])
    session.list_tags(n=1, last="a")
    session.get_manifest(platform="linux/amd64", accept=["*/*"], max_size=1 << 20)
    session.open_blob(image.digests[0], size=size, media_type="a/b", urls=[]).close()
    service.open_session(image.reference, auth={}, actions=["pull"], protocol="v2").close()
    service.inspect(image.reference, auth={}, platform="linux/amd64", config=True, layers=True)


def test_every_key_has_a_type(
    service: ocireg.Service,
    session: ocireg.Session,
    registry: Registry,
    image: Image,
    layout: Path,
    tmp_path: Path,
) -> None:
    events: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    service.set_log(lambda _, record: records.append(dict(record)), ocireg.TRACE)
    context = ocireg.Context(progress=lambda done, total, event: events.append(dict(event)))
    report = service.pull(
        image.reference,
        f"oci:{layout}",
        context=context,
        auth={},
        platform="linux/amd64",
        resume=True,
        all_platforms=False,
        referrers=False,
        verify_diff_ids=False,
        nondistributable=False,
    )
    with pytest.raises(ocireg.NotFoundError) as caught:
        session.get_manifest("none")
    inspection = service.inspect(image.reference)
    with ocireg.Service({**ALONE, "registry-mirrors": ["https://mirror.example"]}) as mirrored:
        endpoints = mirrored.lookup_pull_endpoints("docker.io")
    expected: list[tuple[Any, Any]] = [
        (documents.Report, report),
        (documents.ReportEndpoint, report["endpoint"]),
        *((documents.ReportBlob, blob) for blob in report["blobs"]),
        *((documents.PlatformDescriptor, manifest) for manifest in report["manifests"]),
        *((documents.PlatformDescriptor, offer) for offer in inspection["platforms"]),
        (documents.Inspection, inspection),
        (documents.SessionInfo, session.info()),
        (documents.PingResult, session.ping()),
        (documents.TagList, session.list_tags()),
        (documents.Descriptor, session.head_manifest()),
        (documents.ErrorDocument, caught.value.document),
        (documents.ServiceConfig, service.config()),
        (documents.RepositoryInfo, ocireg.parse_repository_info("a")),
        (documents.Reference, ocireg.parse_reference("a")),
        (documents.VersionInfo, ocireg.library_info()),
        *((documents.APIEndpoint, endpoint) for endpoint in endpoints),
        *((documents.TLSConfig, endpoint["TLSConfig"]) for endpoint in endpoints),
        *((documents.ProgressEvent, event) for event in events),
        *((documents.LogRecord, record) for record in records),
    ]
    pushed = service.push(
        f"oci:{layout}",
        f"{registry.host}/pushed/app:1",
        auth={},
        all_platforms=True,
        tags=["2"],
        mount_from=["team/app"],
        digest_tags=False,
        convert="oci",
        verify_present=True,
    )
    copied = service.copy(
        f"docker://{image.reference}",
        f"docker://{registry.host}/copied/app:1",
        source_auth={},
        destination_auth={},
        platform="linux/amd64",
        tags=["2"],
        nondistributable=False,
        resume=True,
    )
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "file").write_text("content")
    made = service.push(
        f"files:{artifact}",
        f"{registry.host}/made/thing:1",
        artifact_type="application/vnd.example.thing",
        files=[{"path": "file", "title": "other", "media_type": "text/plain", "annotations": {"a": "b"}}],
        annotations={"c": "d"},
        config="file",
    )
    got = service.pull(f"{registry.host}/made/thing:1", f"files:{tmp_path}/got", overwrite=True)
    assert (tmp_path / "got" / "other").read_text() == "content"
    for more in (pushed, copied, made, got):
        expected.append((documents.Report, more))
        expected.extend((documents.ReportBlob, blob) for blob in more["blobs"])
        expected.extend((documents.PlatformDescriptor, manifest) for manifest in more["manifests"])
    expected.extend((documents.Conversion, conversion) for conversion in pushed.get("converted", []))
    expected.append((documents.ReportEndpoint, copied["source_endpoint"]))
    expected.append((documents.ReportEndpoint, copied["destination_endpoint"]))
    assert pushed["tags"] == copied["tags"] == ["1", "2"]
    for kind, document in expected:
        assert set(document) <= set(kind.__annotations__), kind.__name__
