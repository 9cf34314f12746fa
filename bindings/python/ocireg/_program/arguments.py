"""The command line: commands, their arguments, and a flag for every option of their calls."""

from __future__ import annotations

import argparse
import json
import typing
from typing import Any, Callable, NamedTuple

from .. import __version__, documents
from .._documented import options_of
from . import commands, completion, progress

# Options that are flags of their own, or that only a program can use.
_ELSEWHERE = {"auth", "source_auth", "destination_auth", "credential_sources", "dir_fd", "next", "n", "last"}
# An option that is a list is a flag for each of its items.
_SINGULAR = {"tags": "tag", "files": "file", "annotations": "annotation"}

_LOCATION = "such as docker://alpine:3, oci:DIRECTORY:NAME, docker-archive:FILE or files:DIRECTORY"


class Argument(NamedTuple):
    """A positional argument."""

    name: str
    text: str
    optional: bool = False


class Command(NamedTuple):
    """A command of the program."""

    name: str
    text: str
    run: Callable[[argparse.Namespace], None]
    arguments: tuple[Argument, ...] = ()
    options: Any = None
    credentials: bool = True
    network: bool = True


COMMANDS = (
    Command(
        "pull",
        "Pull an image from a registry.",
        commands.pull,
        (
            Argument("source", "what to pull, such as alpine:3"),
            Argument("destination", "where to, such as oci:DIRECTORY, docker-archive:FILE or files:DIRECTORY"),
        ),
        documents.PullOptions,
    ),
    Command(
        "push",
        "Push an image or files to a registry.",
        commands.push,
        (
            Argument("source", "what to push, such as oci:DIRECTORY:NAME, docker-archive:FILE or files:DIRECTORY"),
            Argument("destination", "where to, such as registry.example/team/app:v1"),
        ),
        documents.PushOptions,
    ),
    Command(
        "copy",
        "Copy an image between registries, layouts and archives.",
        commands.copy,
        (
            Argument("source", f"what to copy, {_LOCATION}"),
            Argument("destination", f"where to, {_LOCATION}"),
        ),
        documents.CopyOptions,
        credentials=False,
    ),
    Command(
        "unpack",
        "Unpack an image to a directory, as the root file system of a container.",
        commands.unpack,
        (
            Argument("source", "the image, such as alpine:3 or oci:DIRECTORY:NAME"),
            Argument("directory", "a directory that does not exist or is empty"),
        ),
        documents.UnpackOptions,
    ),
    Command(
        "export",
        "Write the root file system of an image as one tar archive.",
        commands.export,
        (
            Argument("source", "the image, such as alpine:3 or oci:DIRECTORY:NAME"),
            Argument("file", "the archive; without it, or with -, it is written to stdout", optional=True),
        ),
        documents.ExportOptions,
    ),
    Command(
        "inspect",
        "Describe an image without pulling its layers.",
        commands.inspect,
        (Argument("source", f"the image, {_LOCATION}"),),
        documents.InspectOptions,
    ),
    Command(
        "tags",
        "List the tags of a repository.",
        commands.tags,
        (Argument("repository", "the repository, such as alpine or registry.example/team/app"),),
    ),
    Command(
        "referrers",
        "List what refers to an image, such as signatures.",
        commands.referrers,
        (Argument("reference", "the image, with a tag or digest"),),
        documents.ReferrersOptions,
    ),
    Command(
        "search",
        "Search Docker Hub or another registry that can be searched.",
        commands.search,
        (Argument("term", "what to search for, such as redis or registry.example/redis"),),
    ),
    Command(
        "login",
        "Check credentials and store them where Docker would.",
        commands.login,
        (Argument("registry", "the registry, HOST[:PORT]; Docker Hub without it", optional=True),),
    ),
    Command(
        "logout",
        "Remove stored credentials.",
        commands.logout,
        (Argument("registry", "the registry, HOST[:PORT]; Docker Hub without it", optional=True),),
        credentials=False,
    ),
    Command(
        "completion",
        "Print a script that completes commands and options in a shell.",
        commands.completion,
        (Argument("shell", "bash, zsh or fish"),),
        credentials=False,
        network=False,
    ),
)


