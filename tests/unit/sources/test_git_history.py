import os
import pickle
import random

import pytest
from tests.support.gitrepo import Sandbox

from stanch.core.errors import InputError
from stanch.core.finding import Skipped
from stanch.sources import git_history
from stanch.sources.git_history import GitHistory
from stanch.sources.git_objects import close_readers
from stanch.sources.git_repo import discover


@pytest.fixture
def sandbox(tmp_path):
    yield Sandbox(tmp_path / "repo")
    close_readers()


def read(source):
    """Return contents by path or id, and what was skipped. Jobs are pickled as on their way to a worker."""
    contents, skipped = {}, []
    for item in source.jobs():
        for blob in [item] if isinstance(item, Skipped) else pickle.loads(pickle.dumps(item)).blobs():
            if isinstance(blob, Skipped):
                skipped.append(blob)
                continue
            with blob.open() as stream:
                contents[blob.path or blob.oid] = stream.read()
    return contents, skipped


def values(contents):
    """Return the contents of blobs, without messages."""
    return sorted(content for name, content in contents.items() if ":" not in name)


def history(sandbox, **options):
    return GitHistory(discover(sandbox.path), **options)


# --- everything -----------------------------------------------------------------------------------------------------


def test_every_version_is_read_once_with_messages_of_commits_and_tags(sandbox):
    first = sandbox.commit({"a": b"one", "copy": b"one"}, message="the first")
    second = sandbox.commit({"a": b"two"}, message="the second\n\nwith words")
    sandbox.git("tag", "-a", "-m", "release words", "v1")
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"one", b"two"]
    assert contents[f"commit:{first}"].endswith(b"\n\nthe first\n")
    assert contents[f"commit:{second}"].endswith(b"with words\n")
    assert contents[f"tag:{sandbox.oid('v1')}"].endswith(b"release words\n")
    assert skipped == []


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_loose_and_packed_stores_of_both_formats_are_read(tmp_path, object_format, packed):
    sandbox = Sandbox(tmp_path, object_format=object_format)
    for number in range(5):
        sandbox.commit({"f": b"line\n" * 200 + b"%d" % number})
    if packed:
        sandbox.pack()
    contents, skipped = read(history(sandbox))
    assert [content[-1:] for content in values(contents)] == [b"0", b"1", b"2", b"3", b"4"]
    assert skipped == []


def test_what_no_ref_leads_to_is_read_too(sandbox):
    sandbox.commit({"a": b"kept"})
    sandbox.commit({"a": b"amended away"})
    sandbox.git("reset", "-q", "--hard", "HEAD~1")
    sandbox.store(b"never committed")
    assert values(read(history(sandbox))[0]) == [b"amended away", b"kept", b"never committed"]


def test_bare_detached_and_linked_repositories_are_read(tmp_path):
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"a": b"1"})
    sandbox.git("checkout", "-q", "--detach")
    sandbox.commit({"a": b"2"})
    sandbox.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    sandbox.git("worktree", "add", "-q", str(tmp_path / "linked"))
    assert values(read(history(sandbox))[0]) == [b"1", b"2"]
    for place in ("bare", "linked"):
        assert values(read(GitHistory(discover(tmp_path / place)))[0]) == [b"1", b"2"]


def test_an_empty_repository_has_nothing_and_misses_nothing(sandbox):
    assert read(history(sandbox)) == ({}, [])
    assert history(sandbox).locate([]) == {}
    assert history(sandbox).head_blobs(["0" * 40]) == {}


def test_replaced_objects_are_read_as_they_are(sandbox):
    shown, hidden = sandbox.store(b"harmless"), sandbox.store(b"what it hides")
    sandbox.git("replace", hidden, shown)
    assert values(read(history(sandbox))[0]) == [b"harmless", b"what it hides"]


