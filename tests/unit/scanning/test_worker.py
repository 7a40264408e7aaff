import pickle
from dataclasses import replace

import pytest
from tests.support.jobs import Items, found, run, streamed
from tests.support.values import TOKEN, leak, token
from tests.unit.sources.containers.builders import zip_of

from stanch.core.finding import Skipped
from stanch.scanning.worker import Worker, _touches, settle
from stanch.sources.blob import Blob


def test_result_counts_what_was_read_and_keeps_what_was_not(worker: Worker):
    skipped = Skipped(path="gone", code="vanished", reason="r")
    result = worker.run(Items([Blob(path="a", data=leak()), skipped, Blob(path="b", data=b"xyz")]))
    assert (result.blobs, result.bytes, result.skipped, result.piece) == (2, len(leak()) + 3, [skipped], None)
    assert [f.location.path for f in result.findings] == ["a"]


def test_findings_come_in_the_order_of_the_blobs(worker: Worker):
    blobs = [Blob(path=name, data=leak(n)) for n, name in enumerate("cabd")]
    assert [f.location.path for f in run(worker, *blobs).findings] == list("cabd")
    mixed = [blobs[0], streamed(leak(9), path="x"), blobs[1]]
    assert {f.location.path for f in run(worker, *mixed).findings} == {"c", "x", "a"}


def test_nothing_of_one_job_is_left_for_the_next(worker: Worker):
    run(worker, Blob(path="a", data=leak()))
    assert run(worker, Blob(path="b", data=b"nothing")).findings == []
    assert worker._batch == []


def test_container_is_opened_and_its_members_keep_the_object_they_lie_in(worker: Worker):
    (finding,) = run(worker, Blob(path="a.zip", data=zip_of([("app.env", leak())]), oid="12" * 20)).findings
    assert (finding.location.path, finding.location.blob) == ("a.zip!app.env", "12" * 20)


def test_what_only_pretends_to_be_a_container_is_read_as_it_is_also_when_large(worker: Worker):
    fake = b"PK\x03\x04" + bytes(2_000_000) + b"\n" + leak()
    for blob in (Blob(path="f", data=fake), streamed(fake, path="f")):
        result = run(worker, blob)
        assert [f.location.start for f in result.findings] == [len(fake) - 41]
        assert {s.code for s in result.skipped} == {"broken_archive"}


def test_stored_member_is_reported_once_and_where_it_lies(worker: Worker):
    """In a zip that does not compress, the value stands in the archive's own bytes as well."""
    result = run(worker, Blob(path="a.zip", data=zip_of([("app.env", leak())], method=0)))
    assert [f.location.path for f in result.findings] == ["a.zip!app.env"]


def test_only_added_lines_count_when_a_change_is_looked_at(worker: Worker):
    data = leak(1) + leak(2) + leak(3)
    assert [f.location.line for f in run(worker, Blob(path="a", data=data, added=((2, 2),))).findings] == [2]
    assert run(worker, Blob(path="a", data=data, added=())).findings == []
    again = leak(1) * 3
    (finding,) = run(worker, Blob(path="a", data=again, added=((3, 3),))).findings
    assert (finding.location.line, finding.also_at) == (3, ())


def test_line_is_touched_by_a_value_that_begins_or_ends_on_it(engine):
    from stanch.engine.lines import Lines

    data = b"\n\n" + leak()
    (match,) = engine.scan(data)
    assert [_touches(match, Lines(data), ((n, n),)) for n in (1, 2, 3, 4)] == [False, False, True, False]
    assert _touches(match, Lines(data), ((1, 9),))


def test_comment_and_confidence_hold_findings_back_and_count_them(worker: Worker):
    strict = Worker(replace(worker.context, allow_comments=True), worker.engine)
    result = run(strict, Blob(path="a", data=leak().rstrip() + b"  # stanch:allow\n" + leak(2)))
    assert (len(result.findings), result.hidden) == (1, {"comment": 1})


def test_verbose_says_what_was_held_back_and_where(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    import stanch.scanning.worker as module

    told = Worker(replace(worker.context, allow_comments=True, verbose=True), worker.engine)
    data = b"x = 1\n" * 40_000 + leak().rstrip() + b"  # stanch:allow\n"
    monkeypatch.setattr(module, "CHUNK", 20_000)
    for blob in (Blob(path="a", data=data), streamed(data, path="a")):
        assert [(h.reason, h.path, h.line, h.detector) for h in run(told, blob).held] == [("comment", "a", 40_001, TOKEN)]


def test_bug_in_a_job_keeps_what_was_found_before_it(worker: Worker):
    class Broken:
        cost = 1

        def blobs(self):
            yield streamed(leak(), path="a")
            raise KeyError(token().decode())

    result = worker.run(Broken())
    assert [f.location.path for f in result.findings] == ["a"]
    (skipped,) = result.skipped
    assert skipped.code == "bug"
    assert "KeyError at test_worker.py:" in skipped.reason
    assert token().decode() not in skipped.reason
    assert len(found(worker, Blob(path="b", data=leak(2)))) == 1


def test_context_can_be_sent_to_a_worker(worker: Worker):
    sent = pickle.loads(pickle.dumps(worker.context))
    assert all(getattr(sent, name) == getattr(worker.context, name) for name in worker.context.__slots__)


@pytest.mark.parametrize("cut", [0, 1, 13, 30, 57, 58])
def test_pieces_of_a_file_are_put_back_onto_one_count_of_lines(worker: Worker, cut: int):
    data = b"first\n" + leak(1) + b"between\n" + leak(2)
    whole = run(worker, Blob(path="f", data=data)).findings
    parts = [
        run(worker, Blob(path="f", opener=streamed(data).opener, start=start, stop=stop))
        for start, stop in ((0, cut or 1), (cut or 1, None))
    ]
    pieces = {"f": {result.piece[1]: result.piece[2:] for result in parts}}
    settled = settle([f for result in parts for f in result.findings], pieces)
    assert [(f.secret, f.location) for f in settled] == [(f.secret, f.location) for f in whole]
