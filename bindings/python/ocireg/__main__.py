"""``python -m ocireg`` is the program ``ocireg``."""

from __future__ import annotations

import sys

from ._program.main import main

if __name__ == "__main__":
    sys.exit(main())
