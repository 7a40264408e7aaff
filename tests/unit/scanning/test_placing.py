from dataclasses import dataclass, field

from stanch.core.finding import Commit, Confidence, Finding, History, Location, Severity
from stanch.core.secret import Secret
from stanch.scanning.placing import join_work_tree, place_history
from stanch.sources.git_locate import BlobPlace


def commit(number: int) -> Commit:
    return Commit(id=f"{number:040x}", author="Ada", email="ada@example.org", date=f"2024-01-{number:02}T10:00:00+01:00")


def finding(blob: str, path: str = "", start: int = 0, mark: str = "aa", line: int = 1) -> Finding:
    place = Location(path=path, start=start, end=start + 9, line=line, column=1, end_line=line, end_column=10, blob=blob)
    return Finding(
        detector="example-token", title="", provider="", kind="token", severity=Severity.HIGH, confidence=Confidence.HIGH,
        secret=Secret(None, fingerprint=mark * 32, redacted="9 characters"), location=place,
    )  # fmt: skip


@dataclass
class Known:
    """A locator that was told where everything lies."""

    places: dict[str, BlobPlace] = field(default_factory=dict)
    head: dict[str, set[str]] = field(default_factory=dict)

    def put(self, blob: str, number: int, *paths: str, head: tuple[str, ...] = ()) -> "Known":
        at = commit(number)
        self.places[blob] = BlobPlace(paths=tuple(sorted(paths)), introduced=at, first=dict.fromkeys(paths, at), commits=1)
        self.head[blob] = set(head)
        return self

    def locate(self, oids):
        return {oid: self.places[oid] for oid in oids if oid in self.places}

    def head_blobs(self, oids):
        return {oid: self.head[oid] for oid in oids if self.head.get(oid)}


def shown(findings) -> list[tuple[str, str, str, bool]]:
    return [
        (f.location.path, f.location.blob, f.history.introduced.id[-1] if f.history.introduced else "", f.history.in_head)
        for f in findings
    ]


def test_without_findings_git_is_not_asked():
    assert place_history([], None) == []


def test_version_in_head_says_where_it_stands_and_the_oldest_who_brought_it():
    known = Known().put("b1", 1, "a.env").put("b2", 2, "a.env", head=("a.env",))
    placed = place_history([finding("b2", line=7), finding("b1", line=3)], known)
    assert shown(placed) == [("a.env", "b2", "1", True)]
    assert placed[0].history == History(introduced=commit(1), in_head=True, blobs=2, paths=("a.env",))
    assert placed[0].location.line == 7


def test_what_head_no_longer_has_stands_where_it_came_in():
    known = Known().put("b1", 2, "a.env").put("b2", 1, "a.env")
    assert shown(place_history([finding("b1"), finding("b2")], known)) == [("a.env", "b2", "1", False)]


def test_two_secrets_of_one_file_are_two_findings():
    known = Known().put("b1", 1, "a.env")
    assert len(place_history([finding("b1"), finding("b1", start=20, mark="bb")], known)) == 2


def test_moved_file_is_one_finding_at_its_new_path():
    known = Known()
    known.put("b1", 1, "old.env", "new.env", head=("new.env",)).put("b0", 1, "old.env")
    placed = place_history([finding("b0"), finding("b1")], known)
    assert shown(placed) == [("new.env", "b1", "1", True)]
    assert placed[0].history.paths == ("new.env", "old.env")


def test_member_of_an_archive_keeps_its_inner_path():
    known = Known().put("b1", 1, "a.zip", head=("a.zip",))
    assert shown(place_history([finding("b1", "!etc/x.env")], known)) == [("a.zip!etc/x.env", "b1", "1", True)]


def test_message_of_a_commit_keeps_its_name():
    assert shown(place_history([finding("c1", "commit:c1")], Known())) == [("commit:c1", "c1", "", False)]


def test_object_that_nothing_leads_to_is_named_by_its_id():
    assert shown(place_history([finding("0123456789abcdef")], Known())) == [
        ("object 0123456789ab", "0123456789abcdef", "", False)
    ]


def test_date_that_cannot_be_read_counts_as_the_oldest():
    known = Known().put("b1", 1, "a.env").put("b2", 2, "a.env")
    bad = Commit(id="f" * 40, author="", email="", date="yesterday")
    known.places["b2"] = BlobPlace(paths=("a.env",), introduced=bad, first={"a.env": bad}, commits=1)
    assert place_history([finding("b1"), finding("b2")], known)[0].history.introduced == bad


def placed_at(path: str, mark: str = "aa") -> Finding:
    known = Known().put("b1", 1, path)
    return place_history([finding("b1", mark=mark)], known)[0]


def test_same_secret_in_work_tree_and_history_is_one_finding_of_the_file():
    joined = join_work_tree([finding("", "repo/a.env", line=5)], [placed_at("a.env")], "repo/")
    assert [(f.location.path, f.location.line, f.history.introduced.id) for f in joined] == [("repo/a.env", 5, commit(1).id)]


def test_what_only_one_side_has_is_kept_under_the_shown_path():
    joined = join_work_tree([finding("", "repo/a.env")], [placed_at("a.env", "bb"), placed_at("b.env")], "repo/")
    assert [(f.location.path, f.history is not None) for f in joined] == [
        ("repo/a.env", False),
        ("repo/a.env", True),
        ("repo/b.env", True),
    ]
