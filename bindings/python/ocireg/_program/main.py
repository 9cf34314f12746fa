"""From the command line to an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from .. import _errors
from . import arguments, commands, completion, exits, output


class Terminated(BaseException):
    """The process got SIGTERM."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command, and returns its exit status."""
    words = sys.argv[1:] if words is None else words
    parser = arguments.parser()
    if words[:1] == [completion.ASKED]:
        for candidate, text in completion.candidates(parser, words[1:]):
            print(f"{candidate}\t{text}")
        return exits.SUCCESS
    parsed = parser.parse_args(words)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        parsed.run(parsed)
        sys.stdout.flush()
    except _errors.OciregError as error:
        commands.failed(error, parsed)
        return exits.status_of(error.code)
    except commands.UsageError as error:
        output.note(f"ocireg: {error}")
        return exits.USAGE
    except BrokenPipeError:
        # Python would complain again when it flushes stdout at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    except OSError as error:
        output.note(f"ocireg: {error}")
        return exits.FILES
    except (KeyboardInterrupt, EOFError):
        output.note("ocireg: cancelled")
        return exits.INTERRUPTED
    except Terminated:
        output.note("ocireg: terminated")
        return exits.TERMINATED
    finally:
        signal.signal(signal.SIGTERM, before)
    return exits.SUCCESS
