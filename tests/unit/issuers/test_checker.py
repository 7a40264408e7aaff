import gc
import itertools
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import replace

import pytest
from tests.conftest import ROOT
from tests.support.doors import FunctionDoor, always
from tests.support.outside import credential_text, get

from stanch.core.secret import Secret, fingerprint_of
from stanch.core.validity import Validity
from stanch.issuers.cache import AnswerCache
from stanch.issuers.checker import Checker, question_of, without_value
from stanch.issuers.model import Credential, verdict
from stanch.net.model import HttpAnswer, NoAnswerError

KEY = bytes(32)


def secret(text):
    return Secret(text.encode(), fingerprint=fingerprint_of(text.encode(), KEY), redacted=f"{len(text)} characters")


def credential(text, *, detector="token", **companions):
    return Credential(detector=detector, secret=secret(text), companions=companions)


def by_value(credential_, door, probes):
    """Asks, and says live for values that end in an even digit."""
    value = credential_.secret.reveal().decode()
    answer = door.send(get("https://issuer.test/", value), probes=probes)
    validity = Validity.LIVE if answer.status == 200 else Validity.DEAD
    return verdict(door, validity, "accepted" if answer.status == 200 else "refused", "", probes, {"n": value[-1]})


def even(request):
    return HttpAnswer(status=200 if int(request.headers["Authorization"][-1]) % 2 == 0 else 401, headers={}, body=b"")


def checker(issuer=even, **options):
    return Checker(FunctionDoor(issuer), {"token": by_value}, **options)


def test_every_credential_gets_its_own_verdict():
    credentials = [credential(f"value-{n}") for n in range(200)]
    results = dict(checker(workers=4).check_all(credentials))
    assert {n: check.validity for n, check in results.items()} == {
        n: Validity.LIVE if n % 2 == 0 else Validity.DEAD for n in range(200)
    }


def test_equal_questions_are_asked_once_and_answered_everywhere():
    asked = checker(workers=4)
    credentials = [credential(f"value-{n % 7}") for n in range(300)]
    results = dict(asked.check_all(credentials))
    assert len(results) == 300
    assert len(asked._door.sent) == 7
    assert all(results[n] == results[n % 7] for n in range(300))


def test_the_same_value_beside_another_account_is_another_question():
    one = credential("value-2", account="a")
    assert question_of(one) == question_of(credential("value-2", account="a"))
    others = [
        credential("value-2", account="b"), credential("value-2"), credential("value-2", account=secret("a")),
        credential("value-2", tenant="a"), credential("value-4", account="a"), credential("value-2", detector="x", account="a"),
    ]  # fmt: skip
    assert len({question_of(c) for c in [one, *others]}) == 7


def test_results_do_not_depend_on_order_or_on_the_number_of_workers():
    credentials = [credential(f"value-{n % 40}", account=str(n % 3)) for n in range(200)]
    want = None
    for workers, seed in ((1, 1), (3, 2), (16, 3)):
        order = list(range(200))
        random.Random(seed).shuffle(order)
        results = checker(workers=workers).check_all(credentials[n] for n in order)
        got = {order[position]: check for position, check in results}
        want = want or got
        assert got == want


def test_no_more_requests_than_workers_are_under_way():
    lock, now, most = threading.Lock(), [0], [0]

    def slow(request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1
        return even(request)

    list(checker(slow, workers=3).check_all(credential(f"value-{n}") for n in range(60)))
    assert most[0] == 3


def test_the_input_is_pulled_only_as_fast_as_answers_come():
    pulled = []
    release = threading.Event()

    def source():
        for n in range(1000):
            pulled.append(n)
            yield credential(f"value-{n}")

    def issuer(request):
        release.wait(10)
        return even(request)

    results = checker(issuer, workers=2).check_all(source())
    threading.Timer(0.1, release.set).start()
    next(results)
    assert len(pulled) < 20
    results.close()


def test_memory_does_not_grow_with_the_input():
    def source(count):
        for n in range(count):
            yield credential(f"value-{n}", account="x" * 1000)

    tracemalloc.start()
    try:
        peaks = []
        for count in (6000, 14000):
            gc.collect()
            tracemalloc.reset_peak()
            base, _ = tracemalloc.get_traced_memory()
            flat = Checker(Silent(), {"token": quiet}, workers=2)
            assert sum(1 for _ in flat.check_all(source(count))) == count
            del flat
            peaks.append(tracemalloc.get_traced_memory()[1] - base)
    finally:
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 + 100_000


class Silent(FunctionDoor):
    """Keeps nothing of what it was sent."""

    def __init__(self):
        super().__init__(always(200))


def quiet(credential_, door, probes):
    return verdict(door, Validity.LIVE, "accepted", "It works.", probes)


def test_a_source_of_equal_credentials_without_end_is_bounded_too():
    results = checker(workers=2).check_all(credential("value-2") for _ in itertools.count())
    for _, check in itertools.islice(results, 5000):
        assert check.validity is Validity.LIVE
    results.close()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (credential("value-1", detector="unknown"), "no_validator"),
        (credential("value-1", detector="pair"), "companion_missing"),
        (replace(credential("value-1"), secret=secret("value-1").without_value()), "value_not_kept"),
    ],
)
def test_what_cannot_be_asked_is_unchecked_with_a_reason_and_nothing_is_sent(asked, reason):
    door = FunctionDoor(even)
    check = Checker(door, {"token": by_value, "pair": by_value}, needs={"pair": ("account name",)}).check(asked)
    assert (check.validity, check.reason) == (Validity.UNCHECKED, reason)
    assert door.sent == []


