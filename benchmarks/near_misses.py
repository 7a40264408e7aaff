"""What looks like a value of a type and is none: nothing of this may be reported.

Three kinds damage a value (a wrong checksum, one character too few, one too many): no *specific* detector may name it; that its
name alone still makes it a suspect is right. The others (a placeholder, a digest, a UUID, a reference, a lock file's checksum)
are no secrets at all: there, any finding of medium or high confidence counts as reported.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lab import Lab
from languages import LANGUAGES
from leaks import BASE62, HEX, Leak, fresh_value, leak_of, random_text
from literals import Text
from lookalikes import digests, identifiers, locks, placeholders, references
from naming import Name
from stanch.catalog.model import Detector
from stanch.engine.checks import run_checks
from stanch.engine.match import RANK_GENERIC

BATCH = 200
_PLAIN = ("env", "yaml", "json", "python")
_PATHS = {"env": ".env", "yaml": "config/application.yml", "json": "config/settings.json", "python": "shop/settings.py"}
_SEALED = frozenset(("crc32-base62", "bech32", "wif", "extended-private-key", "luhn"))
_UUID = "{8}-{4}-{4}-{4}-{12}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """One text in which nothing is to be reported.

    Attributes:
        kind: which sort of near miss.
        detector: the type it resembles.
        template: what was tried, without the value.
        path: name of the file.
        data: the file.
        start: first byte of what stands where a value would.
        end: the byte after its last.
        generic_allowed: whether a finding by name alone is right.
    """

    kind: str
    detector: str
    template: str
    path: str
    data: bytes
    start: int
    end: int
    generic_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A near miss that was reported all the same, and as what."""

    miss: NearMiss
    found: str


@dataclass(slots=True)
class Precision:
    """All near misses and those that were reported."""

    total: dict[str, int] = field(default_factory=dict)
    reported: list[Reported] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many near misses were tried."""
        return sum(self.total.values())

    @property
    def share(self) -> float:
        """Share that was reported, 0 to 1."""
        return len(self.reported) / self.count if self.count else 0.0


# --- damaged values -----------------------------------------------------------------------------------------------


def fixed_length(detector: Detector) -> bool:
    """Tell whether all values of a type have one length."""
    if not detector.value:
        return False
    low, high = re._parser.parse(detector.value.encode("latin-1")).getwidth()  # type: ignore[attr-defined]
    return bool(low == high)


def _allowed(detector: Detector, text: str) -> bool:
    raw = text.encode("latin-1")
    return re.fullmatch(detector.value.encode("latin-1"), raw) is not None and not run_checks(detector.checks, raw)


def damaged(detector: Detector, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of values that are nearly right."""
    if not detector.value:
        return
    value = fresh_value(detector, rng)
    last = value[-1]
    alphabet = HEX if last in HEX and not re.search("[g-zG-Z]", value[detector.prefix :]) else BASE62
    if _SEALED & set(detector.checks):
        other = next(c for c in random_text(alphabet, 40, rng) if c != last)
        yield "wrong checksum", value[:-1] + other
    if fixed_length(detector):
        yield "too short", value[:-1]
        yield "too long", value + (random_text(alphabet, 1, rng) if last != "=" else "A")


# --- cases --------------------------------------------------------------------------------------------------------


def near_misses(detector: Detector, seed: int, rounds: int = 1) -> Iterator[NearMiss]:
    """Yield the near misses of one detector.

    Args:
        detector: the type.
        seed: draws values and surroundings.
        rounds: how many values and names to try.
    """
    for turn in range(rounds):
        rng = random.Random(f"{seed}/near/{detector.id}/{turn}")
        leak = leak_of(detector, turn, rng)
        if not leak.printable:
            continue
        for kind, text in damaged(detector, rng):
            if not _allowed(detector, text):
                yield _assigned(kind, leak, Text(leak.text.before, text, leak.text.after), rng, generic_allowed=True)
        yield from _placeholders(detector, leak, rng)
        yield from _references(leak, rng)
        if detector.generic or leak.kind == "script":
            continue  # by name only, or code: there is no hash or id that looks like it
        word = leak.word or _tail(leak.name)
        for kind, make in (("hash", digests), ("UUID", identifiers), ("lock file", locks)):
            for path, before, text in _closest(detector, make(word, rng), rng):
                yield _line(kind, detector.id, path, before, text, rng)


def _closest(detector: Detector, options: list[tuple[str, str, str]], rng: random.Random) -> list[tuple[str, str, str]]:
    """Three of some texts: first those that could be a value of the type, were it not for where they stand."""
    rng.shuffle(options)
    shape = re.compile(detector.value or "(?!)")
    return sorted(options, key=lambda option: shape.fullmatch(option[2]) is None)[:3]


