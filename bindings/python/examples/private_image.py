"""Logs in and pulls a private image: ``python private_image.py registry.example/team/app:1 oci:app USER < PASSWORD``.

The credentials are stored where Docker would store them. For one call alone, pass ``auth=`` to it instead.
"""

from __future__ import annotations

import sys

import ocireg


def main(source: str, destination: str, username: str, password: str) -> None:
    registry = ocireg.parse_reference(source)["domain"]
    with ocireg.Service() as service:
        login = service.login({"username": username, "password": password, "serveraddress": registry})
        print(f"{login['Status']}, stored in {login['stored']}", file=sys.stderr)
        print(service.pull(source, destination, timeout=600)["reference"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.stdin.readline().rstrip("\n"))
