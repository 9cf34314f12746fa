"""The program ``ocireg``, which is also ``python -m ocireg``."""
