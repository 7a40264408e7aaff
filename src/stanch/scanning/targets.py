"""From what a user types to sources: a directory, a file, a repository, standard input, a change."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stanch.config.settings import Settings
from stanch.core.errors import InputError
from stanch.core.records import dataclass
from stanch.sources.blob import Source
from stanch.sources.files import FileSource, StdinSource

if TYPE_CHECKING:
    from stanch.sources.git_changes import GitChanges
    from stanch.sources.git_history import GitHistory
    from stanch.sources.git_repo import GitRepo

MODES = ("git", "files", "staged", "range", "commit", "worktree")
LATER = {"image": "container images from a registry", "package": "packages by name", "forge": "forges"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Target:
    """One thing to scan.

    Attributes:
        shown: as typed.
        source: yields its jobs.
        history: set when the findings' blobs have to be placed by it.
        change: set when they belong to a change (staged, a range, a commit).
        prefix: of the work tree's files in shown paths.
    """

    shown: str
    source: Source
    history: GitHistory | None = None
    change: GitChanges | None = None
    prefix: str = ""


def plan(mode: str, arguments: Sequence[str], settings: Settings, excluded: Callable[[str, bool], bool]) -> list[Target]:
    """Return the targets of a scan.

    Args:
        mode: one of `MODES`, or empty to find out from each argument.
        arguments: paths, ``-``, revisions.
        settings: what to read.
        excluded: tells whether a shown path is left out.

    Raises:
        InputError: something does not exist.
        SourceError: git is needed and missing, or a folder is no repository.
    """
    if mode in ("staged", "worktree", "range", "commit"):
        return _change(mode, list(arguments), settings.max_file_size or None)
    targets: list[Target] = []
    for argument in arguments or ["."]:
        if argument != "-":
            argument = os.path.normpath(argument)  # repo// and ./repo are repo
        if argument == "-":
            targets.append(Target(shown="<stdin>", source=StdinSource()))
        elif mode == "git":
            targets.append(_history(argument, settings.max_file_size or None))
        else:
            targets.extend(_path(argument, mode, settings, excluded))
    return targets


def _history(argument: str, largest: int | None) -> Target:
    from stanch.sources.git_history import GitHistory
    from stanch.sources.git_repo import open_repo

    history = GitHistory(open_repo(Path(argument)), max_blob=largest)
    return Target(shown=argument, source=history, history=history, prefix=prefix_of(argument))


def _path(argument: str, mode: str, settings: Settings, excluded: Callable[[str, bool], bool]) -> list[Target]:
    if not os.path.lexists(argument):
        hint = "Check the path; `-` reads standard input."
        if ":/" in argument or argument.startswith("git@"):
            hint = "Clone or download it first, then scan the folder or file."
        raise InputError(f"{argument!r} does not exist.", hint=hint)
    repo = _repo_at(argument) if mode != "files" and os.path.isdir(argument) and settings.history else None
    targets = []
    if (repo is None or repo.work_tree is not None) and settings.work_tree and not _is_git_dir(argument, repo):
        ignored = _ignored(argument) if settings.gitignore else None
        source = FileSource(
            root=argument,
            excluded=excluded,
            ignored=ignored,
            follow_symlinks=settings.follow_symlinks,
            max_size=settings.max_file_size,
        )
        targets.append(Target(shown=argument, source=source, prefix=prefix_of(argument)))
    if repo is not None:
        from stanch.sources.git_history import GitHistory

        history = GitHistory(repo, max_blob=settings.max_file_size or None)
        targets.append(Target(shown=argument, source=history, history=history, prefix=prefix_of(argument)))
    return targets


def _repo_at(argument: str) -> GitRepo | None:
    """The repository whose root this is. Looks for the marks of one first: most folders have none."""
    names = set(os.listdir(argument)) if os.access(argument, os.R_OK) else set()
    if ".git" not in names and not {"objects", "refs", "HEAD"} <= names:
        return None
    from stanch.sources.git_repo import discover

    return discover(Path(argument), parents=False)


def _is_git_dir(argument: str, repo: GitRepo | None) -> bool:
    return repo is not None and Path(argument).resolve() == repo.git_dir


def _ignored(argument: str) -> Callable[[str, bool], bool]:
    from stanch.config.gitignore import GitIgnore

    rules = GitIgnore(Path(argument))
    return lambda path, is_dir: rules.ignored(path, is_dir=is_dir)


def prefix_of(argument: str) -> str:
    """What stands before a file's path in the repository when it is shown."""
    path = argument[2:] if argument.startswith("./") else argument
    return "" if path in (".", "") else path.rstrip("/") + "/"


def _change(mode: str, arguments: list[str], largest: int | None) -> list[Target]:
    from stanch.sources.git_changes import GitCommit, GitRange, GitStaged, GitWorkTree
    from stanch.sources.git_repo import open_repo

    revision = ""
    if mode in ("range", "commit"):
        if not arguments:
            example = "stanch scan range main..HEAD" if mode == "range" else "stanch scan commit HEAD"
            raise InputError(f"`stanch scan {mode}` needs to know which.", hint=f"For example: {example}")
        revision = arguments.pop(0)
    if len(arguments) > 1:
        raise InputError(f"`stanch scan {mode}` looks at one repository.", hint="Give one folder, or none for this one.")
    where = arguments[0] if arguments else "."
    repo = open_repo(Path(where))
    change: GitChanges
    if mode == "staged":
        change = GitStaged(repo, max_blob=largest)
    elif mode == "worktree":
        change = GitWorkTree(repo, max_blob=largest)
    elif mode == "range":
        change = GitRange(repo, revision, max_blob=largest)
    else:
        change = GitCommit(repo, revision, max_blob=largest)
    return [Target(shown=f"{mode} {revision}".strip(), source=change, change=change)]
