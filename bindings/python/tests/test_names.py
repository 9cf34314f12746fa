from __future__ import annotations

from pathlib import Path

import pytest

import ocireg
from ocireg.documents import IndexInfo

HUB: IndexInfo = {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}


def test_constants() -> None:
    assert ocireg.INDEX_SERVER == "https://index.docker.io/v1/"
    assert ocireg.DEFAULT_SEARCH_LIMIT == 25


def test_text_in_and_out() -> None:
    assert ocireg.convert_to_hostname("https://registry.example/v1/") == "registry.example"
    assert ocireg.validate_index_name("index.docker.io") == "docker.io"
    assert ocireg.validate_mirror("https://mirror.example") == "https://mirror.example/"
    assert ocireg.certs_dir().endswith("certs.d")


def test_parse_reference() -> None:
    reference = ocireg.parse_reference("alpine")
    assert reference["canonical"] == "docker.io/library/alpine"
    assert reference["with_default_tag"] == "docker.io/library/alpine:latest"
    assert reference["tag"] == ""


def test_repositories_and_registries() -> None:
    assert ocireg.parse_repository_info("alpine") == {
        "Name": "docker.io/library/alpine",
        "Index": HUB,
        "Official": True,
        "Class": "",
    }
    assert ocireg.parse_search_index_info("registry.example/term")["Name"] == "registry.example"


def test_credentials_by_index() -> None:
    assert ocireg.auth_config_key(HUB) == "https://index.docker.io/v1/"
    found = ocireg.resolve_auth_config({"https://index.docker.io/v1/": {"username": "u", "password": "p"}}, HUB)
    assert found["username"] == "u"
    assert ocireg.resolve_auth_config({}, HUB) == {}


def test_documents_may_be_text() -> None:
    assert ocireg.auth_config_key('{"Name": "registry.example"}') == "registry.example"
    with pytest.raises(ocireg.InvalidJsonError):
        ocireg.auth_config_key("{")


def test_challenges() -> None:
    assert ocireg.parse_challenges(['Bearer realm="https://auth.example/token",service="s"']) == [
        {"scheme": "bearer", "parameters": {"realm": "https://auth.example/token", "service": "s"}}
    ]


def test_certs_directory(tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_text("")
    assert ocireg.read_certs_directory(tmp_path)["RootCAs"] == [str(tmp_path / "a.crt")]
    (tmp_path / "b.key").write_text("")
    with pytest.raises(ocireg.OciregError):
        ocireg.read_certs_directory(str(tmp_path))


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "x:", "x@sha256:1"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ocireg.InvalidReferenceError) as caught:
        ocireg.parse_reference(text)
    assert isinstance(caught.value, ValueError)


def test_text_that_c_cannot_hold() -> None:
    with pytest.raises(ocireg.InvalidArgumentError) as caught:
        ocireg.parse_reference("alpine\0:3")
    assert caught.value.document["argument"] == "reference"
    # What sys.argv holds when the bytes were not UTF-8.
    with pytest.raises(ocireg.InvalidArgumentError) as caught:
        ocireg.parse_reference("alpine\udcff")
    assert caught.value.name == "INVALID_UTF8"
    with pytest.raises(UnicodeEncodeError):
        ocireg.parse_reference("alpine\ud800")
    with pytest.raises(TypeError, match="reference must be str"):
        ocireg.parse_reference(b"alpine")  # type: ignore[arg-type]
