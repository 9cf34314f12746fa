"""Pushing and copying images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ocireg

from .conftest import Image
from .registry import Registry


@pytest.fixture
def other() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


@pytest.fixture
def local(service: ocireg.Service, image: Image, layout: Path) -> str:
    location = f"oci:{layout}:mine"
    service.pull(image.reference, location, all_platforms=True)
    return location


def test_push(service: ocireg.Service, other: Registry, image: Image, local: str) -> None:
    seen: list[tuple[int, int]] = []
    context = ocireg.Context(progress=lambda done, total, _: seen.append((done, total)))
    report = service.push(local, f"{other.host}/copies/app:v1", tags=["stable"], context=context)
    assert report["tags"] == ["v1", "stable"]
    assert set(image.digests) <= set(other.blobs)
    assert other.manifests["v1"] == other.manifests["stable"]
    assert report["reference"] == f"{other.host}/copies/app@{report['descriptor']['digest']}"
    assert report["bytes_transferred"] == report["bytes_total"]
    assert seen[-1] == (report["bytes_total"], report["bytes_total"])

    report = service.push(local, f"{other.host}/copies/app:v1", timeout=30)
    assert report["bytes_transferred"] == 0
    assert {blob["source"] for blob in report["blobs"]} == {"present"}


def test_push_of_one_platform(service: ocireg.Service, other: Registry, local: str) -> None:
    report = service.push(local, f"docker://{other.host}/app:arm", platform="linux/arm64")
    assert report["platform"] == "linux/arm64"
    assert len(report["manifests"]) == 1


def test_copy_between_registries(service: ocireg.Service, registry: Registry, other: Registry, image: Image) -> None:
    report = service.copy(f"docker://{image.reference}", f"docker://{other.host}/copies/app:v2", timeout=30)
    assert report["source_endpoint"]["url"].startswith(f"http://{registry.host}")
    assert report["destination_endpoint"]["url"].startswith(f"http://{other.host}")
    assert other.manifests["v2"] == registry.manifests["v1"]
    # Within one registry nothing is sent.
    report = service.copy(f"docker://{other.host}/copies/app:v2", f"docker://{other.host}/more/app:v3")
    assert report["bytes_transferred"] == 0


def test_copy_into_a_layout(service: ocireg.Service, image: Image, tmp_path: Path) -> None:
    report = service.copy(f"docker://{image.reference}", f"oci:{tmp_path}/copy:mine", source_auth={})
    assert "destination_endpoint" not in report
    assert (tmp_path / "copy" / "index.json").exists()


def test_what_cannot_be_pushed(service: ocireg.Service, other: Registry, local: str) -> None:
    with pytest.raises(ocireg.NotFoundError):
        service.push(local + "x", f"{other.host}/app:v1")
    with pytest.raises(ocireg.InvalidArgumentError, match="everything"):
        service.push(local, f"{other.host}/app:v1", everything=True)  # type: ignore[call-arg]
    stopped = ocireg.Context()
    stopped.cancel()
    with pytest.raises(ocireg.CancelledError):
        service.copy(local, f"docker://{other.host}/app:v1", context=stopped)
    assert not other.manifests


def test_head_blob(session: ocireg.Session, image: Image) -> None:
    found = session.head_blob(image.digests[0])
    assert (found["digest"], found["size"]) == (image.digests[0], len(image.layers[0]))
    with pytest.raises(ocireg.NotFoundError):
        session.head_blob("sha256:" + "0" * 64)
