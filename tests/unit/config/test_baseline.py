import errno
import json
import os
import resource
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.config.baseline import Baseline, Entry, create, diff, digest, dumps, load, new_salt, save, update
from stanch.core.errors import ConfigError, InputError

from .factories import finding, value

SALT = bytes(range(16))
FIRST, LATER = "2026-01-01", "2026-06-01"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = texts.map(lambda text: "p" + text)
findings = st.builds(
    finding,
    detector=st.sampled_from(["example-token", "other-token"]),
    path=names | st.just("odd\udcff\x1b[31m.env"),
    line=st.integers(1, 9),
    plain=st.binary(min_size=1, max_size=20),
    salt=st.just(SALT),
)


def entry(**given) -> Entry:
    return Entry(**{"detector": "example-token", "path": "a", "digest": "0a1b2c", **given})


# --- digests --------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1), st.text(), st.binary())
def test_digest_is_six_hex_digits_whatever_it_stands_for(salt, path, plain):
    assert len(digest(salt, "d", path, plain)) == 6
    assert set(digest(salt, "d", path, plain)) <= set("0123456789abcdef")


def test_digest_depends_on_salt_detector_path_and_value():
    base = ("d", "p", b"v")
    others = [
        (SALT, "e", "p", b"v"),
        (SALT, "d", "q", b"v"),
        (SALT, "d", "p", b"w"),
        (bytes(16), *base),
        (SALT, "d", "p\0v", b""),
    ]
    assert len({digest(SALT, *base), *(digest(*other) for other in others)}) == 6


def test_digest_is_too_short_to_confirm_a_guess():
    guesses = {digest(SALT, "d", "p", str(number).encode()) for number in range(30_000)}
    assert len(guesses) < 30_000  # some of 30,000 guesses share their digest already


def test_without_a_baseline_there_is_no_digest():
    assert digest(b"", "d", "p", b"v") == ""


def test_salts_are_random_and_long():
    assert new_salt() != new_salt()
    assert len(new_salt()) == 16


# --- create, update, diff -------------------------------------------------------------------------------------------------


