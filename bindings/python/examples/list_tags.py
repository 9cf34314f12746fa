"""Lists the tags of a repository: ``python list_tags.py registry.example/team/app``."""

from __future__ import annotations

import sys

import ocireg


def main(repository: str) -> None:
    with ocireg.Service() as service, service.open_session(repository, timeout=60) as session:
        for tag in session.tags():
            print(tag)


if __name__ == "__main__":
    main(sys.argv[1])