def test_objects_borrowed_from_another_repository_are_read(tmp_path):
    base = Sandbox(tmp_path / "base")
    base.commit({"a": b"borrowed"})
    base.git("clone", "-q", "--shared", ".", str(tmp_path / "fork"))
    fork = Sandbox(tmp_path / "fork", init=False)
    fork.commit({"b": b"own"})
    assert values(read(history(fork))[0]) == [b"borrowed", b"own"]
    (fork.git_dir / "objects/info/alternates").write_text(str(tmp_path / "gone") + "\n")
    contents, skipped = read(history(fork))
    assert values(contents) == [b"own"]
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_alternate", str(tmp_path / "gone"))]


def test_histories_of_submodules_are_read_and_located_below_their_path(tmp_path):
    inner = Sandbox(tmp_path / "inner")
    commit = inner.commit({"conf": b"inner"}, message="inside")
    outer = Sandbox(tmp_path / "outer")
    outer.commit({"top": b"outer"})
    outer.git("submodule", "--quiet", "add", str(inner.path), "libs/in")
    outer.commit()
    source = history(outer)
    contents, skipped = read(source)
    assert {b"inner", b"outer"} <= set(values(contents))
    assert contents[f"commit:{commit}"].endswith(b"inside\n")
    assert skipped == []
    place = source.locate([inner.oid("HEAD:conf")])[inner.oid("HEAD:conf")]
    assert (place.paths, place.introduced.id, set(place.first)) == (("libs/in/conf",), commit, {"libs/in/conf"})
    assert source.head_blobs([inner.oid("HEAD:conf")]) == {inner.oid("HEAD:conf"): {"libs/in/conf"}}
    assert b"inner" not in values(read(history(outer, nested=False))[0])


def test_jobs_are_full_but_not_overfull_and_come_in_a_fixed_order(sandbox, monkeypatch):
    monkeypatch.setattr(git_history, "JOB_BYTES", 2_000)
    monkeypatch.setattr(git_history, "JOB_BLOBS", 7)
    generator = random.Random(1)
    for _ in range(30):
        sandbox.store(generator.randbytes(500))
    for number in range(30):
        sandbox.store(b"%d" % number)
    jobs = list(history(sandbox).jobs())
    assert jobs == list(history(sandbox).jobs())
    assert sum(len(job.objects) for job in jobs) == 60
    assert all(len(job.objects) <= 7 and job.cost <= 2_000 + 500 for job in jobs)
    assert sum(job.cost for job in jobs) == 30 * 500 + 50


def test_large_blobs_are_streamed_and_too_large_ones_left_out_on_request(sandbox):
    content = os.urandom(9 * 1024 * 1024)
    oid = sandbox.store(content)
    sandbox.store(b"small")
    large = [blob for job in history(sandbox).jobs() for blob in job.blobs() if blob.oid == oid]
    assert [(blob.data, blob.size) for blob in large] == [(None, len(content))]
    assert values(read(history(sandbox))[0]) == sorted([content, b"small"])
    contents, skipped = read(history(sandbox, max_blob=1_000_000))
    assert values(contents) == [b"small"]
    assert [(skip.code, skip.path) for skip in skipped] == [("over_limit", f"blob:{oid}")]


def test_a_large_blob_cut_short_is_read_as_far_as_it_goes_and_told(sandbox):
    content = os.urandom(9 * 1024 * 1024)
    oid = sandbox.store(content)
    path = sandbox.loose(oid)
    path.write_bytes(path.read_bytes()[: 5 * 1024 * 1024])
    contents, skipped = read(history(sandbox))
    assert len(contents[oid]) > 4 * 1024 * 1024
    assert content.startswith(contents[oid])
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", f"blob:{oid}")]


def test_a_job_stays_usable_when_its_reader_is_not_read(sandbox):
    sandbox.store(os.urandom(9 * 1024 * 1024))
    for job in history(sandbox).jobs():
        for blob in job.blobs():
            blob.open()  # and never closed, never read


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_truncated_pack_is_told_and_everything_else_is_read(sandbox):
    sandbox.commit({f"f{number}": os.urandom(300) for number in range(20)})
    pack = sandbox.pack()
    sandbox.commit({"loose": b"still here"})
    pack.write_bytes(pack.read_bytes()[:3_000])
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"still here"]
    assert [(skip.code, skip.path) for skip in skipped] == [("broken_pack", str(pack))]
    assert "the 22 objects in it were not read" in skipped[0].reason


