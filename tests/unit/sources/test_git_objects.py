import io
import os
import zlib

import pytest
from tests.support.gitrepo import Sandbox

from stanch.sources import git_objects
from stanch.sources.git_objects import (
    ObjectStream,
    Trouble,
    check_objects,
    close_readers,
    list_objects,
    read_objects,
)
from stanch.sources.git_repo import discover


@pytest.fixture
def sandbox(tmp_path):
    yield Sandbox(tmp_path / "repo")
    close_readers()


def _store_many(sandbox, count):
    """Store *count* small blobs in one go; return their contents by id."""
    stream = b"".join(b"blob\nmark :%d\ndata %d\nnumber %d\n" % (n, len(b"number %d" % n), n) for n in range(1, count + 1))
    marks = sandbox.path / "marks"
    sandbox.git("fast-import", "--quiet", f"--export-marks={marks}", feed=stream)
    named = (line.split() for line in marks.read_text().splitlines())
    return {oid: b"number %d" % int(mark[1:]) for mark, oid in named}


def test_objects_come_back_in_the_order_asked_for(sandbox):
    contents = [b"", b"\n", b"x" * 100, b"\0binary\n\n", b"stanch..end missing\n", b"y" * 3_000_000]
    oids = [sandbox.store(content) for content in contents]
    commit = sandbox.commit({"a": b"1"}, message="words")
    read = list(read_objects(discover(sandbox.path), [*oids, commit, *reversed(oids)]))
    assert [oid for oid, _, _ in read] == [*oids, commit, *reversed(oids)]
    assert [content for _, kind, content in read if kind == "blob"] == contents + contents[::-1]
    assert read[len(oids)][1] == "commit"
    assert read[len(oids)][2].endswith(b"\n\nwords\n")


def test_more_requests_and_answers_than_any_pipe_holds_do_not_block(sandbox):
    expected = _store_many(sandbox, 40_000)
    read = {oid: content for oid, _, content in read_objects(discover(sandbox.path), list(expected))}
    assert read == expected


def test_pipes_that_cannot_grow_are_enough(sandbox, monkeypatch):
    expected = _store_many(sandbox, 3_000)
    monkeypatch.setattr(git_objects.git_run, "grow_pipe", lambda descriptor: 4096)
    assert {oid: content for oid, _, content in read_objects(discover(sandbox.path), list(expected))} == expected


def test_one_process_serves_many_calls(sandbox, monkeypatch):
    repo = discover(sandbox.path)
    oid = sandbox.store(b"again")
    list(read_objects(repo, [oid]))
    monkeypatch.setattr(git_objects, "_Reader", None)  # another start would fail
    assert list(read_objects(repo, [oid])) == [(oid, "blob", b"again")]


def test_two_readers_at_once_do_not_mix_their_answers(sandbox):
    repo = discover(sandbox.path)
    oids = [sandbox.store(b"%d" % n) for n in range(6)]
    pairs = zip(read_objects(repo, oids[:3]), read_objects(repo, oids[3:]), strict=True)
    assert [(one[2], other[2]) for one, other in pairs] == [(b"0", b"3"), (b"1", b"4"), (b"2", b"5")]


def test_an_iterator_left_early_leaves_nothing_behind(sandbox):
    repo = discover(sandbox.path)
    oids = [sandbox.store(b"%d" % n * 100_000) for n in range(5)]
    early = read_objects(repo, oids)
    next(early)
    early.close()
    assert [content for _, _, content in read_objects(repo, oids[4:])] == [b"4" * 100_000]


def test_a_forked_child_reads_through_a_process_of_its_own(sandbox):
    repo = discover(sandbox.path)
    oids = [sandbox.store(b"%d" % n) for n in range(50)]
    list(read_objects(repo, oids[:1]))  # now a process waits for more
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, b"".join(content for _, _, content in read_objects(repo, oids)))
            close_readers()
        finally:
            os._exit(0)
    os.close(write_end)
    expected = b"".join(b"%d" % n for n in range(50))
    assert b"".join(content for _, _, content in read_objects(repo, oids)) == expected
    with open(read_end, "rb") as pipe:
        assert pipe.read() == expected
    os.waitpid(child, 0)


def test_waiting_processes_are_few_and_end_on_request(tmp_path):
    repos = []
    for number in range(6):
        sandbox = Sandbox(tmp_path / str(number))
        repos.append((discover(sandbox.path), sandbox.store(b"x")))
    for repo, oid in repos:
        list(read_objects(repo, [oid]))
    assert len(git_objects._idle) == 4
    close_readers()
    assert git_objects._idle == []


