"""How the program shows the progress of a call on stderr."""

from __future__ import annotations

import importlib.util
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from ..documents import ProgressEvent
from . import output

if TYPE_CHECKING:
    from rich.progress import TaskID

KINDS = ("auto", "bars", "plain", "none")


class Display:
    """Shows nothing; the other displays extend it."""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def event(self, _done: int, _total: int, event: ProgressEvent) -> None:
        """The progress callback of the call."""

    def note(self, text: str) -> None:
        """A line of the log, which must not end up within the display."""
        output.note(text)


def _short(event: ProgressEvent) -> str:
    """The name of a blob or manifest, as short as people need it."""
    name = event.get("digest") or event.get("what") or "?"
    return output.printable(name.partition(":")[2][:12] or name[:12])


def _waiting(event: ProgressEvent) -> str | None:
    """What a call waits for, if that is worth a line."""
    if event["kind"] == "wait" and event.get("delay_ms"):
        return f"waiting {event['delay_ms'] / 1000:.1f} s before attempt {event.get('attempt', 2)}: {event['message']}"
    return None


class Plain(Display):
    """One line for each blob that is complete, and for each pause."""

    def __init__(self) -> None:
        self._ended: set[str] = set()

    def event(self, _done: int, _total: int, event: ProgressEvent) -> None:
        name = _short(event)
        if event["kind"] == "blob" and event.get("done") and name not in self._ended:
            self._ended.add(name)
            source = event.get("source", "network")
            self.note(f"{name}  {output.size_of(event.get('total', 0))}  {source}")
        waiting = _waiting(event)
        if waiting is not None:
            self.note(waiting)


class Bars(Display):
    """A bar for each blob on its way and one for all of them, drawn by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._all = self._progress.add_task("total", total=None)
        self._blobs: dict[str, TaskID] = {}

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def event(self, _done: int, _total: int, event: ProgressEvent) -> None:
        self._progress.update(self._all, completed=_done, total=_total or None)
        if event["kind"] == "blob":
            self._blob(_short(event), event)
        waiting = _waiting(event)
        if waiting is not None:
            self.note(waiting)

    def _blob(self, name: str, event: ProgressEvent) -> None:
        bar = self._blobs.get(name)
        if bar is None:
            bar = self._blobs[name] = self._progress.add_task(name, total=event.get("total"))
        # A bar that is full makes room for the next one.
        shown = not event.get("done", False)
        self._progress.update(bar, completed=event.get("offset", 0), total=event.get("total"), visible=shown)

    def note(self, text: str) -> None:
        self._progress.console.print(output.printable(text), markup=False, highlight=False)


def has_bars() -> bool:
    """Whether bars can be drawn: rich is not a dependency of the library."""
    return importlib.util.find_spec("rich") is not None


def display(kind: str) -> Display:
    """The display of that kind; ``auto`` is bars on a terminal if rich is installed, else lines."""
    if kind == "auto":
        kind = "bars" if sys.stderr.isatty() and has_bars() else "plain"
    return {"bars": Bars, "plain": Plain, "none": Display}[kind]()
