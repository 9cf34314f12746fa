"""The log of a service on its way from C into a function, or into Python's logging."""

from __future__ import annotations

import itertools
import json
import logging
from typing import Any, Callable, Union

from . import _call, _ffi, _values
from .documents import LogRecord

TRACE = 5
"""The level of records about connections, below :data:`logging.DEBUG`."""

LogCallback = Callable[[int, LogRecord], object]
"""Gets a level of :mod:`logging` and a record. Its result is ignored."""

Log = Union[logging.Logger, LogCallback]

# The levels of the library, from 1 on.
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, TRACE)


def set_log(service: Any, log: Log | None, level: int | None) -> None:
    """Logs what a service does, to a logger or function; None ends that."""
    if log is None:
        _values.call(_ffi.lib.ocireg_service_set_log, service, 0, _ffi.ocireg_log_fn(), None, _ffi.ocireg_drop_fn())
        return
    if isinstance(log, logging.Logger):
        least, callback = log.getEffectiveLevel() if level is None else level, _into(log)
    elif callable(log):
        least, callback = logging.DEBUG if level is None else level, log
    else:
        raise TypeError(f"log must be a logger or a function, not {type(log).__name__}")
    most = sum(number >= least for number in _LEVELS)
    key = next(_keys)
    _listening[key] = callback
    _values.call(_ffi.lib.ocireg_service_set_log, service, most, _on_record, key, _on_drop)


def _into(logger: logging.Logger) -> LogCallback:
    def log(level: int, record: LogRecord) -> None:
        logger.log(level, record["message"], extra={"ocireg": record})

    return log


# Functions that C may still call, under the number that C knows them by.
_listening: dict[int, LogCallback] = {}
_keys = itertools.count(1)


def _told(user_data: int, level: int, record: bytes) -> None:
    # What it raises goes to sys.unraisablehook: no call ends because of its log.
    log, document = _listening[user_data], json.loads(record)
    _call.called_back(lambda: log(_LEVELS[level - 1], document))


def _drop(user_data: int) -> None:
    _listening.pop(user_data, None)


# What C calls: two objects that live as long as the module, because ctypes keeps none for us.
_on_record = _ffi.ocireg_log_fn(_told)
_on_drop = _ffi.ocireg_drop_fn(_drop)
