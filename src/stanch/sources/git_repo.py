"""Find the repository that a path belongs to, and what must be known about it before anything is read.

Discovery is done here and not by git, because git refuses folders that somebody else owns and would obey the repository's
``core.worktree``. A work tree is where ``.git`` was found, whatever the configuration says.

Variables such as ``GIT_DIR`` of the caller are ignored, with one exception: inside a hook git names the index of the commit
being made (``GIT_INDEX_FILE``) or the quarantine of a push (``GIT_OBJECT_DIRECTORY``). They are kept when they point into the
repository that was found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from stanch.core.errors import SourceError
from stanch.core.finding import Skipped
from stanch.core.records import dataclass
from stanch.sources import git_run

_SMALL = 64 * 1024  # bytes; `.git` files, `commondir`, `shallow` heads and the like are never larger
_MAX_SUBMODULES = 10_000
_TRUE = frozenset({"true", "yes", "on", "1"})  # what git takes for yes
_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}  # git knows these without having them stored


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepo:
    """A repository on this machine. A small value: jobs carry it to workers.

    Attributes:
        git_dir: where HEAD and the index are; absolute.
        common_dir: where objects and refs are; differs from `git_dir` in a linked worktree.
        work_tree: the folder with the checked-out files; ``None`` for a bare repository.
        is_shallow: whether older commits were cut off.
        is_partial: whether objects were left at the remote.
        object_format: ``sha1`` or ``sha256``.
        alternates: object folders of other repositories that this one borrows from.
        filters: names of the content filters its configuration defines; they are switched off.
        hook: variables kept from a hook's environment.
    """

    git_dir: Path
    common_dir: Path
    work_tree: Path | None
    is_shallow: bool = False
    is_partial: bool = False
    object_format: str = "sha1"
    alternates: tuple[Path, ...] = ()
    filters: tuple[str, ...] = ()
    hook: tuple[tuple[str, str], ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether it has no work tree."""
        return self.work_tree is None

    @property
    def path(self) -> str:
        """What people call it: the work tree, or the repository itself when bare."""
        return str(self.work_tree or self.git_dir)

    @property
    def objects(self) -> Path:
        """Its own folder of objects."""
        return self.common_dir / "objects"

    @property
    def empty_tree(self) -> str:
        """Id of the tree without entries, the parent of a first commit."""
        return _EMPTY_TREE[self.object_format]

    @property
    def id_length(self) -> int:
        """Hex digits of an object id."""
        return 64 if self.object_format == "sha256" else 40

    def environment(self) -> dict[str, str]:
        """Return the environment that makes git work on this repository."""
        return _environment(self.git_dir, self.work_tree, **dict(self.hook))

    def run(self, *args: str, feed: bytes | None = None, accepted: Sequence[int] = ()) -> bytes:
        """Run a git command on it to the end; see `git_run.run`."""
        return git_run.run(
            args, env=self.environment(), settings=self._settings(), cwd=self.work_tree, feed=feed, accepted=accepted
        )

    def start(self, *args: str, stdin: int | BinaryIO | None = None) -> git_run.Running:
        """Start a git command on it; see `git_run.start`."""
        return git_run.start(
            args,
            env=self.environment(),
            settings=self._settings(),
            cwd=self.work_tree,
            stdin=git_run.NOTHING if stdin is None else stdin,
        )

    def _settings(self) -> list[str]:
        """Return settings that take every content filter its commands away: git would run them on files of the work tree."""
        settings: list[str] = []
        for name in self.filters:
            if "=" in name:  # `-c` cuts at the first one, so this filter cannot be reached
                raise SourceError(
                    "The configuration of the repository defines a content filter that cannot be switched off.",
                    hint="Remove the [filter] section with '=' in its name from the configuration; nobody needs one.",
                    code="unsafe_config",
                )
            settings += (f"filter.{name}.clean=", f"filter.{name}.process=", f"filter.{name}.required=false")
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """A repository inside another one.

    Attributes:
        prefix: its path in the outer work tree, ending in ``/``.
        repo: the repository.
    """

    prefix: str
    repo: GitRepo