@pytest.mark.parametrize("damage", ["empty", "gone", "header", "index"])
def test_a_pack_that_git_would_pass_over_in_silence_is_told(sandbox, damage):
    sandbox.commit({"a": b"packed"})
    pack = sandbox.pack()
    index = pack.with_suffix(".idx")
    index.chmod(0o644)
    if damage == "empty":
        pack.write_bytes(b"")
    elif damage == "header":
        pack.write_bytes(b"JUNK" + pack.read_bytes()[4:])
    elif damage == "gone":
        index.unlink()
    else:
        index.write_bytes(index.read_bytes()[:100])
    contents, skipped = read(history(sandbox))
    assert contents == {}
    assert [skip.code for skip in skipped] == ["broken_pack"]


def test_flipped_bits_in_a_pack_cost_only_the_objects_they_hit(sandbox):
    contents = [random.Random(number).randbytes(1_000) for number in range(20)]
    sandbox.commit({f"f{number:02}": content for number, content in enumerate(contents)})
    pack = sandbox.pack()
    data = bytearray(pack.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3] = b"\xff\xff\xff"
    pack.write_bytes(data)
    found, skipped = read(history(sandbox))
    assert 18 <= len(values(found)) < 20
    assert set(values(found)) <= set(contents)
    assert len(values(found)) + len(skipped) == 20
    assert {skip.code for skip in skipped} == {"missing_object"}


def test_a_deleted_object_is_told_with_its_path_and_commit(sandbox):
    commit = sandbox.commit({"a": b"here", "gone": b"not here"})
    sandbox.loose(sandbox.oid("HEAD:gone")).unlink()
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"here"]
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", "gone")]
    assert commit[:12] in skipped[0].reason


def test_an_unreadable_object_is_told_and_the_rest_is_read(sandbox):
    sandbox.commit({"a": b"here", "broken": b"rubbish soon"})
    oid = sandbox.oid("HEAD:broken")
    sandbox.loose(oid).write_bytes(b"rubbish")
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"here"]
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", f"object:{oid}")]


def test_a_deleted_tree_or_parent_is_told(sandbox):
    first = sandbox.commit({"sub/a": b"1"})
    second = sandbox.commit({"sub/a": b"2"})
    sandbox.commit({"sub/a": b"3"})
    sandbox.loose(sandbox.oid(f"{second}:sub")).unlink()
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"1", b"2", b"3"]
    assert skipped
    assert {skip.code for skip in skipped} == {"missing_object"}
    sandbox.loose(first).unlink()
    assert f"commit:{second}" in {skip.path for skip in read(history(sandbox))[1]}


def test_a_ref_to_nowhere_is_told(sandbox):
    sandbox.commit({"a": b"1"})
    (sandbox.git_dir / "refs/heads/lost").write_text("1" * 40 + "\n")
    contents, skipped = read(history(sandbox))
    assert values(contents) == [b"1"]
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", "refs/heads/lost")]


def test_many_unreadable_objects_are_counted_not_listed(sandbox):
    for _ in range(40):
        sandbox.loose(sandbox.store(os.urandom(20))).write_bytes(b"rubbish")
    _, skipped = read(history(sandbox))
    assert len(skipped) == 21
    assert "20 more" in skipped[-1].reason


def test_cut_history_is_told(tmp_path):
    sandbox = Sandbox(tmp_path / "origin")
    for number in range(3):
        commit = sandbox.commit({"f": b"%d" % number})
    sandbox.git("clone", "-q", "--depth=1", f"file://{sandbox.path}", str(tmp_path / "cut"))
    contents, skipped = read(GitHistory(discover(tmp_path / "cut")))
    assert values(contents) == [b"2"]
    assert [(skip.code, skip.reason) for skip in skipped] == [
        ("shallow", f"history before commit {commit[:12]} is not here; `git fetch --unshallow` to scan it")
    ]


