"""Pulling an image into an OCI layout, read back with hashlib alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ocireg

from .conftest import ALONE, Image
from .registry import INDEX, MANIFEST, Registry, sha256


def content(layout: Path, descriptor: dict[str, Any]) -> bytes:
    """The content of a descriptor, verified."""
    algorithm, _, name = descriptor["digest"].partition(":")
    data: bytes = (layout / "blobs" / algorithm / name).read_bytes()
    assert sha256(data) == descriptor["digest"]
    assert len(data) == descriptor["size"]
    return data


def named(layout: Path) -> list[dict[str, Any]]:
    assert json.loads((layout / "oci-layout").read_text())["imageLayoutVersion"] == "1.0.0"
    manifests: list[dict[str, Any]] = json.loads((layout / "index.json").read_text())["manifests"]
    return manifests


def test_pull_for_a_platform(service: ocireg.Service, image: Image, layout: Path) -> None:
    report = service.pull(image.reference, f"oci:{layout}:mine", platform="linux/amd64", timeout=30)
    (root,) = named(layout)
    assert root["annotations"]["org.opencontainers.image.ref.name"] == "mine"
    assert root["mediaType"] == MANIFEST
    manifest = json.loads(content(layout, root))
    config = json.loads(content(layout, manifest["config"]))
    assert config["architecture"] == "amd64"
    assert [content(layout, layer) for layer in manifest["layers"]] == image.layers

    assert report["descriptor"]["digest"] == root["digest"]
    with service.open_session(image.reference) as session:
        assert report["reference"].endswith("@" + session.head_manifest()["digest"])
    assert {blob["digest"] for blob in report["blobs"]} >= set(image.digests)
    assert report["bytes_transferred"] == report["bytes_total"]


def test_pull_of_all_platforms(service: ocireg.Service, image: Image, layout: Path) -> None:
    report = service.pull(image.reference, f"oci:{layout}", all_platforms=True)
    (root,) = named(layout)
    assert root["mediaType"] == INDEX
    platforms = set()
    for descriptor in json.loads(content(layout, root))["manifests"]:
        manifest = json.loads(content(layout, descriptor))
        platforms.add(json.loads(content(layout, manifest["config"]))["architecture"])
        for layer in manifest["layers"]:
            content(layout, layer)
    assert platforms == {"amd64", "arm64"}
    assert len(report["manifests"]) == 3


def test_pulling_again_transfers_nothing(
    service: ocireg.Service, registry: Registry, image: Image, layout: Path
) -> None:
    service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
    before = len(registry.requests)
    report = service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
    assert {blob["source"] for blob in report["blobs"]} == {"present"}
    assert not [request for request in registry.requests[before:] if "/blobs/" in request.path]


def test_a_cut_connection_is_resumed(service: ocireg.Service, registry: Registry, image: Image, layout: Path) -> None:
    registry.cuts[image.digests[1]] = [250_000]
    report = service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
    (root,) = named(layout)
    for layer in json.loads(content(layout, root))["layers"]:
        content(layout, layer)
    asked = [request.range for request in registry.requests if image.digests[1] in request.path]
    assert len(asked) == 2
    assert asked[0] is None
    assert asked[1] is not None
    (blob,) = [blob for blob in report["blobs"] if blob["digest"] == image.digests[1]]
    assert blob["retries"] == 1


def test_a_cancelled_pull_is_taken_up(service: ocireg.Service, registry: Registry, image: Image, layout: Path) -> None:
    registry.stalls[image.digests[1]] = 400_000
    with pytest.raises(ocireg.DeadlineError):
        service.pull(image.reference, f"oci:{layout}", platform="linux/amd64", timeout=1)
    registry.stalls.clear()
    report = service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
    (blob,) = [blob for blob in report["blobs"] if blob["digest"] == image.digests[1]]
    assert blob["resumed_from"] > 0
    assert blob["bytes_transferred"] == blob["size"] - blob["resumed_from"]
    (root,) = named(layout)
    assert content(layout, {"digest": image.digests[1], "size": len(image.layers[1])}) == image.layers[1]
    assert root["digest"] == report["descriptor"]["digest"]


def test_wrong_content_gets_no_name(service: ocireg.Service, registry: Registry, image: Image, layout: Path) -> None:
    registry.lies[image.digests[0]] = bytes(len(image.layers[0]))
    with pytest.raises(ocireg.DigestMismatchError) as caught:
        service.pull(image.reference, f"oci:{layout}", platform="linux/amd64")
    assert caught.value.document["digest_expected"] == image.digests[0]
    assert caught.value.document["digest_actual"] == sha256(bytes(len(image.layers[0])))
    assert not list(layout.rglob(image.digests[0].partition(":")[2]))
    assert not (layout / "index.json").exists() or named(layout) == []


def test_destinations_that_cannot_be(service: ocireg.Service, image: Image, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ocireg.InvalidArgumentError, match="file/layout"):
        service.pull(image.reference, f"oci:{tmp_path}/file/layout")
    with pytest.raises(ocireg.StorageError, match="/proc/none") as caught:
        service.pull(image.reference, "oci:/proc/none/layout")
    assert isinstance(caught.value, OSError)
    with pytest.raises(ocireg.OciregError):
        service.pull(image.reference, "nothing:at-all")


def test_what_cannot_be_pulled(service: ocireg.Service, registry: Registry, image: Image, layout: Path) -> None:
    with pytest.raises(ocireg.NotFoundError):
        service.pull(f"{registry.host}/team/app:none", f"oci:{layout}")
    with pytest.raises(ocireg.NoPlatformError):
        service.pull(image.reference, f"oci:{layout}", platform="plan9/mips")
    with pytest.raises(ocireg.InvalidReferenceError):
        service.pull("NO", f"oci:{layout}")
    with pytest.raises(ocireg.InvalidArgumentError, match="platforms"):
        service.pull(image.reference, f"oci:{layout}", platforms="linux/amd64")  # type: ignore[call-arg]


def test_inspect(service: ocireg.Service, image: Image) -> None:
    found = service.inspect(image.reference)
    assert found["kind"] == "index"
    assert len(found["platforms"]) == 2
    found = service.inspect(image.reference, platform="linux/arm64")
    assert found["config"]["architecture"] == "arm64"
    assert found["layers"][1]["digest"] == image.digests[1]


def test_a_mirror(registry: Registry, image: Image, layout: Path) -> None:
    """A mirror of docker.io serves its images: what the service knows decides where a pull goes."""
    registry.image([b"layer"], "3")
    with ocireg.Service({**ALONE, "registry-mirrors": [f"http://{registry.host}"]}) as service:
        report = service.pull("alpine:3", f"oci:{layout}")
    assert report["endpoint"]["mirror"] is True
    assert report["reference"].startswith("docker.io/library/alpine")
    assert any(request.path.startswith("/v2/library/alpine/") for request in registry.requests)
