"""Stanch as a library: typed, without global state, usable from threads and from servers that fork."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.planting import bare, detectors, own_shape
from tests.support.values import TOKEN, leak, password, token
from tests.unit.sources.containers.builders import zip_of

import stanch
from stanch.catalog.sampler import sample_value
from stanch.core.errors import ConfigError, InputError
from stanch.core.finding import Finding
from stanch.sources.limits import Limits


@pytest.fixture(scope="module")
def scanner() -> stanch.Scanner:
    return stanch.Scanner()


def seen(findings: list[Finding]) -> list[tuple[str, str, int, int, str]]:
    return [(f.detector, f.location.path, f.location.start, f.location.line, f.secret.fingerprint) for f in findings]


def test_the_example_of_the_package_works():
    found = stanch.scan_bytes(b"# settings\n" + leak(), name="settings.py")
    assert [(f.detector, f.location.path, f.location.line, f.location.column) for f in found] == [(TOKEN, "settings.py", 2, 14)]
    assert token().decode() not in f"{found} {found[0].secret} {found[0]!r}"


def test_what_is_public_is_listed_and_nothing_else_is_loaded_for_it():
    assert sorted(stanch.__all__) == ["Finding", "ScanReport", "Scanner", "Secret", "__version__", "scan_bytes"]
    for name in stanch.__all__:
        assert getattr(stanch, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        _ = stanch.nonesuch


def test_archives_in_bytes_are_opened(scanner: stanch.Scanner):
    found = scanner.scan_bytes(zip_of([("etc/app.env", leak())]), name="upload.bin")
    assert [f.location.path for f in found] == ["upload.bin!etc/app.env"]


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_every_kind_of_bytes_is_taken_and_left_as_it_is(scanner: stanch.Scanner, make: Callable[[bytes], bytes]):
    data = make(leak())
    assert len(scanner.scan_bytes(data)) == 1
    assert bytes(data) == leak()


def test_paths_give_a_whole_report(scanner: stanch.Scanner, tmp_path: Path):
    (tmp_path / "app.env").write_bytes(leak())
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    report = scanner.scan_paths([tmp_path, tmp_path / "app.env"])
    assert [f.location.path for f in report.findings] == [str(tmp_path / "app.env")]
    assert [s.path for s in report.skipped] == [str(tmp_path / "broken.zip")]
    assert report.targets == (str(tmp_path), str(tmp_path / "app.env"))
    assert set(report.detectors) == {TOKEN}
    assert report.version == stanch.__version__
    with pytest.raises(InputError, match="missing"):
        scanner.scan_paths([tmp_path / "missing"])


def test_two_workers_give_the_report_of_one(scanner: stanch.Scanner, tmp_path: Path):
    for number in range(40):
        (tmp_path / f"{number}.log").write_bytes(b"nothing\n" * 30_000 + leak(number))
    assert scanner.scan_paths([tmp_path], workers=1) == scanner.scan_paths([tmp_path], workers=2)


# --- values ---------------------------------------------------------------------------------------------------------


def test_values_are_kept_only_when_asked(scanner: stanch.Scanner):
    (kept,) = stanch.Scanner(keep_values=True, only=[TOKEN]).scan_bytes(leak())
    assert kept.secret.has_value
    assert kept.secret.reveal() == token()
    (known,) = scanner.scan_bytes(leak())
    assert not known.secret.has_value
    with pytest.raises(ValueError, match="fingerprint only"):
        known.secret.reveal()


def test_without_keep_values_no_object_of_a_scanner_holds_the_value():
    """What a memory dump of a long-lived server would show."""
    scanner = stanch.Scanner(only=[TOKEN])
    found = scanner.scan_bytes(b"x" * 50 + b"\n" + leak())
    gc.collect()
    holders = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple)) and not isinstance(o, type(found))]
    value = token()
    direct = [
        o
        for o in holders
        if any(isinstance(x, bytes) and value in x and x != value for x in (o.values() if isinstance(o, dict) else o))
    ]
    # The test's own constants hold it; Stanch's objects may not.
    assert not [
        o for o in direct if any(type(x).__module__.startswith("stanch") for x in (o.values() if isinstance(o, dict) else o))
    ]
    assert scanner._worker()._batch == []


def test_fingerprints_depend_on_the_key_alone():
    one, two, other = (
        stanch.Scanner(key=key, only=[TOKEN]).scan_bytes(leak())[0].secret for key in (b"k" * 32, b"k" * 32, b"o" * 32)
    )
    assert one == two
    assert one != other
    assert one.redacted == other.redacted


# --- settings -------------------------------------------------------------------------------------------------------


def test_two_scanners_do_not_know_of_each_other():
    only = stanch.Scanner(only=["aws-*"])
    without = stanch.Scanner(skip=["github-*"])
    whole = stanch.Scanner()
    for _ in range(2):  # in turn, so that something shared would show
        assert only.scan_bytes(leak()) == []
        assert TOKEN not in {f.detector for f in without.scan_bytes(leak())}
        assert {f.detector for f in whole.scan_bytes(leak())} == {TOKEN}


def test_confidence_depth_and_limits_are_obeyed():
    doubtful = b'password = "' + password() + b'"\n'  # in a test it is made up more often than not
    levels = [
        len(stanch.Scanner(min_confidence=level).scan_bytes(doubtful, name="tests/test_login.py"))
        for level in ("low", "medium", "high")
    ]
    assert levels == [1, 0, 0]
    assert len(stanch.Scanner().scan_bytes(doubtful, name="login.py")) == 1
    nested = zip_of([("a.zip", zip_of([("app.env", leak())]))])
    assert not [
        f
        for f in stanch.Scanner(limits=Limits(depth=1), only=[TOKEN]).scan_bytes(nested, name="x")
        if f.location.path.count("!") == 2
    ]
    assert [f.location.path for f in stanch.Scanner(limits=Limits(depth=2), only=[TOKEN]).scan_bytes(nested, name="x")] == [
        "x!a.zip!app.env"
    ]


def test_mistakes_are_told(tmp_path: Path):
    with pytest.raises(InputError, match="nonesuch"):
        stanch.Scanner(only=["nonesuch"])
    own = tmp_path / "own.toml"
    own.write_text("nonsense", "utf-8")
    with pytest.raises(ConfigError, match="own.toml"):
        stanch.Scanner(detectors=[own])


# --- threads and forks ----------------------------------------------------------------------------------------------


def blobs(count: int) -> list[bytes]:
    rng = random.Random(9)
    out = []
    for number in range(count):
        detector = own_shape()[number % len(own_shape())]
        value = random.Random(f"{detector.id}{number}")
        out.append(rng.randbytes(200) + b"\n" + sample_value(detector, value).encode("latin-1") + b"\n" + rng.randbytes(200))
    return out


def test_eight_threads_share_one_scanner(scanner: stanch.Scanner):
    work = blobs(320)
    alone = [seen(scanner.scan_bytes(blob, name=str(n))) for n, blob in enumerate(work)]
    assert sum(map(len, alone)) > 250
    start = threading.Barrier(8)

    def share(first: int) -> list[tuple[int, list[tuple[str, str, int, int, str]]]]:
        start.wait(30)
        return [(n, seen(scanner.scan_bytes(work[n], name=str(n)))) for n in range(first, len(work), 8)]

    with ThreadPoolExecutor(8) as pool:
        together = dict(item for part in pool.map(share, range(8)) for item in part)
    assert [together[n] for n in range(len(work))] == alone


def test_threads_of_a_fresh_scanner_do_not_race_for_what_is_made_on_first_use():
    start = threading.Barrier(8)
    fresh = stanch.Scanner()

    def first(number: int) -> list[str]:
        start.wait(30)
        return [f.detector for f in fresh.scan_bytes(leak(number))]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(first, range(8))) == [[TOKEN]] * 8


def _in_child(scanner: stanch.Scanner, pipe, blob: bytes) -> None:
    pipe.send(seen(scanner.scan_bytes(blob, name="x")))
    pipe.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("used", [False, True])
def test_a_scanner_made_before_a_fork_works_in_every_child(used: bool):
    """As pre-fork servers do: made once, used in each worker, also after the parent has used it."""
    scanner = stanch.Scanner()
    expected = seen(scanner.scan_bytes(leak(), name="x")) if used else None
    context = multiprocessing.get_context("fork")
    answers = []
    children = []
    for _ in range(4):
        mine, theirs = context.Pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
            child = context.Process(target=_in_child, args=(scanner, theirs, leak()))
            child.start()
        theirs.close()
        children.append((child, mine))
    for child, mine in children:
        answers.append(mine.recv())
        mine.close()
        child.join(30)
        assert child.exitcode == 0
    after = seen(scanner.scan_bytes(leak(), name="x"))
    assert answers == [expected or after] * 4 == [after] * 4


def test_scanning_in_one_thread_while_another_makes_scanners():
    scanner = stanch.Scanner()
    stop = threading.Event()
    errors: list[BaseException] = []

    def make() -> None:
        try:
            while not stop.is_set():
                stanch.Scanner(only=["github-*"])
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=make)
    thread.start()
    try:
        for number in range(60):
            assert [f.detector for f in scanner.scan_bytes(leak(number))] == [TOKEN]
    finally:
        stop.set()
        thread.join(60)
    assert errors == []


def test_nothing_is_printed_and_no_signal_handler_is_set(tmp_path: Path):
    code = (
        "import signal, stanch\n"
        "before = [signal.getsignal(s) for s in signal.valid_signals()]\n"
        "stanch.Scanner().scan_bytes(b'x')\n"
        "assert before == [signal.getsignal(s) for s in signal.valid_signals()]\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_scanners_give_their_memory_back():
    """Scratch space belongs to a scanner, so a server that makes one per request does not grow without end."""
    import resource

    detector = detectors()[0].id
    for _ in range(5):
        stanch.Scanner(only=[detector]).scan_bytes(b"x" * 1000)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(60):
        stanch.Scanner(only=[detector]).scan_bytes(b"x" * 1000)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


def test_values_of_every_type_are_found_through_the_library(scanner: stanch.Scanner, engine):
    chosen = [bare(d, 2, engine) for d in own_shape()[::7]]
    missed = [p.detector for p in chosen if not scanner.scan_bytes(b"x = '" + p.text + b"'\n", name="a.py")]
    assert not missed
