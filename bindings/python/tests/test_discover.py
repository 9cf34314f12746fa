"""What a repository has, and changes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import ocireg
from ocireg import documents

from .conftest import Image
from .registry import MANIFEST, Registry, sha256


@pytest.fixture
def changing(service: ocireg.Service, image: Image) -> Iterator[ocireg.Session]:
    with service.open_session(image.reference, actions=["pull", "push", "delete"]) as session:
        yield session


def test_manifests_are_stored_and_deleted(changing: ocireg.Session, registry: Registry) -> None:
    descriptor, data = changing.get_manifest("v1")
    stored = changing.put_manifest("v2", None, data, tags=["v3"], timeout=30)
    assert stored["digest"] == descriptor["digest"]
    assert set(stored) <= set(documents.StoredManifest.__annotations__)
    assert registry.manifests["v2"] == registry.manifests["v3"] == registry.manifests["v1"]
    with pytest.raises(ocireg.DigestMismatchError):
        changing.put_manifest("sha256:" + "0" * 64, None, data)
    changing.delete_manifest("v3")
    assert "v3" not in registry.manifests
    with pytest.raises(ocireg.NotFoundError):
        changing.delete_manifest("none")


def test_referrers_are_found_by_their_subject(changing: ocireg.Session, registry: Registry) -> None:
    subject = changing.head_manifest("v1")
    signature = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.signature",
        "config": registry.blob(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [],
        "subject": subject,
    }
    stored = changing.put_manifest(None, MANIFEST, json.dumps(signature).encode())
    assert stored["subject_tag"] == subject["digest"].replace(":", "-")
    found = changing.referrers(subject["digest"])
    assert [manifest["digest"] for manifest in found["manifests"]] == [stored["digest"]]
    assert found["source"] == "tag"
    assert set(found) <= set(documents.Referrers.__annotations__)
    assert changing.referrers(subject["digest"], artifact_type="text/plain")["manifests"] == []


def test_blobs_are_files(changing: ocireg.Session, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"a blob from a file")
    put = changing.put_blob_file(str(source), media_type="text/plain")
    assert put["digest"] == sha256(source.read_bytes())
    assert (put["mediaType"], put["existed"], put["bytes_transferred"]) == ("text/plain", False, 18)
    got = changing.get_blob_file(put["digest"], str(copy))
    assert copy.read_bytes() == source.read_bytes()
    assert set(got) <= set(documents.BlobFile.__annotations__)
    assert changing.get_blob_file(put["digest"], str(copy))["existed"]
    changing.delete_blob(put["digest"])
    with pytest.raises(ocireg.NotFoundError):
        changing.head_blob(put["digest"])


def test_a_registry_that_does_not_list_its_repositories(changing: ocireg.Session) -> None:
    with pytest.raises((ocireg.NotFoundError, ocireg.UnsupportedError)):
        changing.catalog(n=10)
