"""Walk commits: which there are, what each one changed, and who made it.

Only plumbing is used (``rev-list``, ``diff-tree``): `git log` obeys settings of the repository, some of which start programs.
Names come as bytes ended by NUL, so no quoting can mislead; they become ``str`` with ``surrogateescape``.

A damaged commit or tree ends ``diff-tree``. The walk reports that commit and goes on behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta, timezone

from stanch.core.errors import InputError
from stanch.core.finding import Commit, Skipped
from stanch.core.records import dataclass
from stanch.sources import git_run
from stanch.sources.git_objects import Trouble, list_objects, read_objects
from stanch.sources.git_repo import GitRepo

SUBJECT_LIMIT = 200  # characters
_MAX_DAMAGED = 200  # commits reported one by one; a store in that state is not worth more starts of git
_FILE_MODES = (b"100", b"120")  # regular files and symbolic links; 160000 is a submodule, 040000 a tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path to which a change gave new content.

    Attributes:
        commit: id of the commit; empty for staged changes.
        path: where it lies now.
        oid: the new content.
        olds: what lay there before, one for each parent that had the path; after a rename, the content under the old name.
    """

    commit: str
    path: str
    oid: str
    olds: tuple[str, ...]


def commits(
    repo: GitRepo, revs: Sequence[str] = (), *, since: str = "", known: str = "", oldest_first: bool = False
) -> list[str]:
    """Return ids of commits, children before their parents, otherwise by date.

    Args:
        repo: the repository.
        revs: revisions and ranges as git understands them, also ``^A``; none: everything that a ref or a HEAD leads to.
        since: leave out what is older than this date.
        known: ``remotes`` or ``all``: leave out what these refs lead to.
        oldest_first: parents before their children instead.

    Raises:
        InputError: git does not know one of *revs*.
        GitFailedError: git failed otherwise.
    """
    options = ["--date-order"]
    options += ["--reverse"] if oldest_first else []
    options += [f"--since={since}"] if since else []
    options += ["--not", f"--{known}", "--not"] if known else []  # the second one turns it off again
    if not revs:
        return repo.run("rev-list", *options, "--all").decode("ascii").split()
    hint = "Name commits, branches, tags or ranges such as main..HEAD; in a clone that was cut short, fetch more first."
    try:
        # Behind --end-of-options nothing is an option; behind -- nothing more is a revision.
        return repo.run("rev-list", *options, "--end-of-options", *revs, "--").decode("ascii").split()
    except git_run.GitFailedError as exc:
        if exc.unknown_revision:
            shown = " ".join(revs)
            raise InputError(f"git does not know the revision {shown!r} in this repository.", hint=hint) from exc
        raise


def stored_commits(repo: GitRepo, known: Collection[str] = ()) -> list[str]:
    """Return ids of the commits in the store besides *known*, newest first, whether a ref leads to them or not."""
    found = [oid for oid, kind, _ in list_objects(repo, pack_order=False) if kind == "commit" and oid not in known]
    if not found:
        return []
    feed = ("\n".join(found) + "\n").encode("ascii")
    try:
        return repo.run("rev-list", "--no-walk=sorted", "--stdin", feed=feed).decode("ascii").split()
    except git_run.GitFailedError:  # one of them is damaged, so their dates cannot be had this way
        return found


def changes(
    repo: GitRepo, ids: Sequence[str], *, renames: bool = False, wanted: Collection[bytes] | None = None
) -> Iterator[Change | Skipped]:
    """Yield what each commit changed, in the order of *ids*.

    For a merge these are the paths that differ from every parent: what came from one of them is that one's change.

    Args:
        repo: the repository.
        ids: full ids of commits.
        renames: whether a file that moved is compared with what it was under its old name.
        wanted: report only changes to these contents.
    """
    position = damaged = 0
    while position < len(ids):
        shown = position - 1
        trouble = ""
        args = ["-r", "--root", "-c", "--raw", "-z", "--no-abbrev", "--always", "--no-ext-diff", "--ignore-submodules=all"]
        args.append("-M" if renames else "--no-renames")
        feed = ("\n".join(ids[position:]) + "\n").encode("ascii")
        with git_run.fed(feed) as stdin, repo.start("diff-tree", "--stdin", *args, stdin=stdin) as git:
            for commit, change in parse_raw(git.chunks(), wanted):
                if change is None:
                    shown += 1
                else:
                    yield Change(commit=commit, path=change.path, oid=change.oid, olds=change.olds)
            try:
                git.check()
            except git_run.GitFailedError as exc:
                trouble = exc.message
        if not trouble:
            return
        position = shown + 2  # the one behind the last that came through is the damaged one
        damaged += 1
        if position > len(ids):
            return
        yield Skipped(
            path=f"commit:{ids[position - 1]}", code="missing_object", reason=f"what it changed is not known: {trouble}"
        )
        if damaged == _MAX_DAMAGED:
            rest = len(ids) - position
            yield Skipped(path=repo.path, code="missing_object", reason=f"too many damaged commits; {rest} more were not read")
            return


