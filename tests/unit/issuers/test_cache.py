import multiprocessing
import os
import sqlite3
import stat
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.outside import MOMENT

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.answers import dumped, loaded
from stanch.issuers.cache import AnswerCache

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def check(validity=Validity.LIVE, **changes):
    probe = Probe(host="h.example:443", at=MOMENT, method="GET", request_id="r", status=200)
    return replace(
        ValidityCheck(
            validity=validity,
            reason="accepted",
            message="It works.",
            checked_at=MOMENT,
            evidence={"login": "ada"},
            probes=(probe,),
        ),
        **changes,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "answers.sqlite"


@pytest.fixture
def cache(path):
    made = AnswerCache(path)
    yield made
    made.close()


def test_an_answer_comes_back_whole_and_says_that_it_is_remembered(cache):
    cache.put("q", "d", check())
    assert cache.get("q", "d", MOMENT) == check(cached=True)


@pytest.mark.parametrize(
    ("validity", "holds"), [("live", HOUR), ("dead", 30 * DAY), ("expired", DAY), ("dormant", DAY)]
)  # fmt: skip
def test_each_verdict_holds_for_its_time(cache, validity, holds):
    cache.put("q", "d", check(Validity(validity)))
    assert cache.get("q", "d", MOMENT + holds - timedelta(seconds=1))
    assert cache.get("q", "d", MOMENT + holds) is None


@pytest.mark.parametrize("validity", ["inconclusive", "unchecked"])
def test_what_decides_nothing_is_not_remembered(cache, validity):
    cache.put("q", "d", check(Validity(validity)))
    assert cache.get("q", "d", MOMENT) is None


def test_question_detector_and_hosts_tell_answers_apart(cache, path):
    cache.put("q", "d", check())
    other = AnswerCache(path, hosts="simulator")
    try:
        assert cache.get("x", "d", MOMENT) is None
        assert cache.get("q", "x", MOMENT) is None
        assert other.get("q", "d", MOMENT) is None
        other.put("q", "d", check(Validity.DEAD))
        assert cache.get("q", "d", MOMENT).validity is Validity.LIVE
    finally:
        other.close()


def test_a_later_answer_replaces_an_earlier_one(cache):
    cache.put("q", "d", check())
    cache.put("q", "d", check(Validity.DEAD))
    assert cache.get("q", "d", MOMENT).validity is Validity.DEAD


def test_a_remembered_answer_is_not_made_younger(cache):
    cache.put("q", "d", check(cached=True))
    assert cache.get("q", "d", MOMENT) is None


def test_an_answer_from_the_future_is_not_believed(cache):
    cache.put("q", "d", check(Validity.DEAD, checked_at=MOMENT + DAY))
    assert cache.get("q", "d", MOMENT) is None


def test_only_its_owner_may_read_it_whatever_the_umask(path):
    before = os.umask(0)
    try:
        cache = AnswerCache(path)
        cache.put("q", "d", check())
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        cache.close()
    finally:
        os.umask(before)
    assert "answers.sqlite" in modes
    assert set(modes.values()) == {0o600}


def test_a_mode_that_was_too_wide_is_narrowed(path, cache):
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    cache.put("q", "d", check())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_broken_file_starts_anew(path, cache, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert cache.get("q", "d", MOMENT) is None
    cache.put("q", "d", check())
    assert cache.get("q", "d", MOMENT) == check(cached=True)


def test_a_file_that_breaks_between_runs_starts_anew(path):
    cache = AnswerCache(path)
    for number in range(500):
        cache.put(f"q{number}", "d", check())
    cache.close()
    data = bytearray(path.read_bytes())
    data[100:] = bytes(255 - byte for byte in data[100:])
    path.write_bytes(data)
    again = AnswerCache(path)
    again.put("q", "d", check())
    assert again.get("q", "d", MOMENT) == check(cached=True)
    again.close()


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", "nonsense", "[" * 100_000, '{"validity":"alive"}', dumped(check()).replace("+00:00", "")]
)
def test_a_row_that_is_no_verdict_is_no_answer(path, cache, answer):
    cache.put("q", "d", check())
    with sqlite3.connect(path) as database:
        database.execute("UPDATE answers_1 SET answer = ?", (answer,))
    database.close()
    assert cache.get("q", "d", MOMENT) is None


def test_a_place_that_cannot_be_written_remembers_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = AnswerCache(tmp_path / "file" / "answers.sqlite")
    cache.put("q", "d", check())
    assert cache.get("q", "d", MOMENT) is None


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "answers.sqlite").symlink_to(tmp_path / "victim")
    cache = AnswerCache(tmp_path / "answers.sqlite")
    cache.put("q", "d", check())
    cache.close()
    assert (tmp_path / "victim").read_bytes() == b""


def test_what_no_longer_holds_is_thrown_away(path, cache):
    cache.put("old", "d", check())
    cache.put("new", "d", check(Validity.DEAD))
    cache.forget_expired(MOMENT + DAY)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT question FROM answers_1").fetchall() == [("new",)]
    database.close()


def write(path, name):
    cache = AnswerCache(path)
    for number in range(50):
        cache.put(f"{name}-{number}", "d", check(Validity.DEAD))
    cache.close()


def test_processes_share_it(path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    cache = AnswerCache(path)
    assert all(cache.get(f"{name}-{number}", "d", MOMENT) for name in "abc" for number in range(50))
    cache.close()


def test_a_verdict_survives_json():
    assert loaded(dumped(check())) == check(cached=True)
