import os
import pickle
import time

import pytest
from tests.support.gitrepo import Sandbox

from stanch.core.errors import InputError
from stanch.core.finding import Skipped
from stanch.sources.git_changes import GitCommit, GitRange, GitStaged, GitWorkTree
from stanch.sources.git_objects import close_readers
from stanch.sources.git_repo import discover

NAMES = [
    b"new\nline",
    b"tab\there",
    b'quo"te',
    b"back\\slash",
    b"latin-\xe9",
    b"-dash",
    b":colon",
    b"sp ace ",
    "naïve/日本".encode(),
    b"\x1b[31m",
]


@pytest.fixture
def sandbox(tmp_path):
    yield Sandbox(tmp_path / "repo")
    close_readers()


def read(source):
    """Return (path, content, added lines) of every blob, sorted, and what was skipped."""
    blobs, skipped = [], []
    for item in source.jobs():
        for blob in [item] if isinstance(item, Skipped) else pickle.loads(pickle.dumps(item)).blobs():
            if isinstance(blob, Skipped):
                skipped.append(blob)
            elif not blob.path.startswith("commit:"):
                with blob.open() as stream:
                    blobs.append((blob.path, stream.read(), blob.added))
    return sorted(blobs), skipped


def staged(sandbox, **options):
    blobs, skipped = read(GitStaged(discover(sandbox.path), **options))
    assert skipped == []
    return blobs


def unstaged(sandbox):
    blobs, skipped = read(GitWorkTree(discover(sandbox.path)))
    assert skipped == []
    return blobs


# --- staged ---------------------------------------------------------------------------------------------------------


def test_before_the_first_commit_everything_staged_is_new(sandbox):
    sandbox.stage({"a": b"1\n", "b/c": b"2\n"})
    assert staged(sandbox) == [("a", b"1\n", None), ("b/c", b"2\n", None)]


def test_a_staged_change_names_the_lines_it_adds(sandbox):
    sandbox.commit({"f": b"a\nb\nc\nd\n", "same": b"x\n", "gone": b"y\n"})
    (sandbox.path / "gone").unlink()
    sandbox.stage({"f": b"a\nB\nc\nd\ne\n"})
    assert staged(sandbox) == [("f", b"a\nB\nc\nd\ne\n", ((2, 2), (5, 5)))]


def test_content_comes_from_the_index_and_not_from_the_work_tree(sandbox):
    sandbox.commit({"f": b"a\n"})
    sandbox.stage({"f": b"a\nstaged\n"})
    sandbox.write("f", b"a\nonly in the work tree\n")
    assert staged(sandbox) == [("f", b"a\nstaged\n", ((2, 2),))]
    assert unstaged(sandbox) == [("f", b"a\nonly in the work tree\n", ((2, 2),))]


def test_a_file_only_announced_has_nothing_staged_yet(sandbox):
    sandbox.commit({"a": b"1\n"})
    sandbox.write("later", b"content\n")
    sandbox.git("add", "--intent-to-add", "later")
    assert staged(sandbox) == []
    assert unstaged(sandbox) == [("later", b"content\n", None)]


def test_a_moved_file_adds_only_what_changed_on_the_way(sandbox):
    body = b"".join(b"line %d\n" % number for number in range(50))
    sandbox.commit({"old name": body, "pure": body + b"other\n"})
    sandbox.git("mv", "old name", "new name")
    sandbox.git("mv", "pure", "pure moved")
    sandbox.stage({"new name": body + b"and more\n"})
    assert staged(sandbox) == [("new name", body + b"and more\n", ((51, 51),))]


def test_links_are_read_as_their_target_and_submodules_left_out(sandbox):
    commit = sandbox.commit({"a": b"1\n", "becomes": b"a file\n"})
    (sandbox.path / "link").symlink_to("/etc/secret target")
    (sandbox.path / "becomes").unlink()
    (sandbox.path / "becomes").symlink_to("elsewhere")
    sandbox.stage()
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    assert staged(sandbox) == [("becomes", b"elsewhere", ((1, 1),)), ("link", b"/etc/secret target", None)]


def test_another_mode_or_an_empty_file_adds_nothing(sandbox):
    sandbox.commit({"a": b"1\n"})
    sandbox.write("empty", b"")
    (sandbox.path / "a").chmod(0o755)
    sandbox.stage()
    assert staged(sandbox) == []


def test_binary_files_and_those_attributes_call_binary_are_read(sandbox):
    sandbox.commit({"b": b"\0\1\2\n\0secret\n", ".gitattributes": b"* -diff -text\n"})
    sandbox.stage({"b": b"\0\1\2\n\0more\n\0secret\n"})
    assert staged(sandbox) == [("b", b"\0\1\2\n\0more\n\0secret\n", ((2, 2),))]


