"""Handles three errors: ``python handle_errors.py registry.example/team/app:1 oci:app``."""

from __future__ import annotations

import sys

import ocireg


def main(source: str, destination: str) -> int:
    with ocireg.Service() as service:
        try:
            print(service.pull(source, destination, timeout=600)["reference"])
        except ocireg.NotFoundError:
            print(f"{source} does not exist", file=sys.stderr)
            return 3
        except ocireg.UnauthorizedError as error:
            print(f"log in first: {error.hint}", file=sys.stderr)
            return 4
        except ocireg.OciregError as error:
            # Any other one: the message says what failed, and the attributes whether it is worth another try.
            again = f"; try again in {error.retry_after or 1:g} s" if error.retryable else ""
            print(f"{error}{again}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
