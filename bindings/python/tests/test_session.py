from __future__ import annotations

import json

import pytest

import ocireg

from .conftest import Image
from .registry import INDEX, MANIFEST, Registry, sha256


def test_open(session: ocireg.Session, registry: Registry) -> None:
    info = session.info()
    assert info["protocol"] == "v2"
    assert info["repository"] == "team/app"
    assert info["reference"] == f"{registry.host}/team/app:v1"
    assert session.id
    assert session.ping()["protocol"] == "v2"


def test_manifests(session: ocireg.Session, image: Image) -> None:
    descriptor, data = session.get_manifest()
    assert descriptor["mediaType"] == INDEX
    assert descriptor["digest"] == sha256(data)
    assert descriptor["size"] == len(data)
    assert session.head_manifest("v1") == descriptor

    manifest = session.get_manifest(platform="linux/amd64")
    assert manifest.descriptor["mediaType"] == MANIFEST
    assert [layer["digest"] for layer in json.loads(manifest.data)["layers"]] == image.digests
    assert session.get_manifest(manifest.descriptor["digest"]).data == manifest.data


def test_what_is_not_there(session: ocireg.Session) -> None:
    with pytest.raises(ocireg.NotFoundError) as caught:
        session.get_manifest("none")
    assert caught.value.http_status == 404
    with pytest.raises(ocireg.NoPlatformError):
        session.get_manifest(platform="plan9/mips")


def test_tags(session: ocireg.Session, registry: Registry) -> None:
    registry.tags = [f"t{number:03}" for number in range(25)]
    assert session.list_tags()["tags"] == registry.tags
    page = session.list_tags(n=10)
    assert page["tags"] == registry.tags[:10]
    assert session.list_tags(n=10, next=page["next"])["tags"] == registry.tags[10:20]
    assert session.list_tags(n=3, last="t020")["tags"] == registry.tags[21:24]


def test_tags_one_by_one(session: ocireg.Session, registry: Registry) -> None:
    registry.tags = [f"t{number:03}" for number in range(25)]
    before = len(registry.requests)
    tags = session.tags(page=10)
    assert next(tags) == "t000"
    assert len(registry.requests) == before + 1  # The later pages only when they are needed.
    assert [*tags] == registry.tags[1:]
    assert len(registry.requests) == before + 3


def test_session_of_an_endpoint(service: ocireg.Service, registry: Registry, image: Image) -> None:
    with service.new_endpoint({"URL": f"http://{registry.host}", "Version": "v2"}) as endpoint:
        whole = endpoint.new_session({})
    with whole, whole.repository("team/app") as session:
        assert session.info()["repository"] == "team/app"
        assert session.list_tags()["tags"] == ["v1"]
        assert session.id != whole.id
        with pytest.raises(ocireg.InvalidReferenceError):
            whole.repository("NO")


def test_wrong_options_are_named(session: ocireg.Session, service: ocireg.Service, image: Image) -> None:
    with pytest.raises(ocireg.InvalidArgumentError, match="platfrom"):
        session.get_manifest(platfrom="linux/amd64")  # type: ignore[call-arg]
    with pytest.raises(ocireg.InvalidArgumentError, match="page_size"):
        session.list_tags(page_size=1)  # type: ignore[call-arg]
    with pytest.raises(ocireg.InvalidArgumentError):
        service.open_session(image.reference, actions="pull")  # type: ignore[arg-type]
    with pytest.raises(ocireg.InvalidReferenceError):
        service.open_session("NO")
    # An option that is None is as if it were not given.
    assert session.list_tags(n=None)["tags"] == ["v1"]  # type: ignore[arg-type]
