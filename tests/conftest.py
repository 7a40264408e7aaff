"""What every test stands on: a home of its own, one warm cache for the session, a fixed key, closed sockets.

The environment is set before anything of Stanch is imported, and commands that tests start inherit it. With pytest-xdist the
main process makes the folder and its workers share it, so the catalog is compiled once.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:  # `pytest` alone does not put it there, `python -m pytest` does
    sys.path.insert(0, str(ROOT))

KEY = "5a" * 32  # fingerprints are the same in every run
_BASE = "TESTS_OF_STANCH"  # folder of the session, told to workers
_FOREIGN = ("STANCH_", "GIT_", "XDG_")
_OURS = ("STANCH_KILLS",)  # how often tests of faults kill
_SWITCHES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CLICOLOR", "PYTHONDONTWRITEBYTECODE")


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's folder and point everything at it."""
    if hasattr(config, "workerinput"):
        base = Path(os.environ[_BASE])
    else:
        base = Path(tempfile.mkdtemp(prefix="stanch-tests-"))
        config.add_cleanup(lambda: shutil.rmtree(base, ignore_errors=True))
        _enter(base)
    _close_sockets()
    _hypothesis_profiles()


def _enter(base: Path) -> None:
    for name in [n for n in os.environ if (n.startswith(_FOREIGN) and n not in _OURS) or n in _SWITCHES]:
        del os.environ[name]
    for name in ("home", "cache", "config", "data", "state"):
        (base / name).mkdir()
    os.environ |= {
        _BASE: str(base),
        "HOME": str(base / "home"),
        "XDG_CONFIG_HOME": str(base / "config"),
        "XDG_DATA_HOME": str(base / "data"),
        "XDG_STATE_HOME": str(base / "state"),
        "XDG_CACHE_HOME": str(base / "state"),
        "STANCH_CACHE": str(base / "cache"),
        "STANCH_KEY": KEY,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


class NetworkError(RuntimeError):
    """A test tried to leave this machine."""


def _close_sockets() -> None:
    """Let a socket connect to this machine only: a scan asks nobody, and no test needs the network."""
    plain_connect, plain_connect_ex, plain_lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if not isinstance(host, str) or not (host in ("localhost", "::1", "") or host.startswith("127.")):
            raise NetworkError(f"no test may talk to {host!r}")

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            check(address[0])
        return plain_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != getattr(socket, "AF_UNIX", None):
            check(address[0])
        return plain_connect_ex(self, address)

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return plain_lookup(host, *args, **kwargs)

    socket.socket.connect = connect  # type: ignore[method-assign]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = lookup


def _hypothesis_profiles() -> None:
    """The suite draws the same examples every time; `HYPOTHESIS_PROFILE=search` draws new ones, and many more."""
    from hypothesis import HealthCheck, settings

    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    settings.register_profile("suite", derandomize=True, deadline=None, database=None, suppress_health_check=checks)
    settings.register_profile("search", deadline=None, max_examples=2_000, suppress_health_check=checks)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def cache() -> Path:
    """The folder of the session's catalog cache."""
    return Path(os.environ["STANCH_CACHE"])


@pytest.fixture(scope="session")
def engine(cache: Path) -> Any:
    """The engine over the whole shipped catalog, as users get it: from the cache."""
    from stanch.catalog.compiled import compiled_catalog
    from stanch.engine.engine import Engine

    return Engine(compiled_catalog(folder=cache))


@pytest.fixture(scope="session")
def worker(engine: Any, cache: Path) -> Any:
    """A worker over that engine that keeps plain values and reports everything, also what is unsure."""
    from stanch.scanning.context import ScanContext
    from stanch.scanning.worker import Worker

    context = ScanContext(key=bytes.fromhex(KEY), keep_values=True, min_confidence="low", allow_comments=False, cache=cache)
    return Worker(context, engine.clone())


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes and long texts by their argument: they are made anew in each process, and no value belongs into a log."""
    if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 31):
        return argname
    return None
