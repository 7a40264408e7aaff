import json
import multiprocessing
import os
import stat
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.outside import MOMENT

from stanch.issuers.record import ProbeRecord, Trace


def trace(number, **changes):
    return replace(
        Trace(
            key=f"key-{number}",
            host="h.example:443",
            at=MOMENT + timedelta(seconds=number),
            method="GET",
            sent_id=f"key-{number}",
        ),
        **changes,
    )


def done(number):
    return trace(number, answered_id=f"answer-{number}", status=200)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_what_is_written_is_read_back_with_its_outcome(tmp_path):
    record = ProbeRecord(tmp_path / "data" / "probes.jsonl")
    record.append(trace(1))
    record.append(trace(2))
    record.append(done(1))
    record.append(trace(3, method="redis", sent_id=""))
    assert list(record.read()) == [done(1), trace(2), trace(3, method="redis", sent_id="")]


def test_only_its_owner_may_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        record = ProbeRecord(tmp_path / "data" / "probes.jsonl", max_bytes=1)
        for number in range(3):
            record.append(trace(number))
    finally:
        os.umask(before)
    assert {mode(path) for path in (tmp_path / "data").iterdir()} == {0o600}
    assert mode(tmp_path / "data") == 0o700


def test_files_are_put_aside_by_size_and_only_so_many_are_kept(tmp_path):
    path = tmp_path / "probes.jsonl"
    record = ProbeRecord(path, max_bytes=1000, keep=2)
    for number in range(60):
        record.append(trace(number))
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == ["probes.jsonl", "probes.jsonl.1", "probes.jsonl.2", "probes.jsonl.lock"]
    assert all(p.stat().st_size < 1300 for p in tmp_path.iterdir())
    numbers = [int(t.key.removeprefix("key-")) for t in record.read()]
    assert numbers == list(range(numbers[0], 60))


def test_a_line_that_was_cut_off_is_passed_over_and_spoils_no_other(tmp_path):
    path = tmp_path / "probes.jsonl"
    record = ProbeRecord(path)
    record.append(trace(1))
    with path.open("ab") as file:
        file.write(b'{"key": "half')
    record.append(trace(2))
    assert list(record.read()) == [trace(1), trace(2)]


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([b"{}", b"[]", b"null", b'{"at": 1}', b"[" * 3000, b"9" * 5000])))
)
def test_a_file_that_anybody_wrote_is_read_without_failing(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("record") / "probes.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    record = ProbeRecord(path)
    record.append(trace(7))
    assert list(record.read())[-1:] == [trace(7)]


def test_no_file_is_an_empty_record(tmp_path):
    assert list(ProbeRecord(tmp_path / "none.jsonl").read()) == []


def test_a_link_in_its_place_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (tmp_path / "probes.jsonl").symlink_to(victim)
    with pytest.raises(OSError, match="probes"):
        ProbeRecord(tmp_path / "probes.jsonl").append(trace(1))
    assert victim.read_bytes() == b""


def write(path, start):
    record = ProbeRecord(path, max_bytes=2000, keep=50)
    for number in range(start, start + 50):
        record.append(trace(number))


def test_processes_and_threads_together_lose_nothing(tmp_path):
    path = tmp_path / "probes.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(path, start)) for start in (0, 50)]
    threads = [threading.Thread(target=write, args=(path, start)) for start in (100, 150)]
    for worker in [*processes, *threads]:
        worker.start()
    for worker in [*processes, *threads]:
        worker.join()
    assert sorted(t.key for t in ProbeRecord(path, keep=50).read()) == sorted(f"key-{n}" for n in range(200))


def test_a_line_is_plain_json_for_other_programs(tmp_path):
    path = tmp_path / "probes.jsonl"
    ProbeRecord(path).append(done(1))
    assert json.loads(path.read_text()) == {
        "key": "key-1", "at": "2026-11-25T08:30:01+00:00", "host": "h.example:443", "method": "GET", "sent_id": "key-1",
        "answered_id": "answer-1", "status": 200,
    }  # fmt: skip
