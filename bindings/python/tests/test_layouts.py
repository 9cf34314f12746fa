"""Layouts as caches."""

from __future__ import annotations

from pathlib import Path

import pytest

import ocireg

from .conftest import Image


def test_layouts_are_caches(service: ocireg.Service, image: Image, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path / 'cache'}"
    report = service.pull(image.reference, f"{layout}:app", all_platforms=True)
    (listed,) = ocireg.layout_list(layout)
    assert (listed["name"], listed["descriptor"]["digest"]) == ("app", report["descriptor"]["digest"])
    verified = ocireg.layout_verify(layout, timeout=30)
    assert verified["damaged"] == []
    assert verified["checked"] > 0
    assert ocireg.layout_remove(f"{layout}:app")["digest"] == report["descriptor"]["digest"]
    with pytest.raises(ocireg.NotFoundError):
        ocireg.layout_remove(f"{layout}:app")
    dry = ocireg.layout_collect(layout, dry_run=True)
    assert dry["bytes"] == verified["bytes"]
    assert ocireg.layout_collect(layout) == dry
    assert ocireg.layout_verify(layout)["checked"] == 0