def discover(path: Path, *, parents: bool = True) -> GitRepo | None:
    """Return the repository *path* belongs to, or ``None``.

    Args:
        path: a work tree or a folder or file in it, a linked worktree, a submodule, a ``.git`` folder or file, a bare repository.
        parents: whether to look in the folders above as well.

    Raises:
        SourceError: git is not installed, or its configuration there cannot be read.
    """
    here = path.resolve()
    if here.name == ".git" and here.is_file():
        here = here.parent
    for folder in (here, *here.parents) if parents else (here,):
        found = _at(folder)
        if found is not None:
            return _with_facts(*found)
    return None


def open_repo(path: Path) -> GitRepo:
    """Like `discover`, but a path outside every repository is an error.

    Raises:
        SourceError: *path* is in no repository, git is not installed, or its configuration there cannot be read.
    """
    repo = discover(path)
    if repo is None:
        raise SourceError(
            f"{str(path)!r} is not in a git repository.",
            hint="Name a work tree, a bare repository or a .git folder; to scan plain files use: stanch scan files PATH.",
            code="not_a_repository",
        )
    return repo


def submodules(repo: GitRepo) -> Iterator[Submodule | Skipped]:
    """Yield the submodules of *repo* that are initialised, outermost first, each repository once.

    Only those inside the repository or its work tree count: a ``.git`` file may point anywhere on the machine.
    """
    seen = {repo.common_dir}
    stack = [Submodule(prefix="", repo=repo)]
    while stack and len(seen) <= _MAX_SUBMODULES:
        outer = stack.pop()
        inner = []
        for git_dir, (prefix, work_tree) in sorted(_direct_submodules(outer).items(), key=lambda item: item[1][0]):
            try:
                sub = Submodule(prefix=prefix, repo=_with_facts(git_dir, work_tree))
            except SourceError as exc:
                yield Skipped(path=prefix, code=exc.code, reason=f"this submodule was not read: {exc}")
                continue
            if sub.repo.common_dir not in seen:
                seen.add(sub.repo.common_dir)
                inner.append(sub)
        yield from inner
        stack += reversed(inner)


def _at(folder: Path) -> tuple[Path, Path | None] | None:
    """Return git dir and work tree if *folder* is a work tree or a git dir."""
    dot_git = folder / ".git"
    target = _read_small(dot_git).strip()
    if target.startswith("gitdir:"):
        git_dir = _resolved(folder, target.removeprefix("gitdir:").strip())
        if git_dir is not None and _is_git_dir(git_dir):
            return git_dir, folder
    elif _is_git_dir(dot_git):
        return dot_git.resolve(), folder
    if _is_git_dir(folder):
        return folder, _work_tree_of(folder)
    return None


def _is_git_dir(folder: Path) -> bool:
    try:
        head = folder / "HEAD"
        if not (head.is_file() or head.is_symlink()):
            return False
        common = _common_dir(folder)
        return (common / "objects").is_dir() and (common / "refs").is_dir()
    except OSError:  # no permission to look
        return False


def _common_dir(git_dir: Path) -> Path:
    named = _read_small(git_dir / "commondir").strip()
    return (named and _resolved(git_dir, named)) or git_dir


def _work_tree_of(git_dir: Path) -> Path | None:
    """Return the work tree of a git dir that was named itself."""
    if git_dir.name == ".git":
        return git_dir.parent
    back = _read_small(git_dir / "gitdir").strip()  # a linked worktree says where its .git file is
    dot_git = _resolved(git_dir, back) if back else None
    return dot_git.parent if dot_git is not None and dot_git.is_file() else None


def _with_facts(git_dir: Path, work_tree: Path | None) -> GitRepo:
    common = _common_dir(git_dir)
    wanted = r"^(extensions\.(objectformat|partialclone)|core\.bare|remote\..*\.promisor|filter\..*)$"
    printed = git_run.run(
        ("config", "--null", "--get-regexp", wanted),
        env=_environment(git_dir, work_tree),
        accepted=(1,),  # no such settings
    )
    config = _settings_of(printed)
    if git_dir.name == ".git" and git_dir == common and config.get("core.bare", "").lower() in _TRUE:
        work_tree = None
    return GitRepo(
        git_dir=git_dir,
        common_dir=common,
        work_tree=work_tree,
        is_shallow=bool(_read_small(common / "shallow")),
        is_partial=any(_is_promise(name, value) for name, value in config.items()),
        object_format="sha256" if config.get("extensions.objectformat") == "sha256" else "sha1",
        alternates=tuple(_alternates(common / "objects")),
        filters=tuple(sorted({name.split(".", 1)[1].rpartition(".")[0] for name in config if name.startswith("filter.")})),
        hook=_hook_variables(common, git_dir),
    )