@given(st.lists(findings, max_size=6))
def test_what_a_baseline_was_made_of_is_covered_after_writing_and_reading(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("baseline") / "b.json"
    save(create(found, salt=SALT, today=FIRST), path)
    again = load(path)
    assert again.salt == SALT
    assert all(again.covers(one) for one in found)
    assert diff(again, found).new == ()
    assert dumps(again) == path.read_text("ascii")


@given(st.lists(findings, max_size=6), st.randoms())
def test_file_is_the_same_in_whatever_order_findings_come(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert dumps(create(found, salt=SALT, today=FIRST)) == dumps(create(shuffled, salt=SALT, today=FIRST))


def test_other_value_path_or_detector_is_not_covered_and_another_line_is():
    baseline = create([finding(salt=SALT)], salt=SALT, today=FIRST)
    assert baseline.covers(finding(salt=SALT, line=99))
    assert not baseline.covers(finding(salt=SALT, plain=value("b")))
    assert not baseline.covers(finding(salt=SALT, path="src/other.env"))
    assert not baseline.covers(finding(salt=SALT, detector="other-token"))
    assert not baseline.covers(finding())


def test_same_value_twice_in_a_file_is_one_entry_with_the_first_line():
    baseline = create([finding(salt=SALT, line=7), finding(salt=SALT, line=3)], salt=SALT, today=FIRST)
    assert [entry.line for entry in baseline.entries] == [3]


def test_scan_without_the_salt_cannot_become_a_baseline():
    with pytest.raises(ValueError, match="with its salt"):
        create([finding()], salt=SALT, today=FIRST)


def test_update_keeps_notes_and_dates_drops_gone_and_adds_new():
    kept, gone, new = (finding(salt=SALT, path=path) for path in ("kept", "gone", "new"))
    old = create([kept, gone], salt=SALT, today=FIRST)
    old = Baseline(SALT, [Entry(**{**_fields(entry), "note": f"note on {entry.path}"}) for entry in old.entries])
    updated = update(old, [finding(salt=SALT, path="kept", line=50), new], today=LATER)
    assert updated.salt == SALT
    assert [(e.path, e.added, e.note, e.line) for e in updated.entries] == [
        ("kept", FIRST, "note on kept", 50),
        ("new", LATER, "", 3),
    ]


def _fields(one: Entry) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("detector", "path", "digest", "line", "added", "note")}


def test_diff_tells_new_from_known_from_gone():
    known, gone, new = (finding(salt=SALT, path=path) for path in ("known", "gone", "new"))
    result = diff(create([known, gone], salt=SALT, today=FIRST), [new, known])
    assert (result.new, result.known) == ((new,), (known,))
    assert [entry.path for entry in result.gone] == ["gone"]


# --- the file -------------------------------------------------------------------------------------------------------------


def test_file_has_one_entry_on_a_line_and_nothing_of_the_value():
    found = [finding(salt=SALT, path=path, plain=value(path)) for path in ("b", "a")]
    text = dumps(create(found, salt=SALT, today=FIRST))
    lines = text.splitlines()
    assert lines[:4] == ["{", '  "stanch_baseline": 1,', f'  "salt": "{SALT.hex()}",', '  "findings": [']
    assert [json.loads(line.rstrip(","))["path"] for line in lines[4:6]] == ["a", "b"]
    assert lines[6:] == ["  ]", "}"]
    assert not any(one.secret.redacted in text or one.secret.fingerprint[:12] in text for one in found)
    assert "made" not in text


def test_empty_baseline_is_a_file_too(tmp_path):
    save(create([], salt=SALT, today=FIRST), tmp_path / "b.json")
    assert len(load(tmp_path / "b.json")) == 0


def test_notes_written_by_hand_are_read_and_kept(tmp_path):
    text = dumps(Baseline(SALT, [entry(note="known since 2024 — “fine”", added=FIRST, line=4)]))
    (tmp_path / "b.json").write_text(text)
    assert load(tmp_path / "b.json").entries == (entry(note="known since 2024 — “fine”", added=FIRST, line=4),)


GOOD = dumps(Baseline(SALT, [entry(), entry(path="b"), entry(path="c")]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "b.json:1: not valid JSON"),
        (GOOD.replace('"b"', '"b'), "b.json:6: not valid JSON"),
        (
            GOOD.replace('"0a1b2c"', '"0a1b2c3d"', 2).replace('"0a1b2c3d"', '"0a1b2c"', 1),
            "b.json:6: entry 2: a detector and a digest of 6",
        ),
        (GOOD.replace('"path": "c"', '"paht": "c"'), "b.json:7: entry 3: unknown key “paht”"),
        (GOOD.replace('"path": "c"', '"path": 3'), "b.json:7: entry 3: line must be a number, everything else a string"),
        (GOOD.replace('"path": "c"', '"path": "c", "line": true'), "b.json:7: entry 3: line must be"),
        (GOOD.replace(SALT.hex(), "00"), "b.json:3: the salt must be"),
        (GOOD.replace('baseline": 1', 'baseline": 2'), "b.json:2: written by a newer Stanch"),
        ('{"stanch_baseline": 1, "salt": "' + "00" * 16 + '", "findings": {}}', "b.json:1: findings must be a list"),
        ('{"stanch_baseline": 1, "salt": "' + "00" * 16 + '", "findings": [3]}', "b.json: entry 1 is not an object"),
        ("[]", "b.json: not a Stanch baseline"),
        ('{"results": {}, "plugins_used": []}', "b.json: not a Stanch baseline It was written by detect-secrets"),
        (GOOD.replace('    {"path": "b"', '<<<<<<< HEAD\n    {"path": "b"'), "b.json:6: holds an unresolved merge conflict"),
        ("[" * 100_000, "b.json: not valid JSON in UTF-8"),
        (b"\xff\xfe\xfa", "b.json: not valid JSON in UTF-8"),
    ],
)
def test_broken_file_is_explained_with_its_line(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "b.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path.relative_to(tmp_path))
    assert str(caught.value).startswith(message)


def test_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="there is no such baseline Make one with `stanch baseline create`"):
        load(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="this baseline is not a regular file"):
        load(tmp_path / "pipe")


# --- writing --------------------------------------------------------------------------------------------------------------


def test_writing_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "b.json"
    path.write_text("old")
    path.chmod(0o600)
    save(Baseline(SALT), path)
    assert load(path).salt == SALT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["b.json"]


def test_link_to_a_baseline_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "b.json").write_text("old")
    (tmp_path / "b.json").symlink_to("real/b.json")
    save(Baseline(SALT), tmp_path / "b.json")
    assert (tmp_path / "b.json").is_symlink()
    assert load(tmp_path / "real" / "b.json").salt == SALT


def test_missing_folder_is_said(tmp_path):
    with pytest.raises(
        InputError, match=r"could not be written \(no such file or directory\); nothing was changed\. Make the folder first"
    ):
        save(Baseline(SALT), tmp_path / "none" / "b.json")


@pytest.fixture
def no_more_than_4_kib():
    """A real write error in the middle of the file, as a full disk gives one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_write_that_fails_half_way_leaves_the_old_file_whole(tmp_path, no_more_than_4_kib):
    path = tmp_path / "b.json"
    path.write_text("old")
    with pytest.raises(InputError, match=r"could not be written \(file too large\); nothing was changed"):
        save(Baseline(SALT, [entry(path=str(number)) for number in range(1000)]), path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Choose another file"), (errno.EACCES, "change the permissions")],
)
def test_full_or_protected_disk_says_what_to_do(tmp_path, monkeypatch, number, words):
    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=words):
        save(Baseline(SALT), tmp_path / "b.json")
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(Baseline(SALT), tmp_path / "b.json")
    assert list(tmp_path.iterdir()) == []
