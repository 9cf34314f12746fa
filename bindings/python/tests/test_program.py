"""The program: ``python -m ocireg``, run as a shell runs it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

import ocireg
from ocireg import _errors
from ocireg._program import arguments, exits, output

from .conftest import Image
from .registry import Registry, archive, sha256

PAGE = Path(__file__).parents[3] / "docs" / "program.md"


class Program:
    """Runs commands with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        keep = {"PATH", "LD_LIBRARY_PATH", "OCIREG_LIBRARY", "PYTHONDONTWRITEBYTECODE"}
        self.env = {key: value for key, value in os.environ.items() if key in keep}
        package = str(Path(ocireg.__file__).parents[1])
        self.env.update(HOME=str(home), PYTHONPATH=package, TERM="xterm", COLUMNS="120")

    def start(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ocireg", *words]
        return subprocess.Popen(command, env=self.env, cwd=self.home, **more)

    def run(self, *words: str, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command, which must end with this status."""
        done = subprocess.run(
            [sys.executable, "-m", "ocireg", *words],
            env=self.env,
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json", "--quiet").stdout)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def root(registry: Registry) -> str:
    """The reference of an image that can be unpacked."""
    registry.image(
        [archive({"etc/name": b"one", "etc/gone": b""}), archive({"etc/.wh.gone": b"", "new": b"two"})], "v1"
    )
    return f"{registry.host}/team/root:v1"


def test_pull_push_copy(program: Program, registry: Registry, image: Image) -> None:
    done = program.run("pull", image.reference, "oci:layout:mine", "--platform", "linux/amd64")
    assert re.fullmatch(r"127\.0\.0\.1:\d+/team/app(:v1)?@sha256:[0-9a-f]{64}\n", done.stdout)
    assert "pulled in" in done.stderr
    assert image.digests[0].removeprefix("sha256:")[:12] in done.stderr
    assert (program.home / "layout/index.json").exists()

    report = program.json("push", "oci:layout:mine", f"{registry.host}/other:new", "--tag", "a", "--tag", "b")
    assert set(report["tags"]) >= {"a", "b"}
    assert {"new", "a", "b"} <= set(registry.tags)

    copied = program.run("copy", f"docker://{image.reference}", "oci-archive:all.tar", "--all-platforms", "--quiet")
    assert copied.stderr == ""
    assert (program.home / "all.tar").exists()


def test_push_of_files_is_an_artifact(program: Program, registry: Registry) -> None:
    directory = program.home / "dist"
    directory.mkdir()
    for name in ("a.txt", "b.txt"):
        (directory / name).write_text(name)
    words = ("--artifact-type", "application/vnd.example", "--annotation", "one=1", "--annotation", "two=a=b")
    program.run("push", "files:dist", f"{registry.host}/files:1", "--file", "a.txt", *words)
    manifest = json.loads(registry.manifests["1"][1])
    assert [each["annotations"]["org.opencontainers.image.title"] for each in manifest["layers"]] == ["a.txt"]
    assert manifest["artifactType"] == "application/vnd.example"
    assert manifest["annotations"] == {"one": "1", "two": "a=b"}


def test_unpack_and_export(program: Program, root: str) -> None:
    program.run("unpack", root, "rootfs")
    assert (program.home / "rootfs/etc/name").read_text() == "one"
    assert not (program.home / "rootfs/etc/gone").exists()

    program.run("export", root, "root.tar")
    with program.start("export", root, stdout=subprocess.PIPE) as piped:
        archive, _ = piped.communicate(timeout=60)
    assert piped.returncode == 0
    assert archive == (program.home / "root.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert {"etc/name", "new"} <= set(tar.getnames())

    assert "--json needs" in program.run("export", root, "--json", status=exits.USAGE).stderr


def test_inspect_tags_referrers(program: Program, registry: Registry, image: Image) -> None:
    shown = program.run("inspect", image.reference, "--platform", "linux/arm64").stdout
    assert "linux/amd64, linux/arm64" in shown
    assert image.digests[1] in shown
    assert program.json("inspect", image.reference)["kind"] == "index"

    registry.tags += ["v2", "v3"]
    assert program.run("tags", image.reference.rpartition(":")[0]).stdout.split() == ["v1", "v2", "v3"]
    assert program.json("tags", image.reference)["tags"] == ["v1", "v2", "v3"]

    subject = sha256(registry.manifests["v1"][1])
    signature = registry.manifest(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.signature",
            "config": registry.blob(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [],
            "subject": {"mediaType": registry.manifests["v1"][0], "digest": subject, "size": 1},
        }
    )
    registry.index([{**signature, "artifactType": "application/vnd.signature"}], subject.replace(":", "-"))
    listed = program.run("referrers", image.reference).stdout
    assert listed.split()[:2] == [signature["digest"], "application/vnd.signature"]
    none = program.run("referrers", image.reference, "--artifact-type", "application/other")
    assert none.stdout == ""


def test_login_keeps_passwords_off_the_command_line(program: Program, registry: Registry, image: Image) -> None:
    registry.user = ("alice", "wonderland")
    refused = program.run("pull", image.reference, "oci:layout", status=4)
    assert "hint:" in refused.stderr

    words = ("login", registry.host, "--username", "alice", "--password-stdin")
    wrong = program.run(*words, stdin="wrong\n", status=4)
    assert "wrong" not in wrong.stdout + wrong.stderr
    done = program.run(*words, stdin="wonderland\n")
    assert "wonderland" not in done.stdout + done.stderr
    assert registry.host in (program.home / ".docker/config.json").read_text()

    program.run("pull", image.reference, "oci:layout")
    program.run("logout", registry.host)
    program.run("inspect", image.reference, status=4)
    with_user = program.run("inspect", image.reference, "-u", "alice", "--password-stdin", stdin="wonderland")
    assert "Digest:" in with_user.stdout

    # There is no such flag, and none that it could be short for.
    for flag in ("--password", "--password=wonderland"):
        assert "usage:" in program.run("login", registry.host, "-u", "alice", flag, status=2).stderr
    assert "needs --username" in program.run("login", registry.host, "--password-stdin", status=2).stderr


def test_login_asks_on_a_terminal(program: Program, registry: Registry) -> None:
    registry.user = ("alice", "wonderland")
    ours, theirs = pty.openpty()
    process = program.start("login", registry.host, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    with process, os.fdopen(ours, "r+b", buffering=0) as terminal:
        for question, answer in ((b"Username: ", b"alice\n"), (b"Password: ", b"wonderland\n")):
            while question not in shown:
                shown += terminal.read(100)
            terminal.write(answer)
        try:
            while piece := terminal.read(100):
                shown += piece
        except OSError:
            pass  # The other end is gone.
    assert process.returncode == 0, shown
    assert b"wonderland" not in shown


def test_search(program: Program, registry: Registry) -> None:
    refused = program.run("search", f"{registry.host}/redis", status=exits.status_of(ocireg._ffi.NOT_FOUND))
    assert "redis" in refused.stderr or registry.host in refused.stderr


def test_errors_have_message_hint_and_status(program: Program, registry: Registry, image: Image) -> None:
    missing = program.run("inspect", f"{registry.host}/team/app:none", status=3)
    first, *rest = missing.stderr.splitlines()
    assert first.startswith("ocireg: ")
    assert "team/app" in first
    assert any(line.startswith("  hint: ") for line in rest)

    document = json.loads(program.run("inspect", f"{registry.host}/team/app:none", "--json", status=3).stderr)
    assert document["name"] == "NOT_FOUND"

    registry.lies[image.digests[0]] = b"x" * len(image.layers[0])
    program.run("pull", image.reference, "oci:layout", "--platform", "linux/amd64", status=8)
    program.run("pull", "UPPER:v1", "oci:layout", status=2)
    program.run("pull", "127.0.0.1:1/app:v1", "oci:layout", status=5)
    program.run("export", image.reference, "missing/image.tar", status=9)
    program.run("pull", image.reference, status=2)
    program.run("pull", image.reference, "oci:layout", "--service-options", "missing.json", status=2)


def test_a_timeout_and_signals_end_a_command(program: Program, registry: Registry, image: Image) -> None:
    registry.stalls[image.digests[1]] = 65536
    words = ("pull", image.reference, "oci:layout", "--platform", "linux/amd64")
    program.run(*words, "--timeout", "1", status=exits.DEADLINE)
    for number, status, said in (
        (signal.SIGINT, exits.INTERRUPTED, b"cancelled"),
        (signal.SIGTERM, exits.TERMINATED, b"terminated"),
    ):
        registry.stalling.clear()
        with program.start(*words, stderr=subprocess.PIPE) as process:
            assert registry.stalling.wait(30)
            process.send_signal(number)
            _, stderr = process.communicate(timeout=10)
        assert process.returncode == status
        assert said in stderr
        assert b"Traceback" not in stderr


def read_all(terminal: IO[bytes]) -> bytes:
    shown = b""
    try:
        while piece := terminal.read(4096):
            shown += piece
    except OSError:
        pass  # The other end is gone.
    return shown


def test_bars_are_drawn_on_a_terminal(program: Program, registry: Registry, image: Image) -> None:
    registry.pauses[image.digests[1]] = 0.05
    ours, theirs = pty.openpty()
    process = program.start("pull", image.reference, "oci:layout", stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    with process, os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = read_all(terminal)
        assert process.stdout is not None
        assert b"@sha256:" in process.stdout.read()
    assert process.returncode == 0, shown
    assert "━".encode() in shown
    assert image.digests[1].removeprefix("sha256:")[:12].encode() in shown


def test_progress_is_lines_without_rich(program: Program, image: Image) -> None:
    hide = "import sys; sys.modules['rich'] = None; from ocireg._program import progress, main; "
    hide += "progress.has_bars = lambda: False; sys.exit(main.main(sys.argv[1:]))"
    for words, status in ((("--progress", "bars"), exits.USAGE), ((), 0)):
        done = subprocess.run(
            [sys.executable, "-c", hide, "pull", image.reference, "oci:layout", *words],
            env=program.env,
            cwd=program.home,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stderr
    assert f"{image.digests[1].removeprefix('sha256:')[:12]}  585.9 KiB  network" in done.stderr


def test_nothing_of_a_registry_reaches_the_terminal_as_it_is(program: Program, registry: Registry) -> None:
    assert output.printable("a\x1b[2Jb\r\nc\u202e") == "a\\x1b[2Jb\\r\\nc\\u202e"
    registry.status["evil"] = (404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"\\u001b[31mred"}]}')
    done = program.run("inspect", f"{registry.host}/team/app:evil", status=3)
    assert "\x1b" not in done.stderr


def test_the_log_is_written_on_demand(program: Program, image: Image) -> None:
    assert "GET" not in program.run("inspect", image.reference).stderr
    assert "GET" in program.run("inspect", image.reference, "-vv").stderr


def test_a_closed_pipe_is_no_traceback(program: Program, registry: Registry, image: Image) -> None:
    registry.tags += [f"tag-{number}" for number in range(20_000)]
    with program.start(
        "tags", image.reference.rpartition(":")[0], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == exits.BROKEN_PIPE


def test_every_code_has_an_exit_status() -> None:
    codes = [code for each in exits.EXITS for code in each.codes]
    assert sorted(codes) == sorted(_errors.CLASSES)
    assert exits.status_of(123456) == exits.FAILURE


def test_the_exit_statuses_are_documented() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    expected = []
    for each in exits.EXITS:
        codes = ", ".join(f"`{name_of(code)}`" for code in each.codes)
        expected.append((str(each.status), each.meaning, codes))
    assert rows == expected


def name_of(code: int) -> str:
    return ocireg._ffi.lib.ocireg_code_name(code).decode("ascii").removeprefix("OCIREG_")  # type: ignore[no-any-return]


def test_commands_are_documented(program: Program) -> None:
    page = PAGE.read_text()
    for command in arguments.COMMANDS:
        assert f"`ocireg {command.name}" in page, command.name
        assert command.text in " ".join(program.run(command.name, "--help").stdout.split())
    assert program.run("--version").stdout == f"ocireg {ocireg.__version__}\n"


SHELLS: dict[str, Sequence[str]] = {
    "bash": (
        "bash",
        "--norc",
        "-c",
        'source <(ocireg completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ocireg; '
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "bash",
    ),
    "zsh": (
        "zsh",
        "-f",
        "-c",
        "autoload -U compinit; compinit -D -u; source <(ocireg completion zsh); "
        "_describe() { print -l -- ${found%%:*} }; _files() { }; "
        'words=("$@"); CURRENT=$#; _ocireg',
        "zsh",
    ),
    "fish": (
        "fish",
        "--no-config",
        "-c",
        "ocireg completion fish | source; complete -C (string join ' ' -- $argv) | string replace -r '\\t.*' ''",
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(shell: str, program: Program) -> None:
    script = program.home / "bin/ocireg"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ocireg "$@"\n')
    script.chmod(0o755)
    env = {**program.env, "PATH": f"{script.parent}:{program.env['PATH']}"}

    def complete(*words: str) -> list[str]:
        done = subprocess.run(
            [*SHELLS[shell], "ocireg", *words], env=env, capture_output=True, text=True, cwd=program.home, timeout=60
        )
        assert done.stderr == "", done.stderr
        return done.stdout.split()

    assert complete("pu") == ["pull", "push"]
    assert complete("pull", "--pl") == ["--platform"]
    assert complete("copy", "--no-") == ["--no-resume"]
    assert complete("pull", "--progress", "b") == ["bars"]
    assert complete("completion", "z") == ["zsh"]


def test_digests_are_what_hashlib_says(program: Program, image: Image) -> None:
    program.run("pull", image.reference, "oci:layout", "--platform", "linux/amd64", "--quiet")
    for content, digest in zip(image.layers, image.digests):
        blob = (program.home / "layout/blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
        assert blob == content
        assert hashlib.sha256(blob).hexdigest() == digest.removeprefix("sha256:")
