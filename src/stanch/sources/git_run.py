"""Start git on a repository that may be hostile.

What a scanned repository says is untrusted, and its ``.git/config`` can name programs: a file system monitor, hooks,
transports, diff drivers, filters. So every call goes through here: plumbing commands only, arguments as a list, the
repository named through ``GIT_DIR`` (which also settles the ownership question of ``safe.directory``), and an environment
without any of the caller's ``GIT_*`` variables but those kept on purpose (`stanch.sources.git_repo`).

Nothing is ever fetched: every transport is denied, so a partial clone stays as it is. Replace refs and grafts are off:
they would show other content than the objects hold.

git's own messages may quote hostile names. They reach people only through `explain`, which knows the usual ones and
masks, bounds and cleans the rest.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from stanch.core.errors import SourceError

PIPE_SIZE = 1024 * 1024  # bytes; Linux lets everybody ask for this much
NOTHING = subprocess.DEVNULL  # for `stdin`
PIPE = subprocess.PIPE
CHUNK = 1024 * 1024  # bytes per read from a pipe
MESSAGE_LIMIT = 300  # characters of git's own words in one of our messages
_STDERR_KEPT = 4 * 1024  # bytes of standard error kept from each end

# Settings of the repository that could start a program or reach the network. An empty `core.fsmonitor` means "none" to
# every git: up to 2.35 the value is a path, from 2.36 on it may be a boolean, where empty is false.
_HARDENING = (
    "core.fsmonitor=",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.askPass=",
    "core.alternateRefsCommand=",
    "core.quotePath=false",
    "credential.helper=",
    "protocol.allow=never",
    "log.showSignature=false",
    "maintenance.auto=false",
    "gc.auto=0",
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",  # from git 2.44 on; before that the denied protocols make the fetch fail at once
    "GIT_ALLOW_PROTOCOL": "none",  # outranks protocol.<name>.allow of the repository
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
}
_KEPT = frozenset({"GIT_EXEC_PATH"})  # where a relocated git finds its own parts

_UNKNOWN_REVISION = "git does not know that revision or an object it leads to"
_KNOWN = (
    (re.compile(rb"(bad|unknown|single) revision|ambiguous argument|bad object|invalid object name", re.I),
     _UNKNOWN_REVISION),
    (re.compile(rb"dubious ownership|unsafe repository", re.I), "git refuses the repository because somebody else owns it"),
    (re.compile(rb"not a git repository", re.I), "git does not see a repository there"),
    (re.compile(rb"unknown repository (extension|version)|Expected git repo version|unknown repository extensions found", re.I),
     "the repository uses a format that the installed git is too old for"),
    (re.compile(rb"bad (numeric |boolean )?config", re.I), "the configuration of the repository is broken"),
    (re.compile(rb"index file|index uses|bad signature 0x|bad index", re.I), "the index of the repository is damaged"),
    (re.compile(rb"out of memory|cannot allocate|malloc failed", re.I), "git ran out of memory"),
    (re.compile(rb"packfile|pack has|delta base|unpack|inflate|corrupt|unable to stream|cannot be read", re.I),
     "objects of the repository are damaged"),
    (re.compile(rb"could not read|unable to read|unable to parse|missing", re.I), "objects of the repository are missing"),
    (re.compile(rb"usage:|unknown option|unrecognized argument|unknown switch", re.I),
     "the installed git does not know an option; Stanch needs 2.30"),
)  # fmt: skip


class GitFailedError(SourceError):
    """A git command ended with an error.

    Args:
        message: a sentence for people, already cleaned.
        hint: what to do.
        status: the exit status of git; negative when a signal ended it.
        unknown_revision: whether it was because a revision does not exist.
    """

    code = "git_failed"

    def __init__(self, message: str, *, hint: str = "", status: int = 1, unknown_revision: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.unknown_revision = unknown_revision


@functools.cache
def git_program(search: str | None = None) -> str:
    """Return the absolute path of git.

    Args:
        search: the value of ``PATH``. Relative entries are left out: through them a scanned folder could bring its own git.

    Raises:
        SourceError: git is not there.
    """
    folders = (Path(part) for part in (search or os.defpath).split(os.pathsep))
    found = next((folder / "git" for folder in folders if folder.is_absolute() and os.access(folder / "git", os.X_OK)), None)
    if found is None:
        raise SourceError(
            "git is needed to read a repository and was not found on PATH.",
            hint="Install git 2.30 or newer, or scan the files alone: stanch scan files PATH.",
            code="git_missing",
        )
    return str(found)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment git runs in: ours without ``GIT_*``, the safe settings, then *extra*."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    env.update(_ENVIRONMENT)
    env.update(extra)
    return env


def command(args: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    """Return the whole command line for ``git`` *args*, with the safe settings and *settings* (``name=value``) in front."""
    line = [git_program(os.environ.get("PATH")), "--no-pager", "--literal-pathspecs"]
    for setting in (*_HARDENING, *settings):
        line += ("-c", setting)
    return [*line, *args]


class Running:
    """A git process whose output is read while it comes.

    Use as a context manager: leaving it early ends the process.

    Attributes:
        output: read end of its standard output, unbuffered.
        input: write end of its standard input; ``None`` unless asked for.
    """

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        assert process.stdout is not None
        self._process = process
        self._name = name
        self._errors = bytearray()
        self.output = cast(FileIO, process.stdout)  # which it is with bufsize=0
        self.input = cast(FileIO | None, process.stdin)
        grow_pipe(self.output.fileno())
        # A git that fills the pipe of standard error would wait for ever, and we for its output.
        self._drain = threading.Thread(target=self._keep_errors, name=f"git {name} stderr", daemon=True)
        self._drain.start()

    def _keep_errors(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        with stderr:
            while data := stderr.read(4096):
                self._errors += data
                del self._errors[_STDERR_KEPT:-_STDERR_KEPT]  # the first names the cause, the last what ended it

    def chunks(self) -> Iterator[bytes]:
        """Yield the output as it comes, in pieces of up to 1 MiB."""
        descriptor = self.output.fileno()
        while data := os.read(descriptor, CHUNK):
            yield data

    def finish(self) -> int:
        """Close both pipes, wait for the end, and return the exit status."""
        if self.input is not None:
            with contextlib.suppress(OSError):  # it may be gone already
                self.input.close()
        self.output.close()
        status = self._process.wait()
        self._drain.join(timeout=5)  # a helper that git left behind may hold the pipe open
        return status

    def check(self, *accepted: int) -> int:
        """Like `finish`, but raise when the status is neither 0 nor one of *accepted*.

        Raises:
            GitFailedError: git ended with another status.
        """
        status = self.finish()
        if status and status not in accepted:
            raise failure(self._name, status, bytes(self._errors))
        return status

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def errors(self) -> bytes:
        """The first bytes of standard error. Untrusted; complete after `finish`."""
        return bytes(self._errors)

    def stop(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self.finish()

    def forget(self) -> None:
        """Let go of a process that the parent of a fork owns: close our copies of its pipes, leave it running."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.returncode = 0  # keeps Popen from asking after somebody else's child

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start(
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    settings: Sequence[str] = (),
    cwd: Path | None = None,
    stdin: int | BinaryIO = NOTHING,
) -> Running:
    """Start ``git`` *args*.

    Args:
        args: command and arguments, plumbing only.
        env: the whole environment, from `environment`.
        settings: further ``name=value`` settings.
        cwd: working directory; needed by commands about the work tree.
        stdin: what it reads: nothing, ``subprocess.PIPE``, or a file from `fed`.

    Raises:
        SourceError: git is not installed or cannot be started.
    """
    try:
        process = subprocess.Popen(
            command(args, settings), env=env, cwd=cwd, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
    except OSError as exc:
        raise SourceError(
            f"git could not be started ({exc.strerror}).", hint="Check the installation: git --version.", code="git_missing"
        ) from exc
    return Running(process, args[0])


def run(
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    settings: Sequence[str] = (),
    cwd: Path | None = None,
    feed: bytes | None = None,
    accepted: Sequence[int] = (),
) -> bytes:
    """Run ``git`` *args* to its end and return what it printed.

    Args:
        args: see `start`.
        env: see `start`.
        settings: see `start`.
        cwd: see `start`.
        feed: its standard input.
        accepted: exit statuses besides 0 that are no error.

    Raises:
        GitFailedError: git ended with an error.
        SourceError: git is not installed.
    """
    with contextlib.ExitStack() as stack:
        stdin: int | BinaryIO = NOTHING if feed is None else stack.enter_context(fed(feed))
        running = stack.enter_context(start(args, env=env, settings=settings, cwd=cwd, stdin=stdin))
        output = b"".join(running.chunks())
        running.check(*accepted)
    return output


@contextlib.contextmanager
def fed(data: bytes) -> Iterator[BinaryIO]:
    """Give *data* (object and commit ids, never content) as a file for the standard input of a git.

    A file, not a pipe: nobody has to write while somebody else reads, so nothing can wait in a circle. It lives in
    memory where the system can do that.
    """
    with _anonymous_file() as file:
        file.write(data)
        file.seek(0)
        yield file


def _anonymous_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return open(os.memfd_create("stanch-ids"), "w+b", buffering=0)
    import tempfile  # the import costs more than a scan of staged changes should spend

    return tempfile.TemporaryFile(buffering=0)


def grow_pipe(descriptor: int) -> int:
    """Ask for a large pipe, so that writer and reader wake each other less often; return the size it has, in bytes."""
    try:
        import fcntl

        grow, ask = fcntl.F_SETPIPE_SZ, fcntl.F_GETPIPE_SZ
    except (ImportError, AttributeError):
        return 16 * 1024  # what macOS starts with
    with contextlib.suppress(OSError):  # the user's share of pipe memory may be used up
        fcntl.fcntl(descriptor, grow, PIPE_SIZE)
    try:
        return fcntl.fcntl(descriptor, ask)
    except OSError:
        return 16 * 1024


def failure(name: str, status: int, errors: bytes) -> GitFailedError:
    """Return the error for a ``git`` *name* that ended with *status* and said *errors*."""
    meaning = explain(errors, status)
    hint = "Run `git fsck` in the repository to see what is wrong with it."
    return GitFailedError(
        f"git {name} failed: {meaning}.", hint=hint, status=status, unknown_revision=meaning == _UNKNOWN_REVISION
    )


def explain(errors: bytes, status: int) -> str:
    """Say what git's standard error means, in words that are safe to show.

    Args:
        errors: what git wrote. May hold names, addresses and terminal escapes chosen by an attacker.
        status: exit status, used when git said nothing.
    """
    lines = [line[:2048] for line in errors.splitlines() if line.startswith((b"fatal:", b"error:", b"BUG:", b"usage:"))]
    lines.sort(key=lambda line: not line.startswith(b"fatal:"))  # stable: what ended it comes first
    for line in lines:
        for pattern, meaning in _KNOWN:
            if pattern.search(line):
                return meaning
    if lines:
        return _clean(lines[0])
    return f"signal {-status} ended it" if status < 0 else f"it ended with status {status}"


def _clean(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    text = re.sub(r"\S+://\S+", "‹address›", text)  # may carry a password
    text = re.sub(r"'[^']*'?", "‹name›", text)
    text = re.sub(r"[0-9A-Za-z+/=_.-]{44,}", "‹…›", text)  # longer than a sha1 id and nobody's word
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"