@pytest.mark.parametrize("quoted", ["true", "false"])
def test_any_name_git_allows_is_understood(sandbox, quoted):
    sandbox.git("config", "core.quotePath", quoted)
    sandbox.stage(dict.fromkeys(NAMES, b"content\n"))
    expected = sorted((name.decode("utf-8", "surrogateescape"), b"content\n", None) for name in NAMES)
    assert staged(sandbox) == expected
    sandbox.commit()
    for name in NAMES:
        sandbox.write(name, b"content\nmore\n")
        sandbox.write(name + b"2", b"untracked\n")
    changed = [(path, b"content\nmore\n", ((2, 2),)) for path, _, _ in expected]
    fresh = [(path + "2", b"untracked\n", None) for path, _, _ in expected]
    assert unstaged(sandbox) == sorted(changed + fresh)


def test_a_conflict_has_nothing_staged(sandbox):
    sandbox.commit({"f": b"base\n"})
    sandbox.git("checkout", "-q", "-b", "side")
    sandbox.commit({"f": b"theirs\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit({"f": b"ours\n"})
    sandbox.git("merge", "-q", "side", accepted=(1,))
    assert staged(sandbox) == []


def test_a_hook_sees_the_index_of_its_commit(sandbox, tmp_path):
    """`git commit -a` and `git commit FILE` put what they commit into an index of their own."""
    sandbox.commit({"a": b"1\n", "b": b"1\n"})
    hook = sandbox.git_dir / "hooks/pre-commit"
    hook.write_text(f'#!/bin/sh\necho "$GIT_INDEX_FILE" > {tmp_path}/index\ncp "$GIT_INDEX_FILE" {sandbox.git_dir}/kept\n')
    hook.chmod(0o755)
    sandbox.write("a", b"1\nby name\n")
    sandbox.stage({"b": b"1\nstaged, but not in this commit\n"})
    sandbox.git("commit", "-q", "-m", "x", "a")
    assert "next-index" in (tmp_path / "index").read_text()
    sandbox.git("reset", "-q", "--soft", "HEAD~1")
    environment = pytest.MonkeyPatch()
    with environment.context() as patch:
        patch.setenv("GIT_INDEX_FILE", str(sandbox.git_dir / "kept"))
        assert staged(sandbox) == [("a", b"1\nby name\n", ((2, 2),))]


def test_a_missing_staged_object_is_told_and_the_rest_is_read(sandbox):
    sandbox.commit({"old": b"a\n"})
    sandbox.stage({"a": b"fine\n", "b": b"gone\n", "old": b"a\nb\n"})
    sandbox.loose(sandbox.oid(":b")).unlink()
    sandbox.loose(sandbox.oid("HEAD:old")).unlink()
    blobs, skipped = read(GitStaged(discover(sandbox.path)))
    assert blobs == [("a", b"fine\n", None), ("old", b"a\nb\n", None)]  # without the old content every line counts
    assert [(skip.code, skip.path) for skip in skipped] == [("missing_object", "b")]


def test_contents_over_the_limit_are_told_and_left_out(sandbox):
    sandbox.stage({"big": b"x" * 2_000, "small": b"x\n"})
    blobs, skipped = read(GitStaged(discover(sandbox.path), max_blob=1_000))
    assert [path for path, _, _ in blobs] == ["small"]
    assert [(skip.code, skip.path) for skip in skipped] == [("over_limit", "big")]


def test_staging_thousands_of_files_takes_well_under_a_second_of_our_own(sandbox):
    bodies = [b"".join(b"line %d of file %d\n" % (line, number) for line in range(90)) for number in range(5_000)]
    feed = []
    for branch, extra in ((b"old", b""), (b"new", b"added = 1\n")):
        feed.append(b"commit refs/heads/%s\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n" % branch)
        for number, body in enumerate(bodies):
            content = body + extra
            feed.append(b"M 100644 inline d%d/f%d\ndata %d\n%s\n" % (number % 50, number, len(content), content))
    sandbox.git("fast-import", "--quiet", "--depth=0", feed=b"".join(feed))
    sandbox.git("update-ref", "refs/heads/main", "old")
    sandbox.git("read-tree", "new")
    repo = discover(sandbox.path)
    started = time.process_time()
    blobs = [blob for job in GitStaged(repo).jobs() for blob in job.blobs()]
    spent = time.process_time() - started
    assert len(blobs) == 5_000
    assert {blob.added for blob in blobs} == {((91, 91),)}
    assert spent < 1


# --- commits --------------------------------------------------------------------------------------------------------


def test_a_range_gives_each_content_once_with_its_oldest_commit(sandbox):
    sandbox.commit({"f": b"a\n"})
    added = sandbox.commit({"f": b"a\nsecret\n"})
    removed = sandbox.commit({"f": b"a\n"})
    sandbox.commit({"f": b"a\nsecret\n"})
    copied = sandbox.commit({"g": b"a\nsecret\n"})
    source = GitRange(discover(sandbox.path), "HEAD~4..HEAD")
    blobs, skipped = read(source)
    assert blobs == [("f", b"a\nsecret\n", ((2, 2),)), ("g", b"a\nsecret\n", None)]
    assert skipped == []
    oid = sandbox.oid("HEAD:f")
    assert source.place_of(oid, "f").id == added
    assert source.place_of(oid, "g").id == copied
    assert source.commits[sandbox.oid("HEAD~2:f"), "f"] == removed
    assert source.place_of(oid, "g!inner!most").id == copied
    assert source.place_of(oid, "elsewhere!f") is None


def test_a_range_reads_the_messages_of_its_commits(sandbox):
    sandbox.commit({"f": b"a\n"}, message="before")
    commit = sandbox.commit({"f": b"b\n"}, message="words")
    source = GitRange(discover(sandbox.path), "HEAD~1..HEAD")
    messages = [blob for job in source.jobs() for blob in job.blobs() if blob.path.startswith("commit:")]
    assert [(blob.path, blob.data.endswith(b"\n\nwords\n")) for blob in messages] == [(f"commit:{commit}", True)]
    assert source.place_of(commit, f"commit:{commit}").id == commit


def test_in_a_merge_only_what_no_parent_had_is_added(sandbox):
    sandbox.commit({"f": b"top\nmiddle\nbottom\n"})
    sandbox.git("checkout", "-q", "-b", "side")
    sandbox.commit({"f": b"top\nmiddle\nbottom\ntheirs\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit({"f": b"ours\ntop\nmiddle\nbottom\n"})
    sandbox.git("merge", "-q", "--no-commit", "side")
    sandbox.stage({"f": b"ours\ntop\nevil\nmiddle\nbottom\ntheirs\n"})
    sandbox.commit()
    blobs, _ = read(GitCommit(discover(sandbox.path), "HEAD"))
    assert blobs == [("f", b"ours\ntop\nevil\nmiddle\nbottom\ntheirs\n", ((3, 3),))]


def test_the_first_commit_and_a_tag_of_a_commit_are_read(sandbox):
    first = sandbox.commit({"f": b"a\n"})
    sandbox.commit({"f": b"a\nb\n"})
    sandbox.git("tag", "-a", "-m", "x", "v1")
    assert read(GitCommit(discover(sandbox.path), first))[0] == [("f", b"a\n", None)]
    assert read(GitCommit(discover(sandbox.path), "v1"))[0] == [("f", b"a\nb\n", ((2, 2),))]


def test_a_moved_file_in_a_commit_adds_only_what_changed(sandbox):
    body = b"".join(b"line %d\n" % number for number in range(50))
    sandbox.commit({"old": body})
    sandbox.git("mv", "old", "new")
    sandbox.commit({"new": b"first\n" + body})
    assert read(GitCommit(discover(sandbox.path), "HEAD"))[0] == [("new", b"first\n" + body, ((1, 1),))]


def test_a_new_branch_is_read_from_where_the_remote_ends(tmp_path):
    origin = Sandbox(tmp_path / "origin")
    origin.commit({"f": b"known\n"})
    origin.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Sandbox(tmp_path / "clone", init=False)
    clone.git("checkout", "-q", "-b", "feature")
    clone.commit({"g": b"not pushed\n"})
    repo = discover(clone.path)
    assert read(GitRange(repo, "feature", known="remotes"))[0] == [("g", b"not pushed\n", None)]
    assert read(GitRange(repo, "feature", known="all"))[0] == []
    assert len(read(GitRange(repo, "feature"))[0]) == 2


@pytest.mark.parametrize("spec", ["nowhere..HEAD", "HEAD..nowhere", "--all", "--output=x..y"])
def test_an_unknown_range_or_commit_is_an_error_that_names_it(sandbox, spec):
    sandbox.commit({"f": b"a\n"})
    for source in (GitRange, GitCommit):
        with pytest.raises(InputError) as caught:
            list(source(discover(sandbox.path), spec).jobs())
        assert spec in caught.value.message


def test_a_damaged_commit_in_a_range_is_told_and_the_others_are_read(sandbox):
    sandbox.commit({"s/f": b"0\n"})
    for number in range(1, 5):
        sandbox.commit({"s/f": b"%d\n" % number})
    middle = sandbox.oid("HEAD~1")
    sandbox.loose(sandbox.oid(f"{middle}:s")).unlink()
    blobs, skipped = read(GitRange(discover(sandbox.path), "HEAD~4..HEAD"))
    assert [content for _, content, _ in blobs] == [b"1\n", b"2\n"]
    assert [(skip.code, skip.path) for skip in skipped] == [
        ("missing_object", f"commit:{middle}"),
        ("missing_object", f"commit:{sandbox.oid('HEAD')}"),
    ]


def test_large_changed_contents_are_streamed(sandbox, monkeypatch):
    monkeypatch.setattr("stanch.sources.git_changes.COMPARED", 100)
    sandbox.commit({"f": b"x" * 200 + b"\n", "g": b"y\n"})
    sandbox.stage({"f": b"x" * 200 + b"\nz\n", "g": b"y\n" + b"z" * 50})
    (job,) = GitStaged(discover(sandbox.path)).jobs()
    by_path = {blob.path: blob for blob in job.blobs()}
    assert (by_path["f"].data, by_path["f"].added) == (None, None)
    assert by_path["g"].added == ((2, 2),)


def test_the_longer_ids_of_sha256_are_understood(tmp_path):
    sandbox = Sandbox(tmp_path, object_format="sha256")
    sandbox.stage({"f": b"a\n"})
    assert staged(sandbox) == [("f", b"a\n", None)]
    sandbox.commit()
    commit = sandbox.commit({"f": b"a\nb\n"})
    source = GitRange(discover(sandbox.path), "HEAD~1..HEAD")
    assert read(source)[0] == [("f", b"a\nb\n", ((2, 2),))]
    assert source.place_of(sandbox.oid("HEAD:f"), "f").id == commit
    sandbox.write("f", b"a\nb\nc\n")
    assert unstaged(sandbox) == [("f", b"a\nb\nc\n", ((3, 3),))]


# --- work tree ------------------------------------------------------------------------------------------------------


def test_the_work_tree_gives_changes_and_untracked_files_but_not_ignored_ones(sandbox):
    sandbox.commit({"tracked": b"a\n", "same": b"x\n", "gone": b"y\n", ".gitignore": b"*.log\n"})
    (sandbox.path / "gone").unlink()
    sandbox.write("tracked", b"a\nb\n")
    sandbox.write("new/file", b"fresh\n")
    sandbox.write("noise.log", b"ignored\n")
    (sandbox.path / "link").symlink_to("/etc/passwd")
    Sandbox(sandbox.path / "nested").commit({"theirs": b"1\n"})
    assert unstaged(sandbox) == [
        ("link", b"/etc/passwd", None),
        ("new/file", b"fresh\n", None),
        ("tracked", b"a\nb\n", ((2, 2),)),
    ]


def test_a_file_touched_or_checked_out_with_other_line_ends_is_no_change(sandbox):
    sandbox.commit({"f": b"a\nb\n", "g": b"a\nb\n"})
    os.utime(sandbox.path / "f", (1, 1))
    sandbox.write("g", b"a\r\nb\r\nc\r\n")
    assert unstaged(sandbox) == [("g", b"a\r\nb\r\nc\r\n", ((3, 3),))]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(sandbox):
    sandbox.write("f", b"x")
    (sandbox.path / "f").chmod(0)
    _, skipped = read(GitWorkTree(discover(sandbox.path)))
    assert [(skip.code, skip.path) for skip in skipped] == [("unreadable", "f")]


def test_a_file_that_vanishes_or_turns_into_a_pipe_does_no_harm(sandbox):
    for name in ("vanishes", "pipe", "stays"):
        sandbox.write(name, b"x\n")
    (job,) = GitWorkTree(discover(sandbox.path)).jobs()
    for name in ("vanishes", "pipe"):
        (sandbox.path / name).unlink()
    os.mkfifo(sandbox.path / "pipe")
    items = list(job.blobs())
    assert [item.path for item in items] == ["pipe", "stays"]
    assert items[0].code == "unreadable"


def test_a_bare_repository_has_no_changes_to_look_at(tmp_path):
    repo = discover(Sandbox(tmp_path, bare=True).path)
    with pytest.raises(InputError):
        list(GitWorkTree(repo).jobs())
    assert list(GitStaged(repo).jobs()) == []
