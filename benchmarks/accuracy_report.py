"""The accuracy benchmark's report: Markdown for people, JSON for whoever compares two runs. Neither holds a value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from clean import Cleanness, Found
from contexts import CONTEXTS
from equivalents import EQUIVALENTS
from known import PUBLIC
from near_misses import Precision
from peer_recall import PeerRow
from recall import Recall

WORST = 40
"""Types listed as the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One target and whether it was met. ``passed`` is ``None`` when it was not measured."""

    name: str
    passed: bool | None
    numbers: str


@dataclass(slots=True, kw_only=True)
class Measured:
    """Everything that was measured.

    Attributes:
        detectors: types that were planted.
        off: types that a scan leaves out by default (their confidence is low by design), not planted.
    """

    seed: int
    values: int
    detectors: list[str]
    off: list[str]
    recall: Recall | None = None
    precision: Precision | None = None
    clean: Cleanness | None = None
    peers: list[PeerRow] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    seconds: float = 0.0
    date: str = ""


def markdown(measured: Measured) -> str:
    """Return the report."""
    out = [
        "# Accuracy",
        "",
        f"{measured.date}, {len(measured.detectors)} types, {measured.values} values of each in each context, "
        + f"seed {measured.seed}, {measured.seconds:.0f} s. "
        + "Made by `benchmarks/accuracy.py`; values are drawn from the catalog's own expressions, none was ever issued.",
        "",
        "| Target | | |",
        "|---|---|---|",
        *(f"| {b.name} | {_verdict(b)} | {b.numbers} |" for b in measured.bars),
        "",
    ]
    if measured.recall:
        out += _recall(measured, measured.recall)
    if measured.peers:
        out += _peers(measured.peers)
    if measured.precision:
        out += _precision(measured.precision)
    if measured.clean:
        out += _clean(measured.clean)
    return "\n".join(out) + "\n"


def _verdict(bar: Bar) -> str:
    return {True: "PASS", False: "**FAIL**", None: "NOT MEASURED"}[bar.passed]


def _recall(measured: Measured, recall: Recall) -> Iterator[str]:
    total = Counter(o.case.context for o in recall.outcomes)
    missed = Counter(o.case.context for o in recall.outcomes if o.result != "found")
    yield from ("## Values found and named", "")
    yield "A value counts when a finding of medium or high confidence lies on it and has its type's name (or one listed below)."
    yield from ("", "| Context | Planted | Found and named |", "|---|---:|---:|")
    for context in CONTEXTS:
        if total[context]:
            yield f"| {context} | {total[context]} | {1 - missed[context] / total[context]:.1%} |"
    yield ""
    yield (
        f"Left out: {recall.left_out.cases:,} cases: "
        + "; ".join(f"{reason} ({n})" for reason, n in sorted(recall.left_out.by_reason.items()))
        + "."
    )
    if measured.off:
        yield f"Off by default, not planted (low confidence by design): {', '.join(f'`{i}`' for i in measured.off)}."
    yield ""
    yield from ("What may answer for what:", "", *(f"- `{r}` for `{p}`: {reason}" for p, r, reason in EQUIVALENTS), "")
    yield from _worst(recall)


def _worst(recall: Recall) -> Iterator[str]:
    total = Counter(o.case.detector for o in recall.outcomes)
    wrong = [o for o in recall.outcomes if o.result != "found"]
    missed = Counter(o.case.detector for o in wrong)
    whole = sum(not missed[d] for d in total)
    most = sum(missed[d] <= 0.03 * n for d, n in total.items())
    yield f"{whole} of {len(total)} types were found and named in every case; {most} in at least 97 % of theirs. The worst:"
    yield from ("", "| Type | Found and named | Instead | Mostly in |", "|---|---:|---|---|")
    for detector, count in sorted(missed.items(), key=lambda item: (-item[1] / total[item[0]], item[0]))[:WORST]:
        instead = Counter(o.result for o in wrong if o.case.detector == detector).most_common(2)
        where = Counter(o.case.context for o in wrong if o.case.detector == detector).most_common(4)
        yield (
            f"| `{detector}` | {1 - count / total[detector]:.0%} | {', '.join(f'{name} ({n})' for name, n in instead)} | "
            f"{', '.join(f'{name} ({n})' for name, n in where)} |"
        )
    yield ""


def _peers(rows: Sequence[PeerRow]) -> Iterator[str]:
    yield from ("## The same files, other scanners", "")
    yield "One value of each type in each context. It counts as shown when the scanner reports anything at its line; naming it"
    yield "is not asked of them, nor of `stanch` here. “Types it knows”: those of which it shows at least one of the planted"
    yield "values. The types are those of this catalog, so the first column says how far the others' lists differ from it, the"
    yield "second how well each finds what it knows."
    yield from ("", "| Scanner | All planted values | Values of types it knows | `stanch` on the same |", "|---|---:|---:|---:|")
    for row in rows:
        known = (
            (f"{row.shown_of_known / row.known:.1%} of {row.known:,}", f"{row.ours_of_known / row.known:.1%}")
            if row.known
            else ("", "")
        )
        yield f"| {row.tool} {row.version} | {row.shown / row.planted:.1%} of {row.planted:,} | {known[0]} | {known[1]} |"
    yield ""


def _precision(precision: Precision) -> Iterator[str]:
    reported = Counter(r.miss.kind for r in precision.reported)
    yield from ("## Near misses", "")
    yield "For a damaged value (wrong checksum, too short, too long) only a finding of a specific type counts as reported: that"
    yield "its name alone makes it a suspect is right. For all others any finding of medium or high confidence counts."
    yield from ("", "| Kind | Tried | Reported |", "|---|---:|---:|")
    for kind, count in precision.total.items():
        yield f"| {kind} | {count:,} | {reported[kind]} ({reported[kind] / count:.2%}) |"
    yield ""
    if precision.reported:
        yield from ("Reported all the same:", "", "| Kind | Type | As | Text |", "|---|---|---|---|")
        for r in sorted(precision.reported, key=lambda r: (r.miss.kind, r.miss.detector, r.miss.template)):
            yield f"| {r.miss.kind} | `{r.miss.detector}` | {r.found} | `{_cell(r.miss.template)}` |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("\n", "⏎").replace("|", "¦").replace("`", "ʼ")


def _clean(clean: Cleanness) -> Iterator[str]:
    public = [f for f in clean.findings if f.sort == PUBLIC]
    yield from ("## Clean trees", "", "| Trees | MB | Findings | per MB |", "|---|---:|---:|---:|")
    for name, (size, count) in clean.by_tree.items():
        yield f"| {name} | {size / 1e6:,.0f} | {count} | {count / (size / 1e6 or 1):.4f} |"
    yield ""
    yield (
        f"{clean.files:,} files and archive members. Of {len(clean.findings)} findings {len(public)} are real values that are"
        + f" public, such as test keys; without them {(len(clean.findings) - len(public)) / (clean.bytes / 1e6 or 1):.4f} per MB."
    )
    yield from ("", "| What it is | Sort | Findings | Types | For example |", "|---|---|---:|---|---|")
    for explanation, items in _grouped(clean.findings):
        types = ", ".join(sorted({f"`{f.detector}`" for f in items}))
        said, example = explanation or "**UNEXPLAINED**", f"`{_short(items[0].path)}` line {items[0].line}"
        yield f"| {said} | {items[0].sort} | {len(items)} | {types} | {example} |"
    yield from (
        "",
        "<details><summary>Every finding</summary>",
        "",
        "| Path | Type | Confidence | Shown as |",
        "|---|---|---|---|",
    )
    for f in clean.findings:
        yield f"| `{_short(f.path)}`:{f.line} | `{f.detector}` | {f.confidence} | {_cell(f.redacted)} |"
    yield from ("", "</details>", "")


def _grouped(findings: Sequence[Found]) -> list[tuple[str, list[Found]]]:
    groups: dict[tuple[str, str], list[Found]] = {}
    for finding in findings:
        groups.setdefault((finding.sort, finding.explanation), []).append(finding)
    ordered = sorted(groups.items(), key=lambda item: (bool(item[0][1]), item[0][0], -len(item[1])))
    return [(key[1], items) for key, items in ordered]


def _short(path: str) -> str:
    return path.replace("/root/.pyenv/versions/", "~/.pyenv/versions/")


def as_json(measured: Measured) -> str:
    """Return the numbers, every miss and every finding, without values."""
    recall, precision, clean = measured.recall, measured.precision, measured.clean
    document: dict[str, object] = {
        "date": measured.date,
        "seed": measured.seed,
        "values": measured.values,
        "seconds": round(measured.seconds, 1),
        "detectors": len(measured.detectors),
        "off_by_default": measured.off,
        "bars": [asdict(bar) for bar in measured.bars],
        "peers": [asdict(row) for row in measured.peers],
    }
    if recall:
        missed = [[o.case.detector, o.case.context, o.case.turn, o.result] for o in recall.outcomes if o.result != "found"]
        document["recall"] = {
            "planted": len(recall.outcomes),
            "found": recall.found,
            "left_out": asdict(recall.left_out),
            "missed": missed,
        }
    if precision:
        rows = [[r.miss.kind, r.miss.detector, r.found] for r in precision.reported]
        document["precision"] = {"tried": precision.total, "reported": rows}
    if clean:
        document["clean"] = {
            "bytes": clean.bytes, "files": clean.files, "by_tree": clean.by_tree, "findings": [asdict(f) for f in clean.findings],
        }  # fmt: skip
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
