from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import ocireg
from ocireg.documents import AuthConfig, ServiceOptions

from .conftest import ALONE
from .registry import Registry


def options(**more: object) -> ServiceOptions:
    return {**ALONE, **{key.replace("_", "-"): value for key, value in more.items()}}  # type: ignore[typeddict-item]


def test_config() -> None:
    with ocireg.Service(options(registry_mirrors=["https://mirror.example"])) as service:
        assert service.config()["Mirrors"] == ["https://mirror.example/"]
        service.load_mirrors(["https://other.example"])
        assert service.config()["Mirrors"] == ["https://other.example/"]
        service.load_mirrors(())
        assert service.config()["Mirrors"] == []
        service.load_insecure_registries(["plain.example", "10.1.0.0/16"])
        assert "10.1.0.0/16" in service.config()["InsecureRegistryCIDRs"]
        assert service.config()["IndexConfigs"]["plain.example"]["Secure"] is False
        service.load_allow_nondistributable_artifacts(["there.example"])
        assert service.config()["AllowNondistributableArtifactsHostnames"] == ["there.example"]
        service.replace_config({"registry-mirrors": ["https://third.example"]})
        assert service.config()["Mirrors"] == ["https://third.example/"]
        assert "plain.example" not in service.config()["IndexConfigs"]


def test_options_may_be_text() -> None:
    with ocireg.Service(json.dumps(options(registry_mirrors=["https://mirror.example"]))) as service:
        assert service.config()["Mirrors"] == ["https://mirror.example/"]
    with ocireg.Service() as service:
        assert "docker.io" in service.config()["IndexConfigs"]


def test_wrong_options_are_named() -> None:
    with pytest.raises(ocireg.InvalidArgumentError, match="registry-mirror"):
        ocireg.Service({"registry-mirror": []})  # type: ignore[arg-type]
    with pytest.raises(ocireg.InvalidArgumentError):
        ocireg.Service({"registry-mirrors": ["not a mirror"]})
    with pytest.raises(ocireg.InvalidJsonError):
        ocireg.Service("{")


def test_lookups() -> None:
    with ocireg.Service(options(registry_mirrors=["https://mirror.example"], resolve={"*": []})) as service:
        mirror, hub = service.lookup_pull_endpoints("docker.io", timeout=10)
        assert mirror["URL"] == "https://mirror.example/"
        assert mirror["Mirror"] is True
        assert hub["URL"] == "https://registry-1.docker.io"
        assert service.lookup_push_endpoints("docker.io") == [hub]
        assert service.resolve_repository("127.0.0.1:5000/x:y")["Index"]["Secure"] is False
        assert service.is_insecure_registry("127.0.0.1:5000") is True
        assert service.is_insecure_registry("registry.example") is False
        assert service.tls_config("registry.example")["InsecureSkipVerify"] is False


def test_credentials(tmp_path: Path) -> None:
    auth = base64.b64encode(b"bob:builder").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"file.example": {"auth": auth}}}))
    given: dict[str, AuthConfig] = {"option.example/team": {"username": "alice", "password": "wonderland"}}
    with ocireg.Service({"credentials": given, "docker-config": str(tmp_path), "environment": False}) as service:
        assert service.credentials("option.example/team/app", timeout=10) == {
            "username": "alice",
            "source": "credentials",
            "kind": "password",
        }
        assert service.credentials("file.example")["source"] == str(tmp_path / "config.json")
        assert service.credentials("option.example") == {"kind": "anonymous"}
        (tmp_path / "config.json").write_text("{")
        with pytest.raises(ocireg.CredentialsError, match=r"config\.json"):
            service.credentials("file.example")


def test_login(registry: Registry, tmp_path: Path) -> None:
    alice: AuthConfig = {"username": "alice", "password": "wonderland", "serveraddress": registry.host}
    with ocireg.Service({"docker-config": str(tmp_path), "environment": False}) as service:
        assert service.auth(alice, "python/1", timeout=10) == {"Status": "Login Succeeded", "IdentityToken": ""}
        assert list(tmp_path.iterdir()) == []
        assert service.login(alice, timeout=10)["stored"] == "config.json"
        assert service.credentials(registry.host)["username"] == "alice"
        service.logout(registry.host, timeout=10)
        assert service.credentials(registry.host) == {"kind": "anonymous"}
        with pytest.raises(ocireg.InvalidArgumentError):
            service.login({"serveraddress": registry.host})
        with pytest.raises(ocireg.InvalidArgumentError):
            service.logout("a b")


def test_endpoint(registry: Registry, service: ocireg.Service) -> None:
    with service.new_endpoint({"URL": f"http://{registry.host}", "Version": "v2"}) as endpoint:
        assert str(endpoint).startswith(f"http://{registry.host}")
        assert endpoint.path("x/y").endswith("x/y")
        assert endpoint.is_secure is False
        pinged = endpoint.ping(timeout=10)
        assert pinged["protocol"] == "v2"
        assert pinged["confirmed"] is True
    with service.new_endpoint('{"URL": "https://registry.example", "Version": "v2"}') as endpoint:
        assert endpoint.is_secure is True


def test_an_endpoint_that_no_address_can_be(service: ocireg.Service) -> None:
    with pytest.raises(ocireg.InvalidArgumentError):
        service.new_endpoint({"URL": "ftp://registry.example"})
