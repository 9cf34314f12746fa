"""Describes an image without pulling it: ``python inspect_image.py alpine:3``."""

from __future__ import annotations

import sys

import ocireg


def main(reference: str) -> None:
    with ocireg.Service() as service:
        image = service.inspect(reference, timeout=60)
    print(image["descriptor"]["digest"])
    for each in image.get("platforms", []):
        print("platform", each.get("platform", "unknown"))
    for layer in image.get("layers", []):
        print("layer", layer["digest"], layer["size"], "bytes")
    config = image.get("config", {}).get("config", {})
    print("command", config.get("Entrypoint") or [], config.get("Cmd") or [])


if __name__ == "__main__":
    main(sys.argv[1])
