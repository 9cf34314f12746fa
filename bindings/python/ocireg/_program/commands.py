"""What each command does: one call of the library, and its result for people or as JSON."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from .. import _errors
from .._call import Context
from .._ffi import INDEX_SERVER
from .._log import TRACE
from .._service import Service
from ..documents import AuthConfig, LogRecord, Report, ServiceOptions
from . import completion as _completion
from . import output, progress


class UsageError(Exception):
    """The command line asks for something that is not possible."""


class Call(NamedTuple):
    """What a command makes its call with."""

    service: Service
    context: Context
    options: dict[str, Any]


@contextlib.contextmanager
def _call(arguments: argparse.Namespace, **more: Any) -> Iterator[Call]:
    """Sets up the service, the log and the display of one command."""
    options = {**_options(arguments), **more}
    auth = _auth(arguments)
    if auth is not None:
        options["auth"] = auth
    if arguments.progress == "bars" and not progress.has_bars():
        raise UsageError("--progress bars needs the package rich: pip install 'ocireg[cli]'")
    with (
        progress.display("none" if arguments.quiet else arguments.progress) as display,
        Service(_service_options(arguments)) as service,
        Context(arguments.timeout, display.event) as context,
    ):
        if arguments.verbose:

            def log(_: int, record: LogRecord) -> None:
                display.note(f"{record['level']:5} {record['target']}: {record['message']}")

            service.set_log(log, (logging.INFO, logging.DEBUG, TRACE)[min(arguments.verbose, 3) - 1])
        yield Call(service, context, options)


def _service_options(arguments: argparse.Namespace) -> ServiceOptions:
    options: dict[str, Any] = {}
    if arguments.service_options is not None:
        try:
            options = json.loads(Path(arguments.service_options).read_text())
        except OSError as error:
            raise UsageError(f"cannot read {arguments.service_options}: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"{arguments.service_options} is not valid JSON: {error}") from error
        if not isinstance(options, dict):
            raise UsageError(f"{arguments.service_options} must contain a JSON object")
    if arguments.insecure_registry:
        options["insecure-registries"] = [*options.get("insecure-registries", []), *arguments.insecure_registry]
    return cast(ServiceOptions, options)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the call that the command line has."""
    found = {name: getattr(arguments, f"option_{name}") for name in arguments.flags}
    options = {name: value for name, value in found.items() if value is not None}
    if "annotations" in options:
        options["annotations"] = dict(options["annotations"])
    if "files" in options:
        options["files"] = [{"path": file} if isinstance(file, str) else file for file in options["files"]]
    return options


def _auth(arguments: argparse.Namespace) -> AuthConfig | None:
    """The credentials that the command line names; the password never stands on it."""
    username = getattr(arguments, "username", None)
    if username is None:
        if getattr(arguments, "password_stdin", False):
            raise UsageError("--password-stdin needs --username")
        return None
    return {"username": username, "password": _password(arguments)}


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.read().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("stdin is not a terminal: use --password-stdin to read the password from it")
    return getpass.getpass("Password: ")


def _report(arguments: argparse.Namespace, report: Report, what: str) -> None:
    """The result of a call that moved an image."""
    if arguments.json:
        output.document(report)
        return
    output.line(report.get("reference") or report["descriptor"]["digest"])
    if arguments.quiet:
        return
    for warning in report.get("warnings", []):
        output.note(f"warning: {warning}")
    moved, seconds = report.get("bytes_transferred", 0), report.get("duration_ms", 0) / 1000
    output.note(f"{what} in {seconds:.1f} s, {output.size_of(moved)} transferred")


