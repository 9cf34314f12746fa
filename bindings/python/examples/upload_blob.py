"""Uploads stdin as a blob: ``python upload_blob.py registry.example/team/app < FILE``."""

from __future__ import annotations

import sys
from typing import BinaryIO

import ocireg


def main(repository: str, data: BinaryIO) -> None:
    with ocireg.Service() as service, service.open_session(repository, actions=["pull", "push"]) as session:
        with session.put_blob() as upload:  # Without the commit, the registry discards it.
            while piece := data.read(1 << 20):
                upload.write(piece)
            blob = upload.commit()
        print(blob["digest"], session.head_blob(blob["digest"])["size"], "bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer)
