import hyperscan
import pytest

from stanch.engine.database import CASELESS, Database, compile_expressions, load_or_compile, write_quietly


def test_every_place_where_an_expression_ends_is_told_in_order():
    database = Database(compile_expressions([("abc", 0), ("b", CASELESS), ("c{2}", 0)]))
    assert database.scan(b"xabc B cc") == [(1, 3), (0, 4), (1, 6), (2, 9)]
    assert database.scan(b"") == []
    assert database.scan(memoryview(b"abc")) == [(1, 2), (0, 3)]


def test_clone_finds_the_same_with_memory_of_its_own():
    database = Database(compile_expressions([("abc", 0)]))
    twin = database.clone()
    assert twin.scan(b"abcabc") == database.scan(b"abcabc") == [(0, 3), (0, 6)]
    assert twin._db is not database._db


def test_bytes_beyond_ascii_and_zeros_are_bytes():
    assert Database(compile_expressions([("\xff\\x00\xfe", 0)])).scan(b"a\xff\x00\xfeb") == [(0, 4)]


def test_expression_that_is_not_understood_is_a_value_error_that_quotes_nothing():
    with pytest.raises(ValueError, match="not understood by Hyperscan") as caught:
        compile_expressions([("fine", 0), ("(?=looking ahead)", 0)])
    assert "looking" not in str(caught.value)


def test_kept_database_is_loaded_and_not_compiled_again(tmp_path):
    path = tmp_path / "deep" / "x.hsdb"
    first = load_or_compile(path, lambda: [("abc", 0)])
    again = load_or_compile(path, lambda: pytest.fail("compiled again"))
    assert first.scan(b"abc") == again.scan(b"abc") == [(0, 3)]
    assert [p.name for p in path.parent.iterdir()] == ["x.hsdb"]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_database_is_compiled_again_and_put_in_place(tmp_path, damage):
    path = tmp_path / "x.hsdb"
    load_or_compile(path, lambda: [("abc", 0)])
    whole = path.read_bytes()
    for bad in (
        [damage]
        if damage is not None
        else [whole[: len(whole) * n // 4] for n in range(4)] + [whole[:200] + b"\xff" + whole[201:]]
    ):
        path.write_bytes(bad)
        assert load_or_compile(path, lambda: [("abc", 0)]).scan(b"abc") == [(0, 3)]
        assert path.read_bytes() == whole


def test_hyperscan_itself_refuses_a_database_with_a_flipped_bit():
    """A disk that turns a bit in the cache costs an error and a new compilation, not a crash or a missed secret."""
    whole = compile_expressions([("abc[0-9]{3,9}x", 0), ("token", CASELESS)])
    for at in range(200, len(whole) - 200, 97):  # the rest is padding
        with pytest.raises((hyperscan.error, ValueError)):
            Database(whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :]).scan(b"token abc123x")


def test_file_is_written_whole_or_not_at_all(tmp_path):
    write_quietly(tmp_path / "a" / "b.bin", b"content")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"content"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_bytes(b"")
    write_quietly(tmp_path / "file" / "b.bin", b"content")  # no folder can be made there: only time is lost
    (tmp_path / "folder" / "b.bin").mkdir(parents=True)
    write_quietly(tmp_path / "folder" / "b.bin", b"content")
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["b.bin"]
