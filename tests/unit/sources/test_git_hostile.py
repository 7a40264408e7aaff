"""A scanned repository may be made to attack whoever looks into it. Each trap here would leave a file behind."""

import contextlib
import os
import time

import pytest
from tests.support.gitrepo import Sandbox

from stanch.core.errors import SourceError
from stanch.core.finding import Skipped
from stanch.sources.git_changes import GitCommit, GitRange, GitStaged, GitWorkTree
from stanch.sources.git_history import GitHistory
from stanch.sources.git_objects import close_readers
from stanch.sources.git_repo import discover


@pytest.fixture
def trap(tmp_path):
    """A program, and the file that shows that it ran."""
    sprung = tmp_path / "sprung"
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\n(echo $0 $@; tr '\\0' ' ' < /proc/$PPID/cmdline) >> {sprung}\nexit 1\n")
    program.chmod(0o755)
    yield program, sprung
    close_readers()


def _prepare(sandbox, program):
    """Fill a repository with every setting known to start a program, and with changes of every kind."""
    sandbox.commit({"f": b"a\n", "g": b"b\n", "racy": b"12345\n"})
    oids = [sandbox.commit({"f": b"a\nb\n"}), sandbox.oid("HEAD:f")]
    sandbox.git("tag", "-a", "-m", "x", "v1")
    sandbox.stage({"g": b"b\nc\n", ".gitattributes": b"* diff=evil filter=evil merge=evil\n"})
    hooks = sandbox.path / "hooks"
    hooks.mkdir()
    for name in (
        "post-index-change",
        "fsmonitor-watchman",
        "reference-transaction",
        "post-checkout",
        "pre-commit",
        "query-watchman",
    ):
        (hooks / name).write_bytes(program.read_bytes())
        (hooks / name).chmod(0o755)
    for name, value in {
        "core.fsmonitor": program,
        "core.hooksPath": hooks,
        "core.pager": program,
        "core.editor": program,
        "core.sshCommand": program,
        "core.askPass": program,
        "core.gitProxy": program,
        "core.alternateRefsCommand": program,
        "core.attributesFile": sandbox.path / ".gitattributes",
        "core.worktree": "/",
        "core.trustctime": "false",
        "core.checkStat": "minimal",
        "credential.helper": f"!{program}",
        "diff.external": program,
        "diff.evil.command": program,
        "diff.evil.textconv": program,
        "filter.evil.clean": program,
        "filter.evil.smudge": program,
        "filter.evil.process": program,
        "filter.evil.required": "true",
        "merge.evil.driver": program,
        "gpg.program": program,
        "log.showSignature": "true",
        "pager.cat-file": "true",
        "pager.diff-index": program,
        "alias.cat-file": f"!{program}",
        "uploadpack.packObjectsHook": program,
        "remote.origin.url": f"ext::{program}",
        "remote.origin.promisor": "true",
        "remote.origin.partialCloneFilter": "blob:none",
        "extensions.partialClone": "origin",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "core.repositoryFormatVersion": "1",
    }.items():
        sandbox.git("config", name, str(value))
    # Same size and date, and an index no younger: now git wants to compare contents, through the filter.
    moment = (sandbox.path / "racy").stat().st_mtime_ns
    sandbox.write("racy", b"54321\n")
    os.utime(sandbox.path / "racy", ns=(moment, moment))
    os.utime(sandbox.git_dir / "index", ns=(moment, moment))
    sandbox.write("untracked", b"d\n")
    return oids


def _everything(sandbox, oids):
    repo = discover(sandbox.path)
    sources = (
        GitHistory(repo),
        GitHistory(repo, revs=["HEAD"]),
        GitStaged(repo),
        GitRange(repo, "HEAD~1..HEAD"),
        GitCommit(repo, "v1"),
    )
    found = set()
    for source in (*sources, GitWorkTree(repo)):
        with contextlib.suppress(SourceError):
            for item in source.jobs():
                for blob in [item] if isinstance(item, Skipped) else item.blobs():
                    found.add(blob.path if isinstance(blob, Skipped) or blob.path else blob.data)
    assert set(sources[0].locate(oids)) <= set(oids)
    sources[0].head_blobs(oids)
    return found


def test_nothing_a_repository_names_is_started(tmp_path, trap):
    program, sprung = trap
    sandbox = Sandbox(tmp_path / "repo")
    found = _everything(sandbox, _prepare(sandbox, program))
    assert not sprung.exists(), sprung.read_text()
    assert {b"a\n", b"b\n", b"a\nb\n", b"b\nc\n", "f", "g", "racy", "untracked"} <= found


def test_the_traps_are_real(tmp_path, trap):
    """Were git asked the ordinary way, it would spring them: otherwise the test above could not fail."""
    program, sprung = trap
    sandbox = Sandbox(tmp_path / "repo")
    _prepare(sandbox, program)
    sandbox.git("config", "--unset", "core.worktree")
    for settings, args in (
        (["core.fsmonitor="], ["diff-files", "--raw"]),
        (["core.fsmonitor="], ["diff-files", "-p"]),
        ([], ["status"]),
        (["core.fsmonitor="], ["show", "--ext-diff", "HEAD"]),
    ):
        options = [part for setting in settings for part in ("-c", setting)]
        sandbox.git(*options, *args, accepted=(1, 128))
        assert sprung.exists(), args
        sprung.unlink()


def test_objects_left_at_a_hostile_remote_are_not_asked_for(tmp_path, trap):
    program, sprung = trap
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"f": b"a\n", "s/x": b"x\n"})
    sandbox.commit({"f": b"b\n"})
    missing = [sandbox.oid("HEAD:s"), sandbox.oid("HEAD~1:f")]
    oids = _prepare(sandbox, program)
    for oid in missing:
        sandbox.loose(oid).unlink()
    _everything(sandbox, [*oids, *missing, "1" * 40])
    assert not sprung.exists(), sprung.read_text()


def test_a_filter_that_cannot_be_switched_off_is_refused(tmp_path, trap):
    program, sprung = trap
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"racy": b"12345\n"})
    with (sandbox.git_dir / "config").open("a") as config:
        config.write(f'[filter "a=b"]\n\tclean = {program}\n')
    sandbox.write("racy", b"54321\n")
    with pytest.raises(SourceError) as caught:
        list(GitWorkTree(discover(sandbox.path)).jobs())
    assert caught.value.code == "unsafe_config"
    assert not sprung.exists(), sprung.read_text()


def test_small_files_of_git_that_are_pipes_are_not_opened(tmp_path):
    """Opening one would wait for a writer, for ever."""
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"f": b"a\n"})
    for name in ("shallow", "objects/info/alternates", "commondir", "gitdir"):
        os.mkfifo(sandbox.git_dir / name)
    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stanch.sources.git_run.run", lambda *_, **__: b"")
        assert discover(sandbox.path).alternates == ()
    assert time.monotonic() - started < 5
