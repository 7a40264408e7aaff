import pytest
from tests.support.gitrepo import EMAIL, NAME, Sandbox

from stanch.sources import git_locate
from stanch.sources.git_history import head_blobs, locate
from stanch.sources.git_objects import close_readers
from stanch.sources.git_repo import discover
from stanch.sources.git_walk import SUBJECT_LIMIT, parse_commit


@pytest.fixture
def sandbox(tmp_path):
    yield Sandbox(tmp_path / "repo")
    close_readers()


def find(sandbox, *revs, **options):
    """Return places by the revision that named the object."""
    repo = discover(sandbox.path)
    oids = {rev: sandbox.oid(rev) for rev in revs}
    places = locate(repo, set(oids.values()), **options)
    return {rev: places[oid] for rev, oid in oids.items() if oid in places}


def test_a_blob_lies_at_all_its_paths_and_each_knows_who_put_it_there_first(sandbox):
    first = sandbox.commit({"b": b"secret"}, message="Add it\n\nand a body")
    second = sandbox.commit({"a/deep": b"secret", "b": b"gone"})
    third = sandbox.commit({"b": b"secret"})
    place = find(sandbox, "HEAD:b")["HEAD:b"]
    assert place.paths == ("a/deep", "b")
    assert {path: commit.id for path, commit in place.first.items()} == {"a/deep": second, "b": first}
    assert place.commits == 3
    assert third not in {commit.id for commit in place.first.values()}
    introduced = place.introduced
    assert (introduced.id, introduced.author, introduced.email) == (first, NAME, EMAIL)
    assert (introduced.date, introduced.subject) == ("2023-11-15T00:13:20+01:00", "Add it")