def pull(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        report = service.pull(arguments.source, arguments.destination, context=context, **options)
    _report(arguments, report, "pulled")


def push(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        report = service.push(arguments.source, arguments.destination, context=context, **options)
    _report(arguments, report, "pushed")


def copy(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        report = service.copy(arguments.source, arguments.destination, context=context, **options)
    _report(arguments, report, "copied")


def unpack(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        report = service.unpack(arguments.source, arguments.directory, context=context, **options)
    _report(arguments, report, f"unpacked {report['entries']} entries")


def export(arguments: argparse.Namespace) -> None:
    to_stdout = arguments.file in (None, "-")
    if to_stdout and arguments.json:
        raise UsageError("--json needs the name of a file for the archive")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("the archive cannot be written to a terminal: name a file, or redirect stdout")
    with _call(arguments) as (service, context, options):
        to = sys.stdout.fileno() if to_stdout else arguments.file
        report = service.export(arguments.source, to, context=context, **options)
    if not to_stdout:
        _report(arguments, report, f"exported {report['entries']} entries")


def inspect(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        found = service.inspect(arguments.source, context=context, **options)
    if arguments.json:
        output.document(found)
        return
    descriptor = found["descriptor"]
    rows = [
        ("Reference", found.get("reference", "")),
        ("Digest", descriptor["digest"]),
        ("Kind", found.get("kind", "")),
        ("Media type", descriptor.get("mediaType", "")),
        ("Artifact type", found.get("artifact_type", "")),
        ("Platform", found.get("platform", "")),
        ("Platforms", ", ".join(each.get("platform", "unknown") for each in found.get("platforms", []))),
    ]
    output.table([(f"{name}:", value) for name, value in rows if value])
    layers = found.get("layers", [])
    if layers:
        output.line("Layers:")
        output.table([("", layer["digest"], output.size_of(layer["size"])) for layer in layers])
    if not arguments.quiet:
        for warning in found.get("warnings", []):
            output.note(f"warning: {warning}")


def tags(arguments: argparse.Namespace) -> None:
    with (
        _call(arguments) as (service, context, options),
        service.open_session(arguments.repository, context=context, **options) as session,
    ):
        found = session.list_tags(context=context)
    if arguments.json:
        output.document(found)
        return
    for tag in found["tags"]:
        output.line(tag)


def referrers(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        opening = {"auth": options.pop("auth")} if "auth" in options else {}
        with service.open_session(arguments.reference, context=context, **cast(Any, opening)) as session:
            digest = session.head_manifest(context=context)["digest"]
            found = session.referrers(digest, context=context, **options)
    if arguments.json:
        output.document(found)
        return
    output.table(
        (each["digest"], each.get("artifactType", ""), output.size_of(each["size"])) for each in found["manifests"]
    )


def search(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, options):
        found = service.search(arguments.term, arguments.limit, options.get("auth"), context=context)
    if arguments.json:
        output.document(found)
        return
    output.table(
        (each["name"], f"{each['star_count']} stars", "official" if each["is_official"] else "", each["description"])
        for each in found["results"]
    )


def login(arguments: argparse.Namespace) -> None:
    if arguments.username is None:
        if arguments.password_stdin or not sys.stdin.isatty():
            raise UsageError("login needs --username")
        arguments.username = input("Username: ")
    with _call(arguments) as (service, context, options):
        auth = {**options["auth"], "serveraddress": arguments.registry or INDEX_SERVER}
        result = service.login(cast(AuthConfig, auth), context=context)
    # The result may contain an identity token, which is nobody's business.
    where = result["stored"]
    if arguments.json:
        output.document({"status": result["Status"], "stored": where})
        return
    output.line(result["Status"])
    if where == "config.json" and not arguments.quiet:
        output.note("warning: the password is stored unencrypted in config.json; configure a credential helper there")


def logout(arguments: argparse.Namespace) -> None:
    with _call(arguments) as (service, context, _):
        service.logout(arguments.registry or INDEX_SERVER, context=context)
    if arguments.json:
        output.document({})


def completion(arguments: argparse.Namespace) -> None:
    sys.stdout.write(_completion.SHELLS[arguments.shell])


def failed(error: _errors.OciregError, arguments: argparse.Namespace) -> None:
    output.failure(error, as_json=getattr(arguments, "json", False))
