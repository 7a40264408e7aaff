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

from contexts import LANGUAGES
from lab import Lab
from leaks import BASE62, BASE64, HEX, Leak, Name, Text, fresh_value, leak_of, random_text

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


# --- no values ----------------------------------------------------------------------------------------------------


def placeholders(detector: Detector, name: Name, value: str, rng: random.Random) -> list[str]:
    """Texts that people put where a value is to go."""
    lead = value[: detector.prefix]
    rest = max(8, len(value) - len(lead)) if len(value) < 120 else 24
    middle = value[: len(value) // 2] if 12 <= len(value) <= 120 and "\n" not in value else lead
    return [
        f"YOUR_{name.upper}_HERE",
        f"your-{name.kebab}",
        lead + "x" * rest,
        lead + "X" * rest,
        f"<{name.kebab}>",
        f"<your {name.prose}>",
        "changeme",
        f"{middle}EXAMPLE",
        f"{lead}example-{name.kebab}-value",
        lead + "*" * rest,
        lead + "0" * rest,
        f"{lead}...",
        f"{lead}REPLACE_ME",
        f"[{name.snake}]",
    ]


def references(name: Name) -> list[tuple[str, str, bool]]:
    """(language, text, whether it stands without quotes) of things that name where a value is kept."""
    upper, snake, camel = name.upper, name.snake, name.camel
    return [
        ("python", f'os.environ["{upper}"]', True),
        ("python", f'os.getenv("{upper}", "")', True),
        ("python", f"settings.{upper}", True),
        ("python", f'config.get("{snake}")', True),
        ("yaml", f"${{{{ secrets.{upper} }}}}", True),
        ("yaml", f"{{{{ .Values.{camel} }}}}", True),
        ("yaml", f"vault:secret/data/shop#{name.kebab}", True),
        ("yaml", f"${{{upper}}}", True),
        ("yaml", f"!Ref {name.pascal}", True),
        ("yaml", f"arn:aws:secretsmanager:eu-west-1:{random_text('0123456789', 12, random.Random(upper))}:secret:{snake}", True),
        ("env", f"${{{upper}}}", True),
        ("env", f"$(vault kv get -field=value secret/{name.kebab})", True),
        ("env", f"op://prod/{name.kebab}/credential", True),
        ("json", f"@Microsoft.KeyVault(SecretUri=https://shop-prod.vault.azure.net/secrets/{name.kebab}/)", False),
        ("json", f"%{upper}%", False),
        ("json", f"${{env:{upper}}}", False),
        ("javascript", f"process.env.{upper}", True),
        ("javascript", f"getSecret('{name.kebab}')", True),
        ("terraform", f"var.{snake}", True),
        ("terraform", f"data.vault_generic_secret.shop.data[\"{snake}\"]", True),
        ("java", f'System.getenv("{upper}")', True),
        ("go", f'os.Getenv("{upper}")', True),
        ("csharp", f'Configuration["{name.pascal}"]', True),
        ("ruby", f"ENV.fetch('{upper}')", True),
        ("php", f"getenv('{upper}')", True),
    ]


def _uuid(rng: random.Random) -> str:
    return "-".join(random_text(HEX, size, rng) for size in (8, 4, 4, 4, 12))


def digests(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, digest) of hashes that people write down."""
    w = word or "shop"
    return [
        ("deploy/versions.env", f"{w.upper()}_AGENT_SHA256=", random_text(HEX, 64, rng)),
        ("deploy/install.sh", f'{w}_md5="', random_text(HEX, 32, rng)),
        ("config/build.yml", f"{w}:\n  commit: ", random_text(HEX, 40, rng)),
        ("config/build.json", f'{{"name": "{w}", "revision": "', random_text(HEX, 40, rng)),
        ("Dockerfile", f"FROM {w}/agent:7@sha256:", random_text(HEX, 64, rng)),
        ("README.md", f"The {w} archive has the SHA-1 checksum ", random_text(HEX, 40, rng)),
        ("src/cache.py", f'{w.upper()}_FINGERPRINT = "', random_text(HEX, 64, rng)),
        ("config/assets.json", f'{{"{w}.js": {{"etag": "', random_text(HEX, 32, rng)),
        (".gitmodules.txt", f"# {w} submodule\ngit-sha: ", random_text(HEX, 40, rng)),
    ]


def identifiers(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, UUID) of ids."""
    w = word or "shop"
    return [
        (".env", f"{w.upper()}_PROJECT_ID=", _uuid(rng)),
        ("config/app.json", f'{{"{w}": {{"requestId": "', _uuid(rng)),
        ("config/app.yml", f"{w}:\n  tenant_id: ", _uuid(rng)),
        ("logs/shop.log", f"2024-05-11T09:21:11Z INFO [{w}] trace_id=", _uuid(rng)),
        ("shop/settings.py", f'{w.upper()}_ORGANIZATION_ID = "', _uuid(rng)),
        ("infra/main.tf", f'  {w}_workspace_id = "', _uuid(rng)),
        ("Shop.csproj", "<ProjectGuid>{", _uuid(rng).upper()),
    ]


def locks(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, checksum) of lines of lock files and integrity fields."""
    w = word or "shop"
    return [
        ("package-lock.json", f'"node_modules/{w}-api": {{"version": "1.2.3", "integrity": "sha512-', random_text(BASE64, 86, rng) + "=="),
        ("yarn.lock", f'{w}-token@^1.0.0:\n  resolved "https://registry.yarnpkg.com/{w}-token/-/{w}-token-1.0.0.tgz#', random_text(HEX, 40, rng)),
        ("Cargo.lock", f'[[package]]\nname = "{w}-secret"\nversion = "0.3.1"\nchecksum = "', random_text(HEX, 64, rng)),
        ("poetry.lock", f'name = "{w}"\nfiles = [{{file = "{w}_key-1.0.whl", hash = "sha256:', random_text(HEX, 64, rng)),
        ("go.sum", f"github.com/acme/{w}-auth v1.4.0 h1:", random_text(BASE64, 43, rng) + "="),
        ("index.html", f'<script src="https://cdn.acme.io/{w}.js" integrity="sha384-', random_text(BASE64, 64, rng)),
        ("requirements.txt", f"{w}-api-key==1.0 --hash=sha256:", random_text(HEX, 64, rng)),
        ("RECORD", f"{w}/token.py,sha256=", random_text(BASE62, 43, rng)),
    ]


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
            options = make(word, rng)
            for path, before, text in rng.sample(options, 3):
                yield _line(kind, detector.id, path, before, text, rng)


def _tail(name: Name) -> str:
    return name.words[0] if name.words else "shop"


def _placeholders(detector: Detector, leak: Leak, rng: random.Random) -> Iterator[NearMiss]:
    value = leak.text.value
    options = placeholders(detector, leak.name, value, rng)
    if value.startswith("-----BEGIN"):
        first, last = value.split("\n")[0], value.rstrip().split("\n")[-1]
        options = [f"{first}\n{body}\n{last}" for body in ("...", "YOUR KEY HERE", "x" * 64, "<private key>", "[REDACTED]", "MII...")]
    for text in rng.sample(options, 6):
        yield _assigned("placeholder", leak, Text(leak.text.before, text, leak.text.after), rng)


def _references(leak: Leak, rng: random.Random) -> Iterator[NearMiss]:
    options = references(leak.name)
    if leak.kind != "token":  # inside a connection string only what the string's own reader would resolve
        options = [o for o in options if o[1].startswith(("${", "$(", "{{", "%", "@Micro"))]
    for language, text, bare in rng.sample(options, min(6, len(options))):
        yield _assigned("reference", leak, Text(leak.text.before, text, leak.text.after), rng, language=language, bare=bare and leak.kind == "token")


def _assigned(
    kind: str, leak: Leak, text: Text, rng: random.Random, *, language: str = "", bare: bool = False, generic_allowed: bool = False
) -> NearMiss:
    chosen = language or _PLAIN[rng.randrange(len(_PLAIN))]
    writer = LANGUAGES[chosen]
    if bare:
        writer = replace(writer, literal=_verbatim(writer.literal, text), loud=None)
    written = writer(replace(leak, text=text, others=leak.others), rng, rng.randrange(3))
    start = len(written.before)
    return NearMiss(
        kind=kind, detector=leak.detector.id, template=f"{chosen}: {leak.name.upper}={text.before[-20:]}{text.value if kind in ('placeholder', 'reference') else '…'}"[:90],
        path=_PATHS.get(chosen, f"settings.{chosen}"), data=written.whole.encode("latin-1"), start=start, end=start + len(written.value),
        generic_allowed=generic_allowed,
    )  # fmt: skip


def _verbatim(literal: Callable[[Text], Text], text: Text) -> Callable[[Text], Text]:
    """Write this one text as it is, all others as literals."""
    return lambda other: other if other == text else literal(other)


def _line(kind: str, detector: str, path: str, before: str, text: str, rng: random.Random) -> NearMiss:
    head = "\n".join(f"# note {rng.randrange(99)}" for _ in range(rng.randrange(3)))
    close = '"' if before.endswith('"') or '"sha' in before[-10:] else ""
    data = f"{head}\n{before}{text}{close}\n# end\n"
    start = len(head) + 1 + len(before)
    return NearMiss(
        kind=kind, detector=detector, template=f"{path}: {before[-60:]}…".replace("\n", "⏎"), path=path, data=data.encode("latin-1"), start=start, end=start + len(text)
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
                precision.reported += _judge(lab, batch)
                batch = []
    precision.reported += _judge(lab, batch)
    return precision


def _judge(lab: Lab, batch: Sequence[NearMiss]) -> list[Reported]:
    if not batch:
        return []
    reported = []
    for miss, matches in zip(batch, lab.scan([(m.path, m.data) for m in batch]), strict=True):
        there = [m for m in matches if m.start < miss.end and miss.start < m.end and not (miss.generic_allowed and m.rank == RANK_GENERIC)]
        if there:
            reported.append(Reported(miss=miss, found=", ".join(sorted({m.detector.id for m in there}))))
    return reported
