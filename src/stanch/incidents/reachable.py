"""What a server may scan by itself: folders that whoever runs it named, and repositories on the Internet or in allowed networks.

A workspace's administrator names sources, and is not the one who runs the server. Without these bounds a source called ``/etc``
would read the server's files, and one on ``169.254.169.254`` would talk to its cloud.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from stanch.core.errors import InputError, NotPermittedError, SourceError
from stanch.net.guard import Guard, host_of
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy

FOLDERS: Final = "STANCH_SCAN_FOLDERS"
NETWORKS: Final = "STANCH_SCAN_NETWORKS"
_SCP: Final = re.compile(r"(?:[A-Za-z0-9._-]+@)?(?P<host>[A-Za-z0-9.-]+):(?!//)(?P<path>[^\s]+)\Z")
_PORTS: Final = {"https": 443, "ssh": 22}
_FETCH_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The bounds.

    Attributes:
        folders: what may be read on this machine, with all below.
        networks: what may be fetched from although it is not on the Internet; see `stanch.net.policy.DoorPolicy.allowed`.
    """

    folders: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> Reach:
        """Read ``STANCH_SCAN_FOLDERS`` (separated like ``PATH``) and ``STANCH_SCAN_NETWORKS`` (by commas)."""
        env = os.environ if env is None else env
        folders = tuple(os.path.realpath(folder) for folder in env.get(FOLDERS, "").split(os.pathsep) if folder)
        return cls(folders=folders, networks=tuple(n.strip() for n in env.get(NETWORKS, "").split(",") if n.strip()))

    def environment(self) -> dict[str, str]:
        """Return it as variables, for processes that scan."""
        return {FOLDERS: os.pathsep.join(self.folders), NETWORKS: ",".join(self.networks)}

    def local(self, target: str) -> str:
        """Return a path that may be read, with its links followed.

        Raises:
            NotPermittedError: it lies in no folder that was named.
            InputError: it is not there.
        """
        real = os.path.realpath(target)
        if not any(Path(real).is_relative_to(folder) for folder in self.folders):
            raise NotPermittedError(
                "this server may not read that folder.",
                hint=f"Start it with --folder, or set {FOLDERS}.",
                code="folder_not_allowed",
            )
        if not os.path.exists(real):
            raise InputError(
                "the folder of this source is not there any more.", hint="Scan it where it is, or remove the source."
            )
        return real

    def check_address(self, url: str) -> None:
        """Refuse addresses of repositories that nobody should fetch from here.

        Raises:
            NotPermittedError: it is not https or ssh, or leads into a network that was not named.
        """
        host, port = _host(url)
        guard = Guard(DoorPolicy(allowed=self.networks))
        try:
            guard.addresses(host_of(host), port, seconds=10)
        except NoAnswerError as exc:
            raise NotPermittedError(
                f"this server may not fetch from there: {exc.message}", hint=f"Set {NETWORKS}.", code="address_not_allowed"
            ) from None


def is_remote(target: str) -> bool:
    """Whether a target is the address of a repository and not a path."""
    return "://" in target or (_SCP.match(target) is not None and not target.startswith("/"))


def _host(url: str) -> tuple[str, int]:
    scp = None if "://" in url else _SCP.match(url)
    if scp is not None:
        return scp["host"], 22
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotPermittedError(
            "only https and ssh addresses are fetched.", hint="Change the source.", code="address_not_allowed"
        )
    return parts.hostname, parts.port or _PORTS[parts.scheme]


def mirror(url: str, folder: Path, reach: Reach) -> Path:
    """Bring a bare mirror of a repository up to date, and return it. git's own credentials of this server are used.

    Raises:
        NotPermittedError: nobody should fetch from there.
        SourceError: git could not.
    """
    reach.check_address(url)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "https:ssh", "GIT_ASKPASS": "", "LC_ALL": "C"}
    environment |= {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    hard = ["-c", "core.hooksPath=/dev/null", "-c", "http.followRedirects=false", "-c", "gc.auto=0"]
    if (folder / "HEAD").exists():
        done = _git(
            [*hard, "-C", str(folder), "fetch", "--quiet", "--prune", "--force", "--", url, "+refs/*:refs/*"], environment
        )
    else:
        done = _git([*hard, "clone", "--quiet", "--mirror", "--", url, str(folder)], environment)
    if done:
        raise SourceError(
            "git could not fetch the repository.",
            hint="Does this server have access? Try `git ls-remote` with its address.",
            code="git_failed",
        )
    return folder


def _git(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            ["git", *arguments],
            env=dict(environment),
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except FileNotFoundError as exc:
        raise SourceError("git is not installed on this server.", hint="Install git 2.30 or newer.", code="git_missing") from exc
    except subprocess.TimeoutExpired as exc:
        raise SourceError("git did not finish within an hour.", hint="Try again later.", code="git_failed") from exc
    return done.returncode