def test_a_partial_clone_is_read_as_far_as_it_is_here_and_fetches_nothing(tmp_path):
    sandbox = Sandbox(tmp_path / "origin")
    for number in range(4):
        sandbox.commit({"f": b"%d" % number})
    sandbox.git("config", "uploadpack.allowFilter", "true")
    sandbox.git("clone", "-q", "--filter=blob:none", f"file://{sandbox.path}", str(tmp_path / "partial"))
    repo = discover(tmp_path / "partial")
    before = sorted(repo.objects.rglob("*"))
    contents, skipped = read(GitHistory(repo))
    assert values(contents) == [b"3"]  # the checkout fetched one
    assert [skip.code for skip in skipped] == ["partial_clone"]
    assert "3 objects are not here" in skipped[0].reason
    contents, skipped = read(GitHistory(repo, revs=["HEAD~2..HEAD"]))
    assert values(contents) == [b"3"]
    assert ["1 objects" in skip.reason for skip in skipped] == [True]
    assert sorted(repo.objects.rglob("*")) == before


def test_without_git_a_worker_says_so_once(sandbox, monkeypatch):
    oids = [sandbox.store(b"%d" % number) for number in range(3)]
    (job,) = history(sandbox).jobs()
    close_readers()
    monkeypatch.setenv("PATH", "/nowhere")
    (skipped,) = job.blobs()
    assert (skipped.code, len(oids)) == ("git_failed", 3)
    assert skipped.reason.startswith("3 objects were not read: git is needed")


def test_a_repository_that_git_refuses_is_told(sandbox):
    sandbox.commit({"a": b"1"})
    sandbox.git("config", "core.repositoryFormatVersion", "99")
    contents, skipped = read(history(sandbox))
    assert contents == {}
    assert {skip.code for skip in skipped} == {"git_failed"}
    assert "too old" in skipped[0].reason


# --- a part of it ---------------------------------------------------------------------------------------------------


def test_a_range_reads_what_its_commits_introduced_and_their_messages(sandbox):
    sandbox.commit({"a": b"before", "b": b"untouched"})
    sandbox.git("tag", "start")
    middle = sandbox.commit({"a": b"between"})
    last = sandbox.commit({"a": b"after"})
    contents, skipped = read(history(sandbox, revs=["start..main"]))
    assert values(contents) == [b"after", b"between"]
    assert {name for name in contents if ":" in name} == {f"commit:{middle}", f"commit:{last}"}
    assert values(read(history(sandbox, revs=["main", "^HEAD~1"]))[0]) == [b"after"]
    assert values(read(history(sandbox, revs=[f"{middle}^!"]))[0]) == [b"between"]
    assert values(read(history(sandbox, revs=["start"]))[0]) == [b"before", b"untouched"]
    assert skipped == []


def test_a_date_leaves_older_commits_out(sandbox):
    sandbox.commit({"a": b"old"})
    sandbox.clock += 86_400
    sandbox.commit({"a": b"new"})
    assert values(read(history(sandbox, since=f"{sandbox.clock - 10}"))[0]) == [b"new"]


def test_long_ranges_are_read_in_the_order_of_the_packs(sandbox, monkeypatch):
    monkeypatch.setattr(git_history, "_MANY", 3)
    for number in range(5):
        sandbox.commit({"a": b"%d" % number})
    missing = sandbox.oid("HEAD~1:a")
    sandbox.loose(missing).unlink()
    contents, skipped = read(history(sandbox, revs=["HEAD~3..HEAD"]))
    assert values(contents) == [b"2", b"4"]
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", f"object:{missing}")]


@pytest.mark.parametrize("rev", ["nowhere", "a..b", "--all", "-1", "--output=x", "\x1b[31m"])
def test_an_unknown_revision_is_an_error_that_names_it(sandbox, rev):
    sandbox.commit({"a": b"1"})
    with pytest.raises(InputError) as caught:
        list(history(sandbox, revs=[rev]).jobs())
    assert repr(rev) in caught.value.message
    assert not (sandbox.path / "x").exists()
