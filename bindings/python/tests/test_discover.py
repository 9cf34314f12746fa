"""What a repository has, and changes of it."""

from __future__ import annotations

import json
import os
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


def test_blobs_go_through_descriptors(changing: ocireg.Session, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb") as sink:
        sink.write(b"a blob from a pipe")
        sink.close()
        put = changing.put_blob_fd(source, media_type="text/plain")
    assert (put["digest"], put["size"]) == (sha256(b"a blob from a pipe"), 18)
    with open(tmp_path / "file", "w+b", buffering=0) as file:
        file.write(b"head")
        got = changing.get_blob_fd(put["digest"], file.fileno(), size=18)
        assert set(got) <= set(documents.BlobFile.__annotations__)
        file.seek(6)
        assert changing.put_blob_fd(file)["digest"] == sha256(b"blob from a pipe")
    assert (tmp_path / "file").read_bytes() == b"heada blob from a pipe"
    reader, writer = os.pipe()
    try:
        with pytest.raises(ocireg.InvalidArgumentError):
            changing.get_blob_fd(put["digest"], reader)
        with pytest.raises(ocireg.DeadlineError):
            changing.put_blob_fd(reader, timeout=0.2)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_registry_that_does_not_list_its_repositories(changing: ocireg.Session) -> None:
    with pytest.raises((ocireg.NotFoundError, ocireg.UnsupportedError)):
        changing.catalog(n=10)