def parse_raw(chunks: Iterator[bytes], wanted: Collection[bytes] | None = None) -> Iterator[tuple[str, Change | None]]:
    """Yield (commit, change) from the output of ``--raw -z``; change is ``None`` where a commit begins.

    Deletions, submodules and unmerged paths are left out. The commit is empty when the output names none.
    """
    commit = ""
    fields = _fields(chunks)
    for field in fields:
        if not field.startswith(b":"):
            commit = field.decode("ascii").strip()
            yield commit, None
            continue
        front, oid, status = field.rsplit(b" ", 2)
        path = next(fields, b"")
        moved = status[:1] in (b"R", b"C") and not field.startswith(b"::")  # of a merge only the new name is told
        if moved:
            path = next(fields, b"")
        if wanted is not None and oid not in wanted:
            continue
        parents = len(front) - len(front.lstrip(b":"))
        parts = front[parents:].split(b" ")  # modes of the parents, mode, ids of the parents
        mode = parts[parents]
        if mode[:3] in _FILE_MODES and status[:1] not in (b"D", b"U"):
            olds = tuple(
                old.decode("ascii")
                for old_mode, old in zip(parts[:parents], parts[parents + 1 :], strict=True)
                if old_mode[:3] in _FILE_MODES
            )
            yield commit, Change(commit=commit, path=path.decode("utf-8", "surrogateescape"), oid=oid.decode("ascii"), olds=olds)


def _fields(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def read_commits(repo: GitRepo, ids: Collection[str]) -> dict[str, Commit]:
    """Return author, date and subject of commits and annotated tags; those that cannot be read are left out."""
    found = {}
    for oid, kind, content in read_objects(repo, sorted(ids)):
        if not isinstance(content, Trouble) and kind in ("commit", "tag"):
            found[oid] = parse_commit(oid, content)
    return found


def parse_commit(oid: str, raw: bytes) -> Commit:
    """Return the facts of a raw commit or tag object.

    Nothing in it is trusted: broken dates become empty, a text that is not what its encoding says is still shown, and a long
    subject is cut.
    """
    head, _, message = raw.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        headers.setdefault(name, value)
    encoding = headers.get(b"encoding", b"utf-8").decode("ascii", "replace")
    who = headers.get(b"author") or headers.get(b"tagger", b"")
    name, _, rest = who.partition(b"<")
    email, _, when = rest.rpartition(b">")
    paragraph = message[: 8 * SUBJECT_LIMIT].lstrip(b"\n").partition(b"\n\n")[0]
    subject = " ".join(_text(paragraph, encoding).split())
    if len(subject) > SUBJECT_LIMIT:
        subject = subject[: SUBJECT_LIMIT - 1] + "…"
    return Commit(
        id=oid,
        author=_text(name.strip(), encoding)[:SUBJECT_LIMIT],
        email=_text(email, encoding)[:SUBJECT_LIMIT],
        date=_date(when),
        subject=subject,
    )


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("utf-8", "replace")


def _date(when: bytes) -> str:
    """Return ``1700000000 +0130`` as ISO 8601; empty when it is no date that exists."""
    try:
        seconds, zone = when.split()
        minutes = int(zone[1:3]) * 60 + int(zone[3:5])
        offset = timezone(timedelta(minutes=-minutes if zone.startswith(b"-") else minutes))
        return datetime.fromtimestamp(int(seconds), offset).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
