"""Pulls an image with progress, a deadline and Ctrl-C: ``python pull_with_progress.py alpine:3 oci:alpine``.

After Ctrl-C, or when the deadline has passed, run it again: the pull continues where it was.
"""

from __future__ import annotations

import sys

import ocireg
from ocireg.documents import ProgressEvent

DEADLINE = 600.0


def progress(done: int, total: int, event: ProgressEvent) -> None:
    if event["kind"] == "blob" and event["done"]:
        print(f"{event['digest'][7:19]} complete, {done} of {total} bytes", file=sys.stderr)


def main(source: str, destination: str, seconds: float = DEADLINE) -> int:
    context = ocireg.Context(timeout=seconds, progress=progress)
    try:
        with ocireg.Service() as service:
            report = service.pull(source, destination, context=context)
    except KeyboardInterrupt:  # The call has ended by now.
        print("cancelled", file=sys.stderr)
        return 130
    except ocireg.DeadlineError:
        print(f"not done after {seconds:g} seconds", file=sys.stderr)
        return 124
    print(report["reference"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])))
