"""What a scan's workers need to know; small enough to be sent to each of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanch.core.records import dataclass
from stanch.sources.limits import Limits

if TYPE_CHECKING:
    from stanch.config.settings import AllowRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScanContext:
    """Settings of one scan as the workers use them.

    Attributes:
        key: the installation's key, under which fingerprints are made.
        salt: the baseline's salt; empty when there is no baseline.
        detectors: the user's detector files and folders.
        catalog_key: the state of the catalog when the scan began, see `stanch.catalog.compiled.catalog_key`.
        only: detector ids or globs; nothing else is looked for when given.
        skip: detector ids or globs that are switched off.
        keep_values: whether plain values come back to the main process (``--show-secrets``).
        allow_comments: whether inline ignore comments count.
        min_confidence: findings below it are counted, not reported.
        decode_depth: how many encodings may lie inside each other.
        limits: bounds on containers.
        cache: folder of the catalog's cache, ``None`` for none.
        allow: rules about what is accepted.
        exclude: path patterns that are not read.
        prefix: what stands before the scan's paths so that they count from the folder of the settings file.
        now: seconds since 1970 by which certificates have expired or not; one moment for the whole scan; 0 for now.
        around: lines before and after a place that findings carry.
        verbose: whether each match that was held back is named.
        sha1: whether findings carry the SHA-1 of their value, to compare with a detect-secrets baseline.
    """

    key: bytes
    salt: bytes = b""
    detectors: tuple[Path, ...] = ()
    catalog_key: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    keep_values: bool = False
    allow_comments: bool = True
    min_confidence: str = "medium"
    decode_depth: int = 2
    limits: Limits = field(default_factory=Limits)
    cache: Path | None = None
    allow: tuple[AllowRule, ...] = ()
    exclude: tuple[str, ...] = ()
    prefix: str = ""
    sha1: bool = False
    verbose: bool = False
    around: int = 0
    now: float = 0.0


def installation_key(env: Mapping[str, str] | None = None) -> bytes:
    """Return the key of this installation's fingerprints, making it on first use (mode 0600).

    ``STANCH_KEY`` (64 hex digits) wins: a team that compares fingerprints across machines shares one.
    Where it cannot be kept, a new one is made each time: fingerprints then cannot be compared between scans, nor be guessed.
    Once the installation key was replaced, the old one lives on for fingerprints alone, as ``STANCH_FINGERPRINT_KEY`` or in
    ``fingerprint.key``: a secret stays the same secret.
    """
    env = os.environ if env is None else env
    kept = _given_key(env, "STANCH_FINGERPRINT_KEY")
    if kept:
        return kept
    folder = key_folder(env)
    if not env.get("STANCH_KEY") and folder is not None:
        kept = _read_key(folder / "fingerprint.key")
    return kept or wrapping_key(env)


def wrapping_key(env: Mapping[str, str] | None = None) -> bytes:
    """Return the installation key itself, which wraps what the record seals; fingerprints use `installation_key`."""
    env = os.environ if env is None else env
    given = _given_key(env, "STANCH_KEY")
    if given:
        return given
    folder = key_folder(env)
    if folder is None:
        return os.urandom(KEY_BYTES)
    path = folder / "installation.key"
    return _read_key(path) or _make_key(path)


def key_folder(env: Mapping[str, str]) -> Path | None:
    """Return where keys are kept; ``None`` where there is no home at all, as in some containers."""
    base = env.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return None if base.startswith("~") else Path(base) / "stanch"


def _given_key(env: Mapping[str, str], name: str) -> bytes:
    given = env.get(name, "")
    if not given:
        return b""
    try:
        key = bytes.fromhex(given)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        from stanch.core.errors import InputError

        raise InputError(f"{name} is not a key.", hint="Give at least 64 hex digits, for example from `openssl rand -hex 32`.")
    return key


KEY_BYTES: Final = 32


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        return b""
    return key if len(key) >= KEY_BYTES else b""


def _make_key(path: Path) -> bytes:
    """Put a new key in place whole or not at all; where it cannot be kept, it holds for this run only."""
    key = os.urandom(KEY_BYTES)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
        if path.exists():  # there, but no key: empty, or cut off by a full disk
            partial.replace(path)
        else:
            os.link(partial, path)
            partial.unlink()
    except FileExistsError:  # another process was first
        with contextlib.suppress(OSError):
            partial.unlink()
        return _read_key(path) or key
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
    return key
