from __future__ import annotations

import builtins
import copy
import pickle

import pytest

import ocireg
from ocireg import _errors, _ffi
from ocireg.documents import ErrorDocument

from .conftest import ALONE, Image
from .registry import Registry


def made(code: int, **more: object) -> ocireg.OciregError:
    document: ErrorDocument = {"code": code, "name": "NAME", "message": "what: why"}
    return _errors.from_document({**document, **more})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (_ffi.INVALID_REFERENCE, (ocireg.InvalidReferenceError, ocireg.InvalidArgumentError, ValueError)),
        (_ffi.DEADLINE, (ocireg.DeadlineError, ocireg.TimedOutError, builtins.TimeoutError, OSError)),
        (_ffi.CONNECT, (ocireg.ConnectError, ocireg.NetworkError, builtins.ConnectionError)),
        (_ffi.CERTIFICATE, (ocireg.CertificateError, ocireg.TlsError, builtins.ConnectionError)),
        (_ffi.UNAUTHORIZED, (ocireg.UnauthorizedError, builtins.PermissionError)),
        (_ffi.NOT_FOUND, (ocireg.NotFoundError, LookupError)),
        (_ffi.PERMISSION, (ocireg.FileAccessError, ocireg.StorageError, builtins.PermissionError)),
        (_ffi.NO_SPACE, (ocireg.NoSpaceError, OSError)),
        (_ffi.PANIC, (ocireg.InternalError, RuntimeError)),
        (9999, (ocireg.OciregError,)),
    ],
)
def test_classes(code: int, kinds: tuple[type[BaseException], ...]) -> None:
    error = made(code)
    for kind in (*kinds, ocireg.OciregError):
        assert isinstance(error, kind)
    assert (error.code, error.name, error.message) == (code, "NAME", "what: why")
    assert str(error) == "what: why"
    assert (error.http_status, error.retryable, error.retry_after, error.hint) == (None, False, None, None)


@pytest.mark.parametrize("code", sorted(_errors.CLASSES))
def test_errors_can_be_copied_to_another_process(code: int) -> None:
    error = made(code, http_status=429, retryable=True, retry_after_ms=1500, hint="wait")
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert same.document == error.document
        assert (same.http_status, same.retryable, same.retry_after, same.hint) == (429, True, 1.5, "wait")
        assert str(same) == "what: why (wait)"


def test_what_the_registry_said(session: ocireg.Session, registry: Registry) -> None:
    with pytest.raises(ocireg.NotFoundError) as caught:
        session.head_manifest("none")
    error = caught.value
    assert error.code == 80
    assert error.name == "NOT_FOUND"
    assert error.http_status == 404
    assert error.document["host"] == registry.host
    assert error.document["path"] == "/v2/team/app/manifests/none"
    with pytest.raises(ocireg.NotFoundError) as caught:
        session.get_manifest("none")
    assert caught.value.document["errors"][0]["code"] == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ocireg.RejectedError),
        (401, ocireg.UnauthorizedError),
        (403, ocireg.DeniedError),
        (429, ocireg.RateLimitedError),
        (503, ocireg.ServerError),
    ],
)
def test_statuses(registry: Registry, image: Image, status: int, kind: type[ocireg.OciregError]) -> None:
    registry.status["v1"] = (status, {"Retry-After": "7"} if status == 429 else {}, b"{}")
    with (
        ocireg.Service({**ALONE, "retry": {"max-attempts": 1}}) as service,
        service.open_session(image.reference) as session,
        pytest.raises(kind) as caught,
    ):
        session.get_manifest()
    assert caught.value.http_status == status
    assert caught.value.retryable == (status in (429, 503))
    assert caught.value.retry_after == (7 if status == 429 else None)


def test_a_registry_that_is_down(service: ocireg.Service) -> None:
    with Registry() as registry:
        host = registry.host
    with pytest.raises(ocireg.ConnectError) as caught:
        service.inspect(f"{host}/team/app:v1", timeout=10)
    assert isinstance(caught.value, builtins.ConnectionError)
    assert caught.value.document["attempts"]


def test_a_name_that_does_not_resolve() -> None:
    with ocireg.Service({**ALONE, "resolve": {"*": []}}) as service, pytest.raises(ocireg.NameNotResolvedError):
        service.inspect("registry.example/team/app", timeout=10)


def test_no_secret_is_shown(registry: Registry, image: Image) -> None:
    secret = "hunter2hunter2"
    registry.status["v1"] = (401, {}, b"{}")
    with ocireg.Service({**ALONE, "credentials": {registry.host: {"username": "u", "password": secret}}}) as service:
        with service.open_session(image.reference, auth={"username": "u", "password": secret}) as session:
            assert secret not in repr(service) + repr(session)
            with pytest.raises(ocireg.UnauthorizedError) as caught:
                session.get_manifest()
        assert secret not in repr(caught.value) + str(caught.value.document)


def test_every_code_is_explained() -> None:
    assert ocireg.code_text(_ffi.OK) == "The call succeeded."
    unknown = ocireg.code_text(9999)
    texts = [ocireg.code_text(code) for code in _errors.CLASSES]
    assert len({*texts, unknown}) == len(texts) + 1
    for text in [*texts, unknown, ocireg.code_text(-1)]:
        assert text.endswith(".")
        assert text[0].isupper()