class Parser(argparse.ArgumentParser):
    """A parser that does not guess: an abbreviated option could be another one tomorrow."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(allow_abbrev=False, **arguments)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    program = Parser(
        prog="ocireg",
        description="A container registry client: pulls, pushes, copies and inspects images.",
        epilog="'ocireg COMMAND --help' describes a command. Exit statuses and examples are in docs/program.md.",
    )
    program.add_argument("--version", action="version", version=f"ocireg {__version__}")
    subparsers = program.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        one = subparsers.add_parser(command.name, help=command.text, description=command.text)
        one.set_defaults(run=command.run, flags=[])
        for argument in command.arguments:
            choices = list(completion.SHELLS) if argument.name == "shell" else None
            nargs = "?" if argument.optional else None
            one.add_argument(argument.name, help=argument.text, nargs=nargs, choices=choices)
        if command.options is not None:
            one.set_defaults(flags=_add_options(one, command.options))
        if command.name == "search":
            one.add_argument(
                "--limit", type=int, default=25, metavar="NUMBER", help="at most this many results, 25 if absent"
            )
        if command.credentials:
            _add_credentials(one)
        if command.network:
            _add_common(one)
    return program


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of every command")
    group.add_argument("--json", action="store_true", help="write the result, or the error, as a JSON object")
    group.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="cancel the command after this time")
    group.add_argument(
        "--progress", choices=progress.KINDS, default="auto", help="how progress is shown; bars need the package rich"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="write only results and errors")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="log what is done on the network; twice or three times: more"
    )
    group.add_argument(
        "--service-options",
        metavar="FILE",
        help="a JSON file with options of the service, as in docs/options.md",
    )
    group.add_argument(
        "--insecure-registry",
        action="append",
        default=[],
        metavar="HOST",
        help="a registry, HOST[:PORT], that may be used without verified TLS; may be repeated",
    )


def _add_credentials(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("credentials", "Without these options, stored credentials are used.")
    group.add_argument("-u", "--username", metavar="NAME", help="the user name; the password is asked for")
    group.add_argument("--password-stdin", action="store_true", help="read the password from stdin")


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return value


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    return key, value


def _value(text: str) -> Any:
    """A value that may be an object: JSON where it looks like it, else a string."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error


def _add_options(parser: argparse.ArgumentParser, document: Any) -> list[str]:
    """Adds a flag for each option of a call; returns the options' names."""
    group = parser.add_argument_group("options of the call")
    texts, added = options_of(document), []
    for name, kind in typing.get_type_hints(document).items():
        if name in _ELSEWHERE:
            continue
        added.append(name)
        text = texts.get(name, "").replace("``", "").replace("%", "%%")
        flag = "--" + _SINGULAR.get(name, name).replace("_", "-")
        if kind is bool:
            on_unless_asked = text.endswith("Default: True.")
            flag = flag.replace("--", "--no-", 1) if on_unless_asked else flag
            action = "store_false" if on_unless_asked else "store_true"
            group.add_argument(
                flag,
                dest=f"option_{name}",
                action=action,
                default=None,
                help=_negated(text) if on_unless_asked else text,
            )
        elif typing.get_origin(kind) is list:
            group.add_argument(
                flag,
                dest=f"option_{name}",
                action="append",
                type=_value,
                metavar="VALUE",
                help=f"{text} May be repeated.",
            )
        elif typing.get_origin(kind) is dict:
            group.add_argument(
                flag,
                dest=f"option_{name}",
                action="append",
                type=_pair,
                metavar="KEY=VALUE",
                help=f"{text} May be repeated.",
            )
        elif kind is int:
            group.add_argument(flag, dest=f"option_{name}", type=int, metavar="NUMBER", help=text)
        else:
            group.add_argument(flag, dest=f"option_{name}", type=_value, metavar="VALUE", help=text)
    return added


def _negated(text: str) -> str:
    return "Turn this off: " + text.removesuffix(" Default: True.")