def _environment(git_dir: Path, work_tree: Path | None, **more: str) -> dict[str, str]:
    """Return git's environment. A work tree is always named: otherwise git obeys ``core.worktree`` and fails if it is gone."""
    return git_run.environment({"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(work_tree or git_dir), **more})


def _settings_of(printed: bytes) -> dict[str, str]:
    config = {}
    for entry in printed.split(b"\0")[:-1]:
        name, found, value = entry.decode("utf-8", "surrogateescape").partition("\n")
        config[name] = value if found else "true"
    return config


def _is_promise(name: str, value: str) -> bool:
    return name == "extensions.partialclone" or (name.startswith("remote.") and value.lower() in _TRUE)


_MOST_ALTERNATES: Final = 200


def _alternates(objects: Path) -> Iterator[Path]:
    """Yield the object folders that *objects* borrows from, and those they borrow from, each once (git follows five levels)."""
    seen = {objects}
    level = [objects]
    for _ in range(5):
        following: list[Path] = []
        for folder in level:
            for line in _read_small(folder / "info" / "alternates").splitlines():
                found = _resolved(folder, line) if line and not line.startswith("#") else None
                if found is None or found in seen or len(seen) > _MOST_ALTERNATES:
                    continue
                seen.add(found)
                following.append(found)
                yield found
        level = following


def _hook_variables(common: Path, git_dir: Path) -> tuple[tuple[str, str], ...]:
    """Return what must be kept of the environment of a hook: its index, and the quarantined objects of a push."""
    kept: dict[str, str] = {}
    index = os.environ.get("GIT_INDEX_FILE")
    if index and Path(index).resolve().is_relative_to(git_dir):
        kept["GIT_INDEX_FILE"] = str(Path(index).resolve())
    quarantine = os.environ.get("GIT_OBJECT_DIRECTORY")
    if quarantine and os.environ.get("GIT_QUARANTINE_PATH") and Path(quarantine).resolve().is_relative_to(common):
        kept["GIT_OBJECT_DIRECTORY"] = str(Path(quarantine).resolve())
        kept["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(common / "objects")
    return tuple(sorted(kept.items()))


def _direct_submodules(outer: Submodule) -> dict[Path, tuple[str, Path | None]]:
    """Return prefix and work tree by git dir."""
    repo = outer.repo
    found: dict[Path, tuple[str, Path | None]] = {}
    for path in _gitlinks(repo):
        assert repo.work_tree is not None
        at = _at(repo.work_tree / path)
        if at is not None and (at[0].is_relative_to(repo.common_dir) or at[0].is_relative_to(repo.work_tree)):
            found.setdefault(at[0], (f"{outer.prefix}{path}/", at[1]))
    modules = repo.common_dir / "modules"
    for git_dir in _git_dirs_below(modules):  # also those of other branches, checked out or not
        found.setdefault(git_dir, (f"{outer.prefix}{git_dir.relative_to(modules)}/", None))
    return found


def _gitlinks(repo: GitRepo) -> list[str]:
    """Return the paths at which the index names another repository."""
    if repo.work_tree is None or not (repo.git_dir / "index").exists():
        return []
    try:
        listed = repo.run("ls-files", "--stage", "-z")
    except git_run.GitFailedError:  # without its index there are still those below `modules`
        return []
    entries = (entry.split(b"\t", 1)[1] for entry in listed.split(b"\0") if entry.startswith(b"160000 "))
    return sorted(entry.decode("utf-8", "surrogateescape") for entry in entries)


def _git_dirs_below(folder: Path) -> list[Path]:
    """Return the git dirs below ``modules``: a submodule's name may contain slashes."""
    found: list[Path] = []
    stack = [folder]
    while stack and len(found) < _MAX_SUBMODULES:
        try:
            with os.scandir(stack.pop()) as entries:
                inside = sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        for path in inside:
            (found if _is_git_dir(path) else stack).append(path)
    return found


def _resolved(base: Path, text: str) -> Path | None:
    """Return the path that one of git's small files names, links resolved; ``None`` when no path can be like that."""
    try:
        path = (base / text).resolve()
        path.lstat()
    except FileNotFoundError:
        return path
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, links in a circle
        return None
    return path


def _read_small(path: Path) -> str:
    """Return the text of one of git's small files; empty when it is not there or no regular file."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_SMALL).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
