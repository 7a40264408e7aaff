"""The recall set as files, and how much of it other scanners show.

Nothing is asked of them but a finding at the line of the value: neither its name nor its extent. They run without a network, so
that no value is sent anywhere, and with what a user gets by default, but for validation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora import Corpus
from lab import Lab
from leaks import LeftOut
from peers import Hit, Variant, install, variants
from recall import cases_of

TOOLS = ("kingfisher", "betterleaks", "gitleaks")
_LABELS = {"kingfisher": "kingfisher --no-validate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a value stands: file, first and last line, and the type it is of."""

    path: str
    first: int
    last: int
    detector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow:
    """How much of the same files a scanner shows.

    Attributes:
        tool: its name.
        version: the one that ran.
        planted: values in all.
        shown: of them, those at whose line it reports anything.
        known: values of types of which it shows at least one.
        shown_of_known: of those, how many it shows.
        ours_of_known: and how many `stanch` shows of the same.
    """

    tool: str
    version: str
    planted: int
    shown: int
    known: int
    shown_of_known: int
    ours_of_known: int


def measure(lab: Lab, ids: Sequence[str], *, seed: int, work: Path) -> list[PeerRow]:
    """Write one value of each type in each context, scan them with everything, compare.

    Args:
        lab: the engine under test.
        ids: types to plant.
        seed: as in the recall part.
        work: folder for the files and the peers' environments.
    """
    folder, out = work / "accuracy-files", work / "reports" / "accuracy"
    for path in (folder, out):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    try:
        spots = write_files(lab, ids, seed, folder)
        ours = shown(spots, _our_lines(lab, spots, folder))
        rows = [_row("stanch", "", spots, ours, ours)]
        for name in TOOLS:
            tool = install(name, work / "peers")
            wanted = _LABELS.get(name)
            found = variants(tool, Corpus(name="tree", target=folder, size=0, hash="", seed=""), out)
            variant = next(v for v in found if wanted is None or v.label == wanted)
            theirs = shown(spots, _lines(_run(variant), folder))
            rows.append(_row(name, tool.version, spots, theirs, ours))
        return rows
    finally:  # the reports hold the planted values
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)


def write_files(lab: Lab, ids: Sequence[str], seed: int, folder: Path) -> list[Spot]:
    """Write each case into a file of its own, named as such files are."""
    spots = []
    for detector_id in ids:
        for number, (case, _, planted) in enumerate(cases_of(lab, detector_id, 1, seed, LeftOut())):
            path = Path(detector_id, str(number), planted.path)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(planted.data)
            end = b"\n\0" if planted.context == "UTF-16" else b"\n"
            first = planted.data.count(end, 0, planted.start) + 1
            spots.append(
                Spot(
                    path=str(path),
                    first=first,
                    last=first + planted.data.count(end, planted.start, planted.end),
                    detector=case.detector,
                )
            )
    return spots


def shown(spots: Sequence[Spot], lines: set[tuple[str, int]]) -> set[str]:
    """Return the paths of the files in which something is reported at the value's line."""
    return {spot.path for spot in spots if any((spot.path, line) in lines for line in range(spot.first, spot.last + 1))}


def _our_lines(lab: Lab, spots: Sequence[Spot], folder: Path) -> set[tuple[str, int]]:
    lines: set[tuple[str, int]] = set()
    for at in range(0, len(spots), 200):
        files = [(spot.path, (folder / spot.path).read_bytes()) for spot in spots[at : at + 200]]
        for (path, data), matches in zip(files, lab.scan(files), strict=True):
            for match in matches:
                first = data.count(b"\n", 0, match.start) + 1
                lines.update((path, first + n) for n in range(data.count(b"\n", match.start, match.end) + 1))
    return lines


def _run(variant: Variant) -> list[Hit]:
    command = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "--", *variant.argv]
    done = subprocess.run(command, cwd=variant.cwd, capture_output=True, text=True, check=False)
    text = variant.report.read_text("utf-8", "replace") if variant.report else done.stdout
    return list(variant.read(text))


def _lines(hits: Sequence[Hit], folder: Path) -> set[tuple[str, int]]:
    return {(os.path.relpath(folder / hit.path, folder), hit.line) for hit in hits}


def _row(tool: str, version: str, spots: Sequence[Spot], theirs: set[str], ours: set[str]) -> PeerRow:
    types = {spot.detector for spot in spots if spot.path in theirs}
    known = [spot for spot in spots if spot.detector in types]
    return PeerRow(
        tool=tool, version=version, planted=len(spots), shown=len(theirs), known=len(known),
        shown_of_known=sum(spot.path in theirs for spot in known), ours_of_known=sum(spot.path in ours for spot in known),
    )  # fmt: skip
