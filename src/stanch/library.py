"""Stanch as a library: see the package's own docstring for examples."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from stanch.core.errors import InputError
from stanch.core.finding import Finding
from stanch.core.report import ScanReport
from stanch.engine.engine import Engine
from stanch.scanning.context import ScanContext, installation_key
from stanch.scanning.scan import collect, merge, report, with_links
from stanch.scanning.selection import detector_facts, engine_for, selected
from stanch.scanning.worker import Worker
from stanch.sources.blob import Source
from stanch.sources.files import BytesJob, FileSource
from stanch.sources.limits import Limits


class Scanner:
    """Finds credentials in bytes and files.

    Safe to use from several threads, and in processes forked after it was made: each thread gets working memory of
    its own on first use.

    Args:
        detectors: files or folders with detectors of your own, beside the shipped ones.
        only: detector ids or patterns (``aws-*``) to look for; all when empty.
        skip: detector ids or patterns to leave out.
        min_confidence: ``low``, ``medium`` or ``high``.
        keep_values: whether `Secret.reveal` of the findings answers; off, findings know a value by its fingerprint only.
        key: under which fingerprints are made (32 bytes or more); this installation's key when not given.
        decode_depth: how many encodings (base64, hex …) may lie inside each other.
        limits: bounds on archives.

    Raises:
        ConfigError: a detector file is wrong.
        InputError: a detector id names nothing.
    """

    def __init__(
        self,
        *,
        detectors: Iterable[str | os.PathLike[str]] = (),
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        min_confidence: str = "medium",
        keep_values: bool = False,
        key: bytes | None = None,
        decode_depth: int = 2,
        limits: Limits | None = None,
    ) -> None:
        from stanch.catalog.compiled import cache_folder

        if min_confidence not in ("low", "medium", "high"):
            raise InputError(f"min_confidence is {min_confidence!r}.", hint="It is low, medium or high.")
        if key is not None and len(key) < 32:
            raise InputError("the key is too short.", hint="Give 32 bytes or more.")
        self._context = ScanContext(
            key=key or installation_key(),
            detectors=tuple(Path(d) for d in detectors),
            only=tuple(only),
            skip=tuple(skip),
            keep_values=keep_values,
            min_confidence=min_confidence,
            decode_depth=decode_depth,
            limits=limits or Limits(),
            cache=cache_folder(),
        )
        self._engine = engine_for(self._context)
        selected(self._context, self._engine)  # a name that names nothing is an error now, not at the first scan
        self._local = threading.local()

    def scan_bytes(self, data: bytes, *, name: str = "") -> list[Finding]:
        """Return the findings in *data*, archives opened.

        Args:
            data: what to look at.
            name: path or file name, when there is one: it tells lock files and tests apart.
        """
        result = self._worker().run(BytesJob(name, bytes(data)))
        return with_links(merge(result.findings))

    def scan_paths(self, paths: Iterable[str | os.PathLike[str]], *, workers: int = 1) -> ScanReport:
        """Scan files and directories (not git history) and return the whole report.

        Args:
            paths: what to look at.
            workers: processes to share the work with; 1 works in this one.

        Raises:
            InputError: a path does not exist.
        """
        from stanch import __version__

        targets = [os.fspath(path) for path in paths]
        sources: list[Source] = [FileSource(root=target) for target in targets]
        found = collect(sources, self._context, workers=workers)
        findings = with_links(merge(found.findings))
        return report(
            found,
            findings,
            targets=targets,
            version=__version__,
            detectors=detector_facts(self._context, {f.detector for f in findings}),
            show_secrets=False,
        )

    def _worker(self) -> Worker:
        worker: Worker | None = getattr(self._local, "worker", None)
        if worker is None:
            engine: Engine = self._engine.clone()
            worker = self._local.worker = Worker(self._context, engine)
        return worker


def scan_bytes(data: bytes, *, name: str = "") -> list[Finding]:
    """Return the findings in *data* with default settings. Keep a `Scanner` to scan more than once."""
    return Scanner().scan_bytes(data, name=name)
