"""Untars the last layer of an image while it is downloaded: ``python stream_layer.py alpine:3 DIRECTORY``.

Nothing of it may be used before it is verified, so the files appear in DIRECTORY only then.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path

import ocireg


def main(reference: str, directory: str) -> None:
    target = Path(directory)
    partial = target.with_name(target.name + ".partial")
    with ocireg.Service() as service, service.open_session(reference, timeout=60) as session:
        layer = service.inspect(reference)["layers"][-1]
        partial.mkdir()
        try:
            with session.open_blob(layer["digest"]) as blob:
                with tarfile.open(fileobj=blob, mode="r|*") as archive:
                    archive.extractall(partial, filter="data")
                # The archive may end before the blob does.
                blob.verify()
        except BaseException:
            shutil.rmtree(partial)
            raise
    partial.rename(target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