def test_a_companion_that_is_there_is_enough():
    door = FunctionDoor(even)
    check = Checker(door, {"pair": by_value}, needs={"pair": ("account",)}).check(
        credential("value-2", detector="pair", account="a")
    )
    assert check.validity is Validity.LIVE


def test_silence_and_bugs_are_inconclusive_and_end_nothing():
    def issuer(request):
        number = int(request.headers["Authorization"][-1])
        if number == 1:
            raise NoAnswerError("timeout", "It did not answer.")
        if number == 2:
            raise ZeroDivisionError("Bearer value-2")
        if number == 3:
            raise SystemExit("value-3")
        return HttpAnswer(status=200, headers={}, body=b"")

    results = dict(checker(issuer, workers=2).check_all(credential(f"value-{n}") for n in range(6)))
    assert [results[n].reason for n in range(6)] == ["accepted", "timeout", "bug", "bug", "accepted", "accepted"]
    assert "value-" not in results[2].message + results[3].message


def test_answers_are_remembered_between_checkers(tmp_path):
    cache = AnswerCache(tmp_path / "answers.sqlite")
    first = checker(cache=cache)
    second = checker(cache=cache)
    credentials = [credential(f"value-{n}") for n in range(5)]
    before, after = (dict(c.check_all(credentials)) for c in (first, second))
    cache.close()
    assert len(first._door.sent) == 5
    assert second._door.sent == []
    assert after == {n: replace(check, cached=True) for n, check in before.items()}


def test_what_was_inconclusive_is_asked_again_next_time(tmp_path):
    def silent(request):
        raise NoAnswerError("timeout", "It did not answer.")

    cache = AnswerCache(tmp_path / "answers.sqlite")
    for _ in range(2):
        again = checker(silent, cache=cache)
        again.check(credential("value-1"))
        assert len(again._door.sent) == 1
    cache.close()


def test_an_issuer_that_sends_the_value_back_puts_it_into_no_verdict():
    token = credential_text() + "+/="
    both = Credential(detector="token", secret=secret(token), companions={"password": secret("correct horse"), "account": "ada"})

    def echo(credential_, door, probes):
        import base64
        from urllib.parse import quote

        plain = credential_.secret.reveal().decode()
        evidence = {"plain": plain, "quoted": quote(plain, safe=""), "b64": base64.b64encode(plain.encode()).decode(), plain: "x",
                    "pw": "correct horse", "who": "ada", "hex": plain.encode().hex()}  # fmt: skip
        return verdict(door, Validity.LIVE, "accepted", f"said {plain}", probes, evidence)

    check = Checker(FunctionDoor(always(200)), {"token": echo}).check(both)
    text = repr(check)
    assert token not in text
    assert "correct horse" not in text
    assert check.evidence["who"] == "ada"
    assert {check.evidence[name] for name in ("plain", "quoted", "b64", "pw", "hex")} == {"‹credential›"}


def test_a_verdict_without_the_value_stays_as_it_is():
    check = verdict(FunctionDoor(even), Validity.LIVE, "accepted", "It works.", [], {"a": "b"})
    assert without_value(check, credential("value-1")) == check


def test_an_error_of_the_source_reaches_the_caller_and_ends_the_threads():
    def source():
        yield credential("value-1")
        raise RuntimeError("the scan broke")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="broke"):
        list(checker(workers=2).check_all(source()))
    wait_until(lambda: threading.active_count() <= before)


def test_closing_early_ends_the_threads():
    before = threading.active_count()
    results = checker(workers=4).check_all(credential(f"value-{n}") for n in range(1000))
    next(results)
    results.close()
    wait_until(lambda: threading.active_count() <= before)


def wait_until(true):
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


PROGRAM = """
import signal, sys, time
from stanch.core.secret import Secret
from stanch.issuers.checker import Checker
from stanch.issuers.model import Credential
sys.path.insert(0, {root!r})
from tests.support.doors import FunctionDoor, always

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in the background without it

def hang(credential, door, probes):
    sys.stdout.write("asked\\n")
    sys.stdout.flush()
    time.sleep(60)

credentials = (Credential(detector="t", secret=Secret(b"x", fingerprint=str(n), redacted="x")) for n in range(10))
try:
    list(Checker(FunctionDoor(always(200)), {{"t": hang}}, workers=2).check_all(credentials))
except KeyboardInterrupt:
    print("stopped", flush=True)
    sys.exit(130)
"""


def test_ctrl_c_stops_at_once_although_requests_hang():
    with subprocess.Popen([sys.executable, "-c", PROGRAM.format(root=str(ROOT))], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "asked\n"
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert "stopped" in out
    assert process.returncode == 130
    assert time.monotonic() - start < 5
