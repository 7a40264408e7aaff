"""What is fuzzed: each target is a function that may end in the documented ways only, and good inputs to begin with."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stanch.core.errors import StanchError
from stanch.core.finding import Skipped

Run = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to try.

    Attributes:
        name: as on the command line.
        run: tries one input; what it returns tells inputs apart that do something new.
        seeds: good inputs.
        words: tokens of its language.
        accepted: exceptions that are documented.
    """

    name: str
    run: Run
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()
    accepted: tuple[type[BaseException], ...] = field(default=(StanchError,))


def targets(scratch: Path) -> list[Target]:
    """Build all targets.

    Args:
        scratch: a folder for those that read files.
    """
    made: list[Target] = []
    for build in (_engine, _decoders, _keys, _containers, _worker, _settings, _detectors, _foreign, _patterns, _git, _reports):
        made += build(scratch)
    return made


# --- engine ---------------------------------------------------------------------------------------------------------


def _examples(count: int = 0) -> list[bytes]:
    from stanch.catalog.load import load_catalog
    from stanch.catalog.sampler import fill

    rng = random.Random(1)
    found = [fill(d.positive[n % len(d.positive)], d, rng).encode("latin-1") for n, d in enumerate(load_catalog())]
    return found if not count else found[:: max(1, len(found) // count)]


_WORDS = (
    b"password = ", b"\"token\": \"", b"api_key: '", b"secret=", b"Authorization: Bearer ", b"://user:", b"@host", b"-----BEGIN ", b"-----END ",
    b" PRIVATE KEY-----", b"\\n", b"\n", b"\r\n", b"&quot;", b"${", b"}}", b"%2F", b"\\u0026", b"ghp" + b"_", b"eyJ", b"=", b"\"", b"'", b"`", b"<value>", b"\0",
)  # fmt: skip


def _engine(_: Path) -> list[Target]:
    from stanch.catalog.compiled import cache_folder, compiled_catalog
    from stanch.engine.engine import Engine

    engine = Engine(compiled_catalog(folder=cache_folder()))
    examples = _examples()

    def scan(data: bytes) -> object:
        found = engine.scan(data)
        end = 0
        for match in found:
            assert end <= match.start < match.end <= len(data), "matches are in order, apart, and inside"
            end = match.end
            assert all(0 <= c.start <= c.end <= len(data) for c in match.companions)
            assert match.value
            assert match.decoded or data[match.start : match.end] == match.value
        return tuple(sorted({(m.detector.id, m.decoded) for m in found}))

    def batch(data: bytes) -> object:
        blobs = data.split(b"\xfe")
        together = [[(m.detector.id, m.start, m.end) for m in found] for found in engine.scan_batch(blobs)]
        assert together == [[(m.detector.id, m.start, m.end) for m in engine.scan(blob)] for blob in blobs]
        return len(blobs), sum(map(len, together))

    wide = [text.decode("latin-1").encode(form) for text in examples[::40] for form in ("utf-16", "utf-16-be")]
    return [
        Target(name="engine", run=scan, seeds=[*examples, *wide], words=_WORDS),
        Target(
            name="batch",
            run=batch,
            seeds=[b"\xfe".join(examples[n : n + 4]) for n in range(0, len(examples), 4)],
            words=(*_WORDS, b"\xfe"),
        ),
    ]


def _keys(_: Path) -> list[Target]:
    from tests.support.key_corpus import private_containers, public_containers
    from tests.support.key_material import NOW, PASSWORD

    from stanch.keys.examine import examine
    from stanch.keys.model import Password, Private

    passwords = [Password(value=Private(PASSWORD.encode()), source="a test")]

    def look(data: bytes) -> object:
        found = examine(data, passwords=passwords, now=NOW)
        for item in found.items:
            assert PASSWORD not in repr(item)
            assert item.private is None or item.facts.verdict.value == "usable", "only an open key hands out its private part"
        assert found.what
        return found.what, tuple((i.facts.container, i.facts.verdict, i.facts.algorithm) for i in found.items)

    seeds = [container.content.data for container in (*private_containers(), *public_containers())]
    return [
        Target(name="keys", run=look, seeds=seeds, words=(b"\x30\x80", b"\x30\x82", b"\x02\x01\x03", b"\0\0", b"-----BEGIN "))
    ]


def _decoders(_: Path) -> list[Target]:
    from stanch.engine import decode
    from stanch.engine.assignments import read_assignment
    from stanch.engine.checks import CHECKS
    from stanch.engine.checks.extents import EXTENTS
    from stanch.engine.lines import Lines, line_around, line_before, snippet

    def regions(data: bytes) -> object:
        seen = []
        for share in (0, 3, 5, 8):
            hit = len(data) * share // 8
            for length in (4, 9):
                if length > hit:
                    continue
                found: list[decode.Region | None] = [decode.base64_around(data, hit, length, align) for align in range(3)]
                found.append(decode.wide_around(data, hit, length))
                found.append(decode.percent_around(data, hit, length))
                with contextlib.suppress(ValueError):  # only ever called where hex digits stand
                    found.append(decode.hex_around(data, hit, length))
                for region in found:
                    if region is None or not region.data:  # no hit ever lies where nothing can be decoded
                        continue
                    assert 0 <= region.start <= region.end <= len(data)
                    for start, end in ((0, len(region.data)), (len(region.data) // 3, len(region.data) // 2 + 1)):
                        first, last = region.outer(start, end)
                        assert region.start <= first <= last <= region.end, "a span lies in its region"
                seen.append(tuple(region is not None for region in found))
        decode.decode_base64(data)
        decode.utf16(data)
        decode.is_text(data)
        inflated = decode.inflate(data)
        assert inflated is None or len(inflated) <= decode.MAX_INFLATED
        return tuple(seen)

    def values(data: bytes) -> object:
        verdicts = tuple(bool(check(data)) for check in CHECKS.values())
        for extent in EXTENTS.values():
            for start, end in ((0, len(data)), (len(data) // 2, len(data))):
                assert start <= extent(data, start, end) <= end or start == end
        return verdicts

    def reading(data: bytes) -> object:
        lines = Lines(data)
        for start in range(0, len(data) + 1, max(1, len(data) // 9)):
            assignment = read_assignment(data, start)
            if assignment is not None:
                assert start <= assignment.end <= len(data)
                assert data[assignment.start : assignment.end] == assignment.value
            line, column = lines.locate(start)
            assert line == data.count(b"\n", 0, start) + 1
            assert column >= 1
            end = min(len(data), start + 20)
            text = snippet(data, (start, end), [(start, end, "‹hidden›")] if end > start else [])
            assert len(text) <= 240
            line_around(data, start, end)
            line_before(data, start)
        return None

    examples = _examples(200)
    gz = [gzip.compress(text) for text in examples[:10]]
    return [
        Target(
            name="decoders", run=regions, seeds=[*examples, *gz, *(text.hex().encode() for text in examples[:20])], words=_WORDS
        ),
        Target(name="checks", run=values, seeds=examples, words=_WORDS),
        Target(name="assignments", run=reading, seeds=examples, words=_WORDS),
    ]


# --- containers -----------------------------------------------------------------------------------------------------


def _archives() -> list[bytes]:
    from tests.unit.sources.containers.builders import ARCHIVERS, PACKERS, zip_of

    text = b"    item = items[at]\n" * 20
    files = [("app.env", text), ("deep/inner.zip", zip_of([("a.txt", text)])), ("last.txt", b"x")]
    document = [
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w:document><w:p><w:t>text</w:t></w:p></w:document>"),
    ]
    book = {"cells": [{"cell_type": "code", "source": ["x = 1\n"], "outputs": [{"text": ["1"]}]}], "metadata": {}, "nbformat": 4}
    return [
        *(make(files) for make in ARCHIVERS.values()),
        *(pack(text) for pack in PACKERS.values()),
        zip_of(document),
        json.dumps(book).encode(),
    ]


def _containers(_: Path) -> list[Target]:
    from stanch.sources.blob import Blob
    from stanch.sources.containers import MemberError, expand, is_container
    from stanch.sources.limits import Limits

    limits = Limits(depth=3, members=100, expanded=2_000_000, ratio=200)

    def read(data: bytes) -> object:
        is_container(data[:560])
        blob = Blob(path="f", data=data) if len(data) % 2 else Blob(path="f", opener=lambda: io.BytesIO(data))
        seen: list[object] = []
        total = 0
        for item in expand(blob, limits):
            if isinstance(item, Skipped):
                seen.append("".join(c for c in item.reason if c.isalpha())[:60])
                assert item.path.startswith("f")
                assert item.reason
                continue
            reader = item.open()
            try:
                while piece := reader.read(50_000):
                    total += len(piece)
            except MemberError as exc:
                seen.append("".join(c for c in exc.skipped.reason if c.isalpha())[:60])
        assert total <= 2 * limits.expanded
        return tuple(sorted(map(str, set(seen)))), min(len(seen), 9), total.bit_length()

    return [
        Target(
            name="containers",
            run=read,
            seeds=_archives(),
            words=(b"PK\3\4", b"PK\1\2", b"PK\5\6", b"ustar", b"!<arch>\n", b"070701", b"7z\xbc\xaf\x27\x1c"),
        )
    ]


def _worker(_: Path) -> list[Target]:
    from tests.support.jobs import Items, Trickle
    from tests.unit.sources.containers.builders import ARCHIVERS

    from stanch.catalog.compiled import cache_folder
    from stanch.scanning.context import ScanContext
    from stanch.scanning.findings import pack, unpack
    from stanch.scanning.worker import Worker
    from stanch.sources.blob import Blob
    from stanch.sources.limits import Limits

    context = ScanContext(
        key=bytes(32), min_confidence="low", cache=cache_folder(), limits=Limits(expanded=2_000_000, members=100, depth=3)
    )
    worker = Worker(context)

    def whole(data: bytes) -> object:
        """The whole way of a file: containers, chunks, engine, findings."""
        streamed = Blob(path="b", opener=lambda: Trickle(data, 997))  # type: ignore[arg-type,return-value]
        result = worker.run(Items([Blob(path="a", data=data), streamed]))
        assert not [s for s in result.skipped if s.code == "bug"], result.skipped
        for finding in result.findings:
            assert unpack(pack(finding)) == finding
            assert finding.location.line >= 1
            assert finding.location.column >= 1
        return tuple(sorted({f.detector for f in result.findings})), tuple(sorted({s.code for s in result.skipped}))

    examples = _examples(60)
    packed = [make([("app.env", text), ("b", text)]) for make, text in zip(ARCHIVERS.values(), examples, strict=False)]
    return [Target(name="files", run=whole, seeds=[*examples, *packed, *_archives()], words=_WORDS)]


# --- settings and what others wrote ---------------------------------------------------------------------------------


def _file(scratch: Path, name: str) -> Callable[[bytes], Path]:
    path = scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(data: bytes) -> Path:
        path.write_bytes(data)
        return path

    return write


_TOML = (
    b"[[allow]]\n",
    b"reason = ",
    b"paths = [",
    b"'''",
    b'"""',
    b"\\u0000",
    b"[tool.stanch]\n",
    b"= {",
    b"1979-05-27T07:32:00",
    b"inf",
    b"0x",
    b"#",
    b"]]",
    b"\n",
)


def _settings(scratch: Path) -> list[Target]:
    from stanch.config.load import explain, load
    from stanch.config.options import OPTIONS, WrongValueError, from_text

    own, project = _file(scratch / "own", "stanch.toml"), _file(scratch / "project", "pyproject.toml")

    def toml(data: bytes) -> object:
        path = own(data)
        loaded = load({}, path.parent, {})
        explain(loaded)
        return len(loaded.notes), len(loaded.origins)

    def tool(data: bytes) -> object:
        path = project(b"[project]\nname = 'x'\n[tool.stanch]\n" + data)
        return len(load({}, path.parent, {}, path.parent).notes)

    def variables(data: bytes) -> object:
        name, _, text = data.decode("utf-8", "surrogateescape").partition("=")
        option = OPTIONS.get(name.strip()) or list(OPTIONS.values())[len(data) % len(OPTIONS)]
        with contextlib.suppress(WrongValueError):
            from_text(option, text)
        if "\0" not in text:
            load({}, scratch, {"STANCH_" + option.name.upper(): text})
        return option.name

    rules = b"[[allow]]\nreason = 'made up'\npaths = ['docs/**', '!docs/a']\nvalues = ['^x+$']\ndetectors = ['aws-*']\nexpires = 2030-01-01\ncondition = 'all'\n"
    every = b"".join(
        f"{option.name} = {json.dumps(_sample(option.kind, option.choices))}\n".encode()
        for option in OPTIONS.values()
        if option.kind != "rules"
    )
    return [
        Target(
            name="stanch.toml",
            run=toml,
            seeds=[rules, every, b"exclude = ['*.min.js', 'a/**/b', '[a-z]?']\n" + rules],
            words=_TOML,
        ),
        Target(name="pyproject.toml", run=tool, seeds=[every, b"skip = ['x']\n"], words=_TOML),
        Target(
            name="variables",
            run=variables,
            seeds=[f"{o.name}=10MB,1,true".encode() for o in OPTIONS.values()],
            words=(b"GiB", b",", b"\n", b"**/", b"fnd_"),
        ),
    ]


def _sample(kind: str, choices: Sequence[str]) -> object:
    if kind in ("list", "paths", "globs"):
        return ["aws-*", "b"]
    return {"flag": False, "count": 2, "size": "10MB", "path": "x.json"}.get(kind, choices[0] if choices else "x")


def _detectors(scratch: Path) -> list[Target]:
    from stanch.catalog.load import DATA, load_file
    from stanch.catalog.sampler import fill
    from stanch.engine.anchors import patterns_for

    write = _file(scratch, "mine.toml")

    def load_and_use(data: bytes) -> object:
        found = load_file(write(data))
        patterns = patterns_for(found)
        for detector in found:
            for template in (*detector.positive, *detector.negative):
                with contextlib.suppress(
                    ValueError, KeyError, LookupError, OverflowError
                ):  # `detectors test` says these for each example
                    fill(template[:2_000], detector, random.Random(1))
        return len(found), len(patterns) > 9

    tables = [path.read_bytes().split(b"\n[[detector]]\n") for path in sorted(DATA.glob("*.toml"))[::12]]
    seeds = [b"\n[[detector]]\n".join(parts[:3]) for parts in tables]
    words = (
        b"[[detector]]\n",
        b"[[detector.companion]]\n",
        b"value = '",
        b"expression = '(?P<value>",
        b"near = [",
        b"{value}",
        b"{hex:",
        b"(?i:",
        b"{0,9999}",
        b"(?=",
        b"\\b",
        *_TOML,
    )
    return [Target(name="detector files", run=load_and_use, seeds=seeds, words=words)]


def _foreign(scratch: Path) -> list[Target]:
    from stanch.config.baseline import Baseline, dumps
    from stanch.config.baseline import load as load_baseline
    from stanch.config.foreign import load_foreign
    from stanch.config.gitleaks import import_gitleaks

    gitleaks = _file(scratch, ".gitleaks.toml")
    ignore, secrets = _file(scratch / "a", ".gitleaksignore"), _file(scratch / "b", ".secrets.baseline")
    baseline = _file(scratch, "baseline.json")

    def taken_over(data: bytes) -> object:
        found = import_gitleaks(gitleaks(data))
        if found.detectors:  # what we write we can read
            from stanch.catalog.load import load_file

            path = scratch / "taken.toml"
            path.write_text(found.detectors, "utf-8")
            load_file(path)
        return len(found.ids), len(found.rules), len(found.notes)

    def ignored(data: bytes) -> object:
        return len(load_foreign(ignore(data).parent).notes)

    def detect_secrets(data: bytes) -> object:
        return len(load_foreign(secrets(data).parent).notes)

    def accepted(data: bytes) -> object:
        found = load_baseline(baseline(data))
        dumps(found)
        return len(found)

    rule = b"title = 'x'\n[[rules]]\nid = 'my-rule'\ndescription = 'd'\nregex = '''(?i)key[ =]+([a-z0-9]{20,40})'''\nkeywords = ['key']\nsecretGroup = 1\nentropy = 3.5\n[[rules.allowlists]]\nregexes = ['''x+''']\npaths = ['''a/.*''']\n[allowlist]\nstopwords = ['example']\ncommits = ['abc']\n"
    listed = {
        "version": "1.5.0",
        "plugins_used": [],
        "filters_used": [{"path": "x", "pattern": ["a.*"]}],
        "results": {"a.py": [{"type": "Secret Keyword", "filename": "a.py", "hashed_secret": "0" * 40, "line_number": 3}]},
    }
    entry = json.dumps(
        {"stanch-baseline": 1, "salt": "00" * 16, "findings": [{"detector": "x", "path": "a", "digest": "0" * 32}]}
    ).encode()
    words = (
        b"[[rules]]\n",
        b"regex = '''",
        b"(?P<x>",
        b"\\pL",
        b"[[:alpha:]]",
        b"{1000}",
        b"(?i)",
        b"\\Q",
        b"[^",
        b"]",
        b"*?",
        b"(",
        b")",
        b"|",
    )
    return [
        Target(name=".gitleaks.toml", run=taken_over, seeds=[rule], words=(*words, *_TOML)),
        Target(
            name=".gitleaksignore",
            run=ignored,
            seeds=[b"abc:dir/file.py:rule:3\n# note\nfile:rule:1\n" + b"0" * 40 + b":a!b:c:9\n"],
            words=(b":", b"\n", b"#"),
        ),
        Target(
            name=".secrets.baseline",
            run=detect_secrets,
            seeds=[json.dumps(listed).encode()],
            words=(b'"results"', b"{", b"}", b"[", b"null", b"1e999", b'"\\ud800"'),
        ),
        Target(
            name="baseline",
            run=accepted,
            seeds=[dumps(Baseline(bytes(range(16)))).encode(), entry],
            words=(b"{", b"}", b"<<<<<<<", b'"salt"', b"null", b"[["),
        ),
    ]


def _patterns(_: Path) -> list[Target]:
    from stanch.config.gitignore import ignore_lines
    from stanch.config.globs import GlobSet, problem
    from stanch.config.go_regex import GoRegexError, translate
    from stanch.config.inline import inline_allow
    from stanch.config.literals import longest_literals
    from stanch.config.regexes import BadExpressionError, Expression

    def globs(data: bytes) -> object:
        lines = ignore_lines(data)
        wrong = [problem(line) for line in lines]
        rules = GlobSet(line for line, bad in zip(lines, wrong, strict=True) if bad is None)
        return tuple(
            rules.match(path, is_dir=is_dir) is not None
            for path in ("a/b/c.txt", "a" * 200, "x/" * 40 + "y", "\udcff")
            for is_dir in (False, True)
        )

    def go(data: bytes) -> object:
        """What comes out is checked once more by whoever takes it over, so Python may refuse it."""
        found = translate(data.decode("utf-8", "replace")[:3_000])
        re.compile(found.pattern)
        return len(found.pattern) % 7

    def expression(data: bytes) -> object:
        """What the check lets through must be quick on the worst text there is for it."""
        pattern = data.decode("latin-1")[:2_000]
        found = Expression(pattern)
        for text in ("a" * 4_000, "ab" * 2_000, " " * 4_000, pattern * 3, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" * 100):
            found.found_in(text)
        with contextlib.suppress(re.error):  # it takes expressions for bytes, where \\u means nothing
            longest_literals(pattern)
        return found.limit

    def inline(data: bytes) -> object:
        line, _, before = data.partition(b"\n")
        return inline_allow(line, before, "aws-access-token")

    patterns = [
        b"^a+b*$",
        b"(?i)(?:secret|key)[ :=]{1,9}['\"]([a-z0-9]{8,40})",
        b"[^a-z]*x",
        b"(a|b)*c",
        b"\\bfoo\\b.*bar",
        b"(?P<n>x)(?P=n)",
    ]
    words = (
        b"(?:",
        b"(a+)+",
        b"(a|a)*",
        b".*",
        b"{1,99}",
        b"[^",
        b"]",
        b"|",
        b")",
        b"\\1",
        b"(?=",
        b"(?<!",
        b"\\w",
        b"^",
        b"$",
        b"(?i)",
        b"x*",
    )
    comments = [
        b"key = 'x'  # stanch:allow",
        b"# gitleaks:allow",
        b"// stanch:allow aws-*, x -- reason",
        b"pragma: allowlist nextline secret",
        b"trufflehog:ignore",
        b"ggignore",
    ]
    return [
        Target(
            name="globs",
            run=globs,
            seeds=[b"*.py\n!a/**/b\n[a-z]?\\*\n/x/\n", b"a/**\n**/b\n{a,b}\n[!a]\n"],
            words=(b"**/", b"/**", b"[", b"]", b"!", b"\\", b"?", b"\n", b"*" * 20),
        ),
        Target(
            name="go regex",
            run=go,
            seeds=[*patterns, b"\\Qa.b\\E[[:alpha:]]\\pL\\x{1F600}(?U)a*"],
            words=(*words, b"\\Q", b"\\E", b"[[:^alpha:]]", b"\\p{Greek}", b"\\x{"),
            accepted=(GoRegexError, re.error),
        ),
        Target(name="expressions", run=expression, seeds=patterns, words=words, accepted=(BadExpressionError,)),
        Target(
            name="inline comments", run=inline, seeds=comments, words=(b"allow", b":", b"#", b"\n", b"//", b"<!--", b"secret")
        ),
    ]


# --- git ------------------------------------------------------------------------------------------------------------


def _git(scratch: Path) -> list[Target]:
    from stanch.sources.git_lines import added_lines
    from stanch.sources.git_repo import discover, open_repo
    from stanch.sources.git_run import explain
    from stanch.sources.git_walk import parse_commit, parse_raw

    def commit(data: bytes) -> object:
        found = parse_commit("0" * 40, data)
        assert "\n" not in found.subject
        return bool(found.date), bool(found.author), len(found.subject) > 10

    def raw(data: bytes) -> object:
        """Paths are anybody's, the frame around them is git's; pieces end anywhere."""
        names = [name for name in data.split(b"\0") if name][:50]
        frame = b"".join(b":100644 100644 " + b"a" * 40 + b" " + b"b" * 40 + b" M\0" + name + b"\0" for name in names)
        stream = b"c" * 40 + b"\0" + frame
        step = 1 + len(data) % 97
        found = [
            change for _, change in parse_raw(stream[at : at + step] for at in range(0, len(stream), step)) if change is not None
        ]
        assert [change.path.encode("utf-8", "surrogateescape") for change in found] == names
        return len(names)

    def lines(data: bytes) -> object:
        *olds, new = data.split(b"\xfe")[:4]
        found = added_lines(olds, new)
        last = 0
        for first, end in found:
            assert last < first <= end <= new.count(b"\n") + 1
            last = end
        return len(found)

    def errors(data: bytes) -> object:
        text = explain(data, 128)
        assert text.isprintable()
        return len(text) > 30

    folder = scratch / "repo"

    def repository(data: bytes) -> object:
        """The small files of a repository, before git itself is asked."""
        parts = (*data.split(b"\xfe"), b"", b"", b"", b"")
        (folder / ".git" / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (folder / ".git" / "refs").mkdir(exist_ok=True)
        for name, content in zip(("HEAD", "config", "objects/info/alternates", "shallow", "packed-refs"), parts, strict=False):
            (folder / ".git" / name).write_bytes(content)
        found = discover(folder)
        return found is not None and (found.is_shallow, found.is_partial, len(found.alternates))

    def pointer(data: bytes) -> object:
        (scratch / "tree").mkdir(exist_ok=True)
        (scratch / "tree" / ".git").write_bytes(data)
        return open_repo(scratch / "tree").is_bare

    message = (
        b"tree "
        + b"a" * 40
        + b"\nparent "
        + b"b" * 40
        + b"\nauthor Ada <ada@example.org> 1700000000 +0130\ncommitter A <a@b> 1 +0000\nencoding iso-8859-1\n\nSubject\n\nBody\n"
    )
    config = (
        b"ref: refs/heads/main\n\xfe[core]\n\trepositoryformatversion = 0\n\tbare = false\n\xfe/nowhere\n\xfe\xfe# pack-refs\n"
    )
    return [
        Target(
            name="git commits",
            run=commit,
            seeds=[message, message.replace(b"author", b"tagger")],
            words=(b"\n", b"<", b">", b"encoding utf-7\n", b"+9999", b"99999999999999999999", b"\n\n"),
        ),
        Target(
            name="git changes",
            run=raw,
            seeds=[b"a/b.py\0c d.txt\0\xff\xfe\0" + "ключ".encode(), b":100644 x\0new\nline"],
            words=(b":", b"\0", b"\n", b"\t", b" M"),
        ),
        Target(
            name="git lines",
            run=lines,
            seeds=[b"a\nb\nc\n\xfea\nx\nc\n", b"a\n" * 50 + b"\xfe" + b"a\n" * 60, b"\xfex\ny"],
            words=(b"\n", b"\xfe", b"a\n", b"\r\n"),
        ),
        Target(
            name="git errors",
            run=errors,
            seeds=[b"fatal: bad object HEAD\n", b"warning: x\nfatal: \x1b[31mnot a git repository\n"],
            words=(b"fatal: ", b"error: ", b"\n"),
        ),
        Target(
            name="git folder",
            run=repository,
            seeds=[config],
            words=(b"\xfe", b"[include]\n\tpath = /etc/passwd\n", b"ref: ", b"../", b"\n", b"[extensions]\n\tpartialClone = x\n"),
        ),
        Target(
            name="git pointer",
            run=pointer,
            seeds=[b"gitdir: ../repo/.git\n"],
            words=(b"gitdir: ", b"/", b"..", b"\n", b"/dev/zero", b"/proc/self/fd/0"),
        ),
    ]


# --- reports --------------------------------------------------------------------------------------------------------


def _reports(_: Path) -> list[Target]:
    from tests.unit.reports.factories import made_finding, made_location, made_report

    from stanch.reports import ReportOptions, writer

    forms = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")

    def write(data: bytes) -> object:
        """Names, snippets and reasons come from what is scanned."""
        text = data[:3_000].decode("utf-8", "surrogateescape")
        finding = made_finding(location=made_location(path=text or "x"), snippet=text, reasons=(text,), title=text[:80])
        report = made_report(finding, skipped=(Skipped(path=text, code="unreadable", reason=text),))
        for form in forms:
            out = io.StringIO()
            writer(form)(report, out, ReportOptions(color=bool(len(data) % 2)))
            written = out.getvalue()
            written.encode("utf-8")
            if form in ("json", "sarif", "gitlab"):
                json.loads(written)
        return None

    return [
        Target(
            name="reports",
            run=write,
            seeds=[b"src/app.py", b"<script>alert(1)</script>|`x`", "‮\x1b[31m".encode(), b"=cmd|' /C calc'!A0", b"]]>&amp;\x00"],
            words=(b"]]>", b"<!--", b"&", b"|", b"`", b"\x1b[", b"\n", b"\r", b",", b'"', b"\xe2\x80\xae"),
        )
    ]


def signature(value: object) -> int:
    """A number for what an input did."""
    return zlib.crc32(repr(value).encode("utf-8", "replace"))
