from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import ocireg
from ocireg.documents import ServiceOptions

from .registry import Registry

# Nothing of the machine that runs the tests.
ALONE: ServiceOptions = {
    "environment": False,
    "certs-dir": "",
    "hosts-dir": "",
    "registries-conf": "",
    "docker-config": "",
}


class Image(NamedTuple):
    """An index over two images of two layers in a registry."""

    reference: str
    layers: list[bytes]
    digests: list[str]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


@pytest.fixture
def service() -> Iterator[ocireg.Service]:
    with ocireg.Service(ALONE) as service:
        yield service


@pytest.fixture
def image(registry: Registry) -> Image:
    layers = [random.Random(seed).randbytes(300_000 * seed) for seed in (1, 2)]
    registry.index(
        [registry.image(layers), registry.image([b"other", *layers[1:]], architecture="arm64")],
        "v1",
    )
    return Image(f"{registry.host}/team/app:v1", layers, [registry.blob(layer)["digest"] for layer in layers])


@pytest.fixture
def session(service: ocireg.Service, image: Image) -> Iterator[ocireg.Session]:
    with service.open_session(image.reference) as session:
        yield session


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "layout"