def test_what_a_branch_brought_is_the_branchs_and_what_a_merge_made_is_the_merges(sandbox):
    sandbox.commit({"f": b"base\n"})
    sandbox.git("checkout", "-q", "-b", "side")
    side = sandbox.commit({"side": b"from the side"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit({"main": b"from main"})
    sandbox.git("merge", "-q", "--no-commit", "side")
    sandbox.stage({"evil": b"nobody's but the merge's", "f": b"merged\n"})
    merge = sandbox.commit()
    found = find(sandbox, "HEAD:side", "HEAD:evil", "HEAD:f")
    assert found["HEAD:side"].introduced.id == side
    assert found["HEAD:evil"].introduced.id == merge
    assert found["HEAD:f"].introduced.id == merge


def test_a_merge_of_many_branches_is_read(sandbox):
    sandbox.commit({"base": b"0"})
    for name in ("one", "two", "three"):
        sandbox.git("checkout", "-q", "-b", name, "main")
        sandbox.commit({name: name.encode()})
    sandbox.git("checkout", "-q", "main")
    sandbox.git("merge", "-q", "--no-commit", "--no-ff", "one", "two", "three")
    sandbox.stage({"made": b"in the octopus"})
    merge = sandbox.commit()
    assert len(sandbox.git("rev-list", "--parents", "-1", "HEAD").split()) == 5
    found = find(sandbox, "HEAD:made", "HEAD:two")
    assert found["HEAD:made"].introduced.id == merge
    assert found["HEAD:two"].introduced.id == sandbox.oid("two")


def test_of_two_branches_with_the_same_content_the_older_introduced_it(sandbox):
    sandbox.commit({"base": b"0"})
    sandbox.git("branch", "later")
    older = sandbox.commit({"here": b"same"})
    sandbox.git("checkout", "-q", "later")
    newer = sandbox.commit({"there": b"same"})
    place = find(sandbox, "main:here")["main:here"]
    assert place.introduced.id == older
    assert place.first["there"].id == newer


@pytest.mark.parametrize(
    "name",
    [
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
    ],
)
def test_any_name_git_allows_is_understood(sandbox, name):
    commit = sandbox.commit({name: b"here"})
    oid = sandbox.git("hash-object", "--stdin", feed=b"here")
    path = name.decode("utf-8", "surrogateescape")
    repo = discover(sandbox.path)
    place = locate(repo, [oid])[oid]
    assert (place.paths, place.introduced.id) == ((path,), commit)
    assert head_blobs(repo, [oid]) == {oid: {path}}


def test_the_place_of_a_message_is_its_commit_or_tag_and_its_words_stay_out(sandbox):
    commit = sandbox.commit(message="the secret word")
    sandbox.git("tag", "-a", "-m", "more words", "v1")
    found = find(sandbox, "HEAD", "v1")
    assert (found["HEAD"].paths, found["HEAD"].introduced.id) == ((f"commit:{commit}",), commit)
    assert (found["HEAD"].introduced.author, found["HEAD"].introduced.subject) == (NAME, "")
    assert (found["v1"].paths, found["v1"].introduced.author) == ((f"tag:{sandbox.oid('v1')}",), NAME)


def test_lost_commits_the_index_and_tags_are_asked_when_no_ref_leads_there(sandbox):
    sandbox.commit({"a": b"kept"})
    lost = sandbox.commit({"a": b"amended away"})
    amended = sandbox.oid("HEAD:a")
    sandbox.git("reset", "-q", "--hard", "HEAD~1")
    sandbox.git("reflog", "expire", "--expire=now", "--all")
    tagged, in_tree, nowhere = (sandbox.store(content) for content in (b"tagged", b"in a tree", b"nowhere"))
    sandbox.git("tag", "a-blob", tagged)
    tree = sandbox.git("mktree", feed=f"100644 blob {in_tree}\tinside\n".encode())
    sandbox.git("tag", "-a", "-m", "x", "a-tree", tree)
    sandbox.stage({"new": b"staged"})
    staged = sandbox.oid(":new")
    places = locate(discover(sandbox.path), [amended, tagged, in_tree, nowhere, staged])
    assert places[amended].introduced.id == lost
    assert (places[staged].paths, places[staged].introduced, places[staged].commits) == (("new",), None, 0)
    assert places[tagged].paths == ("refs/tags/a-blob",)
    assert places[in_tree].paths == ("refs/tags/a-tree:inside",)
    assert nowhere not in places


def test_a_stash_below_the_top_is_found(sandbox):
    sandbox.commit({"a": b"0"})
    for content in (b"first stash", b"second stash"):
        sandbox.write("a", content)
        sandbox.git("stash", "-q")
    place = find(sandbox, "stash@{1}:a")["stash@{1}:a"]
    assert (place.paths, place.introduced.id) == (("a",), sandbox.oid("stash@{1}"))


@pytest.mark.parametrize("damage", ["ref", "commit", "tree"])
def test_a_damaged_history_still_locates_what_it_can(sandbox, damage):
    sandbox.commit({"a": b"1", "s/x": b"x"})
    middle = sandbox.commit({"b": b"2", "s/x": b"y"})
    last = sandbox.commit({"c": b"3", "s/x": b"z"})
    if damage == "ref":
        (sandbox.git_dir / "refs/heads/lost").write_text("1" * 40 + "\n")
    else:
        sandbox.loose(middle if damage == "commit" else sandbox.oid(f"{middle}:s")).unlink()
    found = find(sandbox, "HEAD:a", "HEAD:c")
    assert found["HEAD:a"].paths == ("a",)
    if damage == "ref":
        assert found["HEAD:c"].introduced.id == last


def test_many_processes_give_what_one_gives(sandbox, monkeypatch):
    for number in range(25):
        sandbox.commit({f"f{number % 5}": b"%d" % (number % 7)})
    repo = discover(sandbox.path)
    oids = {sandbox.oid(f"HEAD:f{number}") for number in range(5)}
    expected = locate(repo, oids, processes=1)
    monkeypatch.setattr(git_locate, "_PIECE", 4)
    assert locate(repo, oids, processes=3) == expected
    assert len(expected) == 5


def test_only_the_chosen_commits_count(sandbox):
    sandbox.commit({"a": b"same"})
    sandbox.commit({"a": b"other"})
    again = sandbox.commit({"a": b"same"})
    assert find(sandbox, "HEAD:a", revs=["HEAD~1..HEAD"])["HEAD:a"].introduced.id == again
    assert find(sandbox, "HEAD~1:a", revs=["HEAD~1..HEAD"]) == {}


def test_head_has_only_what_its_tree_has(sandbox):
    sandbox.commit({"a": b"old"})
    old = sandbox.oid("HEAD:a")
    sandbox.commit({"a": b"new", "b/c": b"new"})
    new = sandbox.oid("HEAD:a")
    assert head_blobs(discover(sandbox.path), [old, new]) == {new: {"a", "b/c"}}


def test_commit_facts_survive_anything_in_them():
    odd = (
        b"tree 1\nauthor \xe9\xe8 <a<b>c@d> 99999999999999999999 +9999\ncommitter x <y> 1 +0000\nencoding latin-1\n\n"
        + b"\n\n\xfcber " * 100
        + b"word " * 1000
    )
    commit = parse_commit("f" * 40, odd)
    assert (commit.author, commit.email, commit.date) == ("éè", "a<b>c@d", "")
    assert commit.subject == "über"
    long = parse_commit("f" * 40, b"author a <b> -1 -0130\n\n" + b"word " * 1000)
    assert len(long.subject) == SUBJECT_LIMIT
    assert long.date == "1969-12-31T22:29:59-01:30"
    assert parse_commit("f" * 40, b"author a <b> 1 +0000\nencoding zlib\n\n\xff\xfe").subject == "��"
    assert parse_commit("f" * 40, b"").author == ""
