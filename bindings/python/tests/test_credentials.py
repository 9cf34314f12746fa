"""Credentials from a function of the program."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import ocireg
from ocireg import _credentials

from .conftest import ALONE
from .registry import Registry


@pytest.fixture
def private(registry: Registry) -> str:
    """A reference of an image that only alice may read."""
    registry.image([b"layer"], "v1")
    registry.user = ("alice", "new")
    return f"{registry.host}/team/app:v1"


def test_it_is_asked_again_after_a_refusal(service: ocireg.Service, private: str) -> None:
    asked: list[ocireg.CredentialRequest] = []

    def give(request: ocireg.CredentialRequest) -> dict[str, str]:
        asked.append(request)
        return {"username": "alice", "password": "old" if request["reason"] == "first" else "new"}

    service.set_credentials(give)  # type: ignore[arg-type]
    with service.open_session(private) as session:
        session.get_manifest()
    request = {"host": private.split("/")[0], "repository": "team/app", "actions": ["pull"]}
    assert asked == [{**request, "reason": "first"}, {**request, "reason": "refused"}]
    service.set_credentials(None)
    with pytest.raises(ocireg.UnauthorizedError):
        service.inspect(private)


def test_what_it_raises_comes_out_of_the_call(service: ocireg.Service, private: str) -> None:
    def fail(_: ocireg.CredentialRequest) -> None:
        raise KeyError("no token")

    service.set_credentials(fail)
    with pytest.raises(KeyError, match="no token"):
        service.inspect(private)
    service.set_credentials(lambda _: {"auth": "%"})
    with pytest.raises(ocireg.CredentialsError):
        service.inspect(private)
    service.set_credentials(lambda _: None)
    with pytest.raises(ocireg.UnauthorizedError):
        service.inspect(private)
    with pytest.raises(TypeError):
        service.set_credentials("alice")  # type: ignore[arg-type]


def test_it_may_make_calls_on_any_thread(service: ocireg.Service, private: str) -> None:
    def give(_: ocireg.CredentialRequest) -> ocireg.documents.AuthConfig:
        with pytest.raises(ocireg.UnauthorizedError):
            service.inspect(private)
        return {"username": "alice", "password": "new"}

    service.set_credentials(give)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(service.inspect(private)["kind"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["image"] * 4
    assert service.inspect(private, credential_sources=["callback"])["kind"] == "image"
    with pytest.raises(ocireg.UnauthorizedError):
        service.inspect(private, credential_sources=[])


def test_it_lives_as_long_as_it_can_be_asked() -> None:
    class Give:
        def __call__(self, _: ocireg.CredentialRequest) -> None:
            return None

    give = Give()
    gone = weakref.ref(give)
    with ocireg.Service(ALONE) as service:
        service.set_credentials(give)
        del give
        gc.collect()
        assert gone() is not None
    gc.collect()
    assert gone() is None
    assert not _credentials._asked