def test_a_missing_object_is_told_and_the_rest_is_read(sandbox):
    oids = [sandbox.store(b"%d" % n) for n in range(3)]
    sandbox.loose(oids[1]).unlink()
    read = list(read_objects(discover(sandbox.path), oids))
    assert [content for _, _, content in read if isinstance(content, bytes)] == [b"0", b"2"]
    assert read[1][2].code == "missing_object"


@pytest.mark.parametrize("keep", [0, 10, 50, 200])
def test_a_damaged_object_is_told_and_the_rest_is_read(sandbox, keep):
    contents = [os.urandom(500), os.urandom(500), os.urandom(500)]
    oids = [sandbox.store(content) for content in contents]
    broken = sandbox.loose(oids[1])
    broken.write_bytes(broken.read_bytes()[:keep])
    read = list(read_objects(discover(sandbox.path), oids))
    assert [oid for oid, _, _ in read] == oids
    assert (read[0][2], read[2][2]) == (contents[0], contents[2])
    assert read[1][2].code == "missing_object"


def test_many_damaged_objects_in_a_row_are_all_told(sandbox):
    oids = [sandbox.store(os.urandom(500)) for _ in range(8)]
    for oid in oids[2:7]:
        sandbox.loose(oid).write_bytes(sandbox.loose(oid).read_bytes()[:60])
    read = list(read_objects(discover(sandbox.path), oids))
    assert [isinstance(content, Trouble) for _, _, content in read] == [False] * 2 + [True] * 5 + [False]


def test_a_repository_that_vanished_is_told_once_per_object(sandbox):
    repo = discover(sandbox.path)
    oids = [sandbox.store(b"%d" % n) for n in range(3)]
    (sandbox.git_dir / "HEAD").unlink()
    assert {content.code for _, _, content in read_objects(repo, oids)} == {"git_failed"}


def test_an_object_that_lies_about_its_size_takes_no_memory(sandbox):
    """A header may claim any size; git believes it until the content ends."""
    body = zlib.compress(b"blob 99999999999\0short")
    oid = sandbox.store(b"short")
    sandbox.loose(oid).write_bytes(body)
    other = sandbox.store(b"fine")
    read = list(read_objects(discover(sandbox.path), [oid, other]))
    assert (read[0][2].code, read[1][2]) == ("too_large", b"fine")


def test_a_large_object_is_read_as_a_stream_as_often_as_wanted(sandbox):
    content = os.urandom(1_000_003)
    oid = sandbox.store(content)
    for _ in range(2):
        with io.BufferedReader(ObjectStream(discover(sandbox.path), oid, len(content))) as stream:
            assert stream.read() == content
            assert stream.raw.problem == ""


def test_a_stream_that_ends_early_gives_what_there_is_and_says_so(sandbox):
    content = os.urandom(1_000_000)
    oid = sandbox.store(content)
    broken = sandbox.loose(oid)
    broken.write_bytes(broken.read_bytes()[:500_000])
    with io.BufferedReader(ObjectStream(discover(sandbox.path), oid, len(content))) as stream:
        part = stream.read()
        assert 0 < len(part) < len(content)
        assert content.startswith(part)
        # What git says arrives a moment after its end; on a busy machine only its status is known by then.
        assert "damaged" in stream.raw.problem or "status 128" in stream.raw.problem


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_store_is_listed_with_types_and_sizes(tmp_path, object_format, packed):
    sandbox = Sandbox(tmp_path, object_format=object_format)
    commit = sandbox.commit({"a": b"12345", "b/c": b"12345", "empty": b""})
    sandbox.git("tag", "-a", "-m", "note", "v1")
    if packed:
        sandbox.pack()
    repo = discover(sandbox.path)
    listed = {oid: (kind, size) for oid, kind, size in list_objects(repo)}
    assert listed[sandbox.oid("HEAD:a")] == ("blob", 5)
    assert listed[sandbox.oid("HEAD:empty")] == ("blob", 0)
    assert listed[commit][0] == "commit"
    assert listed[sandbox.oid("v1")][0] == "tag"
    assert len(listed) == 4  # no trees
    assert {oid: (kind, size) for oid, kind, size in check_objects(repo, list(listed))} == listed


def test_asking_for_nothing_starts_nothing(sandbox, monkeypatch):
    repo = discover(sandbox.path)
    monkeypatch.setenv("PATH", "")
    assert list(check_objects(repo, [])) == []
    assert list(read_objects(repo, [])) == []