def _tail(name: Name) -> str:
    return name.words[0] if name.words else "shop"


def _placeholders(detector: Detector, leak: Leak, rng: random.Random) -> Iterator[NearMiss]:
    value = leak.text.value
    options = placeholders(detector, leak.name, value, rng)
    if value.startswith("-----BEGIN"):
        line = "\\n" if "\n" not in value.strip() else "\n"  # a one-liner of JSON or .env has its line ends escaped
        first, *_, last = value.strip().removesuffix(line).split(line)
        options = [
            f"{first}\n{body}\n{last}" for body in ("...", "YOUR KEY HERE", "x" * 64, "<private key>", "[REDACTED]", "MII...")
        ]
    for text in rng.sample(options, 6):
        yield _assigned("placeholder", leak, Text(leak.text.before, text, leak.text.after), rng)


def _references(leak: Leak, rng: random.Random) -> Iterator[NearMiss]:
    options = references(leak.name)
    if leak.kind != "token":  # inside a connection string only what the string's own reader would resolve
        options = [o for o in options if o[1].startswith(("${", "$(", "{{", "%", "@Micro"))]
    for language, text, bare in rng.sample(options, min(6, len(options))):
        yield _assigned(
            "reference",
            leak,
            Text(leak.text.before, text, leak.text.after),
            rng,
            language=language,
            bare=bare and leak.kind == "token",
        )


def _assigned(
    kind: str,
    leak: Leak,
    text: Text,
    rng: random.Random,
    *,
    language: str = "",
    bare: bool = False,
    generic_allowed: bool = False,
) -> NearMiss:
    chosen = language or _PLAIN[rng.randrange(len(_PLAIN))]
    writer = LANGUAGES[chosen]
    if bare:
        writer = replace(writer, literal=_verbatim(writer.literal, text), loud=None)
    written = writer(replace(leak, text=text, others=leak.others), rng, rng.randrange(3))
    start = len(written.before)
    said = text.value if kind in ("placeholder", "reference") else "…"
    return NearMiss(
        kind=kind,
        detector=leak.detector.id,
        template=f"{chosen}: {leak.name.upper}={text.before[-20:]}{said}"[:90],
        path=_PATHS.get(chosen, f"settings.{chosen}"),
        data=written.whole.encode("latin-1"),
        start=start,
        end=start + len(written.value),
        generic_allowed=generic_allowed,
    )


def _verbatim(literal: Callable[[Text], Text], text: Text) -> Callable[[Text], Text]:
    """Write this one text as it is, all others as literals."""
    return lambda other: other if other == text else literal(other)


def _line(kind: str, detector: str, path: str, before: str, text: str, rng: random.Random) -> NearMiss:
    head = "\n".join(f"# note {rng.randrange(99)}" for _ in range(rng.randrange(3)))
    close = '"' if before.endswith('"') or '"sha' in before[-10:] else ""
    data = f"{head}\n{before}{text}{close}\n# end\n"
    start = len(head) + 1 + len(before)
    return NearMiss(
        kind=kind,
        detector=detector,
        template=f"{path}: {before[-60:]}…".replace("\n", "⏎"),
        path=path,
        data=data.encode("latin-1"),
        start=start,
        end=start + len(text),
    )


def measure(lab: Lab, ids: Sequence[str], *, seed: int, rounds: int = 1) -> Precision:
    """Try all near misses of some detectors."""
    precision = Precision()
    batch: list[NearMiss] = []
    for detector_id in ids:
        for miss in near_misses(lab.detectors[detector_id], seed, rounds):
            precision.total[miss.kind] = precision.total.get(miss.kind, 0) + 1
            batch.append(miss)
            if len(batch) >= BATCH:
                precision.reported += judge(lab, batch)
                batch = []
    precision.reported += judge(lab, batch)
    return precision


def judge(lab: Lab, batch: Sequence[NearMiss]) -> list[Reported]:
    """Scan some near misses and return those that are reported."""
    if not batch:
        return []
    reported = []
    for miss, matches in zip(batch, lab.scan([(m.path, m.data) for m in batch]), strict=True):
        there = [
            m
            for m in matches
            if m.start < miss.end and miss.start < m.end and not (miss.generic_allowed and m.rank == RANK_GENERIC)
        ]
        if there:
            reported.append(Reported(miss=miss, found=", ".join(sorted({m.detector.id for m in there}))))
    return reported
