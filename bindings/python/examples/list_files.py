"""Lists the files of an image, as ``tar tv`` does: ``python list_files.py busybox:1.36``.

The image is exported to a pipe, and ``tarfile`` reads the other end: nothing is stored.
"""

from __future__ import annotations

import os
import sys
import tarfile
import threading

import ocireg


def main(reference: str) -> None:
    reader, writer = os.pipe()
    failures: list[BaseException] = []

    def export() -> None:
        try:
            with ocireg.Service() as service, os.fdopen(writer, "wb") as pipe:
                service.export(reference, pipe)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=export)
    thread.start()
    broken = None
    try:
        with os.fdopen(reader, "rb") as pipe:
            with tarfile.open(fileobj=pipe, mode="r|") as tar:
                tar.list()
            while pipe.read(1 << 16):
                pass
    except tarfile.ReadError as failure:
        broken = failure  # The export may know why.
    finally:
        thread.join()
    if failures:
        # What was listed is not verified: it must not be used.
        sys.exit(f"{reference}: {failures[0]}")
    if broken is not None:
        raise broken


if __name__ == "__main__":
    main(sys.argv[1])
