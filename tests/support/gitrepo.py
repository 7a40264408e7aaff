"""Throw-away repositories made by real git: the same ids on every machine, and no word from the user's own configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

NAME = "Ada Example"
EMAIL = "ada@example.org"
START = 1_700_000_000  # 2023-11-14T22:13:20Z; each commit is an hour later


class Sandbox:
    """A repository to write into.

    Args:
        path: where; made when missing.
        bare: without a work tree.
        object_format: ``sha1`` or ``sha256``.
        init: whether to make a repository there; otherwise there is one.
    """

    def __init__(self, path: Path, *, bare: bool = False, object_format: str = "sha1", init: bool = True) -> None:
        self.path = path
        self.clock = START
        if init:
            path.mkdir(parents=True, exist_ok=True)
            options = ["--bare"] if bare else []
            self.git("init", "-q", "-b", "main", f"--object-format={object_format}", *options)
            self.git("config", "gc.auto", "0")

    def git(self, *args: str | bytes, feed: bytes | None = None, accepted: tuple[int, ...] = ()) -> str:
        """Run git here and return what it printed, without the last newline."""
        done = subprocess.run(["git", *args], cwd=self.path, env=self.env(), input=feed, capture_output=True, check=False)
        assert done.returncode == 0 or done.returncode in accepted, (args, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def env(self) -> dict[str, str]:
        """Return an environment with fixed people, dates and settings."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        date = f"{self.clock} +0100"
        return env | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "protocol.file.allow",
            "GIT_CONFIG_VALUE_0": "always",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "GIT_AUTHOR_NAME": NAME,
            "GIT_AUTHOR_EMAIL": EMAIL,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": NAME,
            "GIT_COMMITTER_EMAIL": EMAIL,
            "GIT_COMMITTER_DATE": date,
            "LC_ALL": "C",
        }

    def write(self, path: str | bytes, data: bytes) -> None:
        """Write a file of the work tree."""
        full = self.path / os.fsdecode(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data)

    def stage(self, files: dict[str, bytes] | dict[bytes, bytes] | None = None) -> None:
        """Write *files* and stage everything in the work tree."""
        for path, data in (files or {}).items():
            self.write(path, data)
        self.git("add", "-A")

    def commit(self, files: dict[str, bytes] | dict[bytes, bytes] | None = None, message: str = "change") -> str:
        """Write and stage *files*, commit everything staged, and return the commit's id."""
        self.stage(files)
        self.clock += 3600
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def store(self, data: bytes) -> str:
        """Put *data* into the object store as a blob that nothing leads to; return its id."""
        return self.git("hash-object", "-w", "--stdin", feed=data)

    def oid(self, rev: str) -> str:
        """Return the id that *rev* names."""
        return self.git("rev-parse", rev)

    def loose(self, oid: str) -> Path:
        """Return the file of a loose object, made writable."""
        path = self.git_dir / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        return path

    def pack(self) -> Path:
        """Pack everything; return the only pack, made writable."""
        self.git("repack", "-adq")
        self.git("prune-packed")
        (found,) = (self.git_dir / "objects" / "pack").glob("*.pack")
        found.chmod(0o644)
        return found

    @property
    def git_dir(self) -> Path:
        """The repository proper."""
        inner = self.path / ".git"
        return inner if inner.is_dir() else self.path
