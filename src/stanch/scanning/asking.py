"""Who asks the issuers in a scan: the door, its rules from the settings, the memory of answers and the record of requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stanch.core.errors import ConfigError, InputError
from stanch.core.finding import Finding

if TYPE_CHECKING:
    from stanch.config.settings import Settings
    from stanch.net.policy import DoorPolicy
    from stanch.scanning.scan import Progress

Asker = Callable[[Sequence[Finding]], list[Finding]]
"""Adds what issuers say to findings that still have their values."""


def asker_for(settings: Settings, *, given: dict[str, str] | None = None, progress: Progress | None = None) -> Asker:
    """Return what asks issuers by these settings.

    Args:
        settings: of the scan.
        given: companions the user names, such as ``tenant id``.
        progress: is told that it takes a while.

    Raises:
        InputError: a host, network or proxy in the settings is none.
    """
    from stanch.issuers.cache import AnswerCache
    from stanch.issuers.checker import Checker
    from stanch.issuers.record import ProbeRecord
    from stanch.issuers.registry import Validators
    from stanch.issuers.transport import GuardedDoor
    from stanch.scanning.validity import checked

    policy = policy_from(settings)
    door = GuardedDoor(policy, record=ProbeRecord(data_folder() / "probes.jsonl").append)
    cache = AnswerCache(data_folder() / "answers.sqlite", hosts=policy.hosts_digest()) if settings.validity_cache else None
    extra = tuple(Path(path) for path in settings.detectors)
    checker = Checker(door, Validators(extra, policy.names), cache=cache)

    def ask(findings: Sequence[Finding]) -> list[Finding]:
        now = datetime.now(UTC)
        try:
            return checked(findings, checker, now, given=given, progress=progress)
        finally:
            if cache is not None:
                cache.forget_expired(now)
                cache.close()

    return ask


def policy_from(settings: Settings) -> DoorPolicy:
    """Return the rules for requests.

    Raises:
        InputError: one of the settings cannot be used.
    """
    from stanch.net.policy import DoorPolicy
    from stanch.net.proxies import Proxies

    overrides = {}
    for entry in settings.issuer_host:
        name, equals, url = entry.partition("=")
        if not equals or not name.strip() or "://" not in url:
            raise InputError(
                f"--issuer-host {entry!r} is not HOST=URL.", hint="For example login.microsoftonline.com=https://127.0.0.1:8443"
            )
        overrides[name.strip()] = url.strip()
    if settings.ca_file and not Path(settings.ca_file).is_file():
        raise InputError(f"{settings.ca_file!r} is not a file.", hint="Name a PEM file with --ca-file.")
    try:
        named = settings.proxy or ""
        proxies = Proxies(http=named, https=named, other=named) if named else Proxies.from_environment(os.environ)
        return DoorPolicy(
            allowed=settings.allow_network,
            overrides=overrides,
            proxies=proxies,
            ca_bundle=settings.ca_file or "",
            rate=float(settings.rate),
        )
    except ConfigError as exc:
        raise InputError(exc.message, hint=exc.hint) from exc


def data_folder() -> Path:
    """Return the folder where answers and the record of requests are kept."""
    base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base) / "stanch"
