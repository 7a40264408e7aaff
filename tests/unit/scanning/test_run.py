from pathlib import Path

import pytest
from tests.support.gitrepo import Sandbox
from tests.support.values import TOKEN, leak, password, token

from stanch.config.baseline import Baseline, create
from stanch.config.load import load
from stanch.core.errors import InputError
from stanch.scanning.run import Outcome, run_scan

SALT = b"s" * 16


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scan(
    *arguments: str, mode: str = "", baseline: Baseline | None = None, foreign=None, progress=None, **flags: object
) -> Outcome:
    loaded = load({"jobs": 1, **flags}, Path.cwd(), {})
    return run_scan(loaded, mode, arguments, baseline=baseline, foreign=foreign, progress=progress)


def paths(outcome: Outcome) -> list[str]:
    return [f.location.path for f in outcome.report.findings]


def test_report_names_targets_as_typed_and_each_once(here: Path):
    (here / "a.env").write_bytes(leak(1))
    outcome = scan("a.env", ".", "a.env")
    assert outcome.report.targets == ("a.env", ".")
    assert paths(outcome) == ["a.env"]
    assert set(outcome.report.detectors) == {TOKEN}
    assert not outcome.interrupted


def test_without_a_target_the_current_folder_is_scanned(here: Path):
    (here / "a.env").write_bytes(leak(1))
    assert paths(scan()) == ["a.env"]


def test_missing_target_is_an_error(here: Path):
    with pytest.raises(InputError, match="'missing' does not exist"):
        scan("missing")


def test_findings_below_the_least_severity_are_counted_not_shown(here: Path):
    (here / "a.env").write_bytes(leak(1) + b"panel_password = '" + password() + b"'\n")
    both, grave = scan("."), scan(".", min_severity="critical")
    assert len(both.report.findings) == 2
    assert [f.detector for f in grave.report.findings] == [TOKEN]
    assert grave.report.hidden == {"low_severity": 1}


def test_baseline_hides_what_it_covers_and_only_that(here: Path):
    (here / "a.env").write_bytes(leak(1))
    first = scan(".", baseline=Baseline(SALT))
    accepted = create(first.everything, salt=SALT, today="2026-11-25")
    (here / "b.env").write_bytes(leak(2))
    second = scan(".", baseline=accepted)
    assert paths(second) == ["b.env"]
    assert [f.location.path for f in second.known] == ["a.env"]
    assert [f.location.path for f in second.everything] == ["a.env", "b.env"]
    assert second.report.hidden == {"baseline": 1}


def test_allowed_paths_and_values_are_held_back(here: Path):
    (here / "docs").mkdir()
    (here / "docs" / "a.env").write_bytes(leak(1))
    (here / "b.env").write_bytes(leak(2) + leak(3))
    text = (
        "[[allow]]\nreason = 'made up'\npaths = ['docs/**']\n[[allow]]\nreason = 'public'\nvalues = ['^"
        + token(2).decode()
        + "$']\n"
    )
    (here / "stanch.toml").write_text(text, "utf-8")
    outcome = scan(".")
    assert [(f.location.path, f.location.line) for f in outcome.report.findings] == [("b.env", 2)]
    assert outcome.report.hidden["allowed"] >= 1


def test_expired_rule_is_told(here: Path):
    (here / "stanch.toml").write_text("[[allow]]\nreason = 'until then'\npaths = ['*.env']\nexpires = 2020-01-01\n", "utf-8")
    (here / "a.env").write_bytes(leak(1))
    outcome = scan(".")
    assert paths(outcome) == ["a.env"]
    assert len(outcome.warnings) == 1
    assert "until then" in outcome.warnings[0]


def test_work_tree_and_history_of_a_file_are_one_finding(here: Path):
    repo = Sandbox(here / "shop")
    first = repo.commit({"a.env": leak(1)})
    repo.commit({"a.env": leak(1) + b"MODE=x\n", "b.env": leak(2)})
    repo.commit({"b.env": b"gone\n"})
    outcome = scan("shop")
    found = {f.location.path: f for f in outcome.report.findings}
    assert set(found) == {"shop/a.env", "shop/b.env"}
    assert found["shop/a.env"].history.introduced.id == first
    assert (found["shop/a.env"].history.in_head, found["shop/b.env"].history.in_head) == (True, False)
    assert outcome.report.totals.commits == 3


def test_history_alone_and_files_alone_can_be_asked_for(here: Path):
    repo = Sandbox(here / "shop")
    repo.commit({"old.env": leak(1)})
    repo.commit({"old.env": b"gone\n"})
    repo.write("new.env", leak(2))
    assert paths(scan("shop", mode="files")) == ["shop/new.env"]
    assert paths(scan("shop", mode="git")) in (["old.env"], ["shop/old.env"])
    assert paths(scan("shop", history=False)) == ["shop/new.env"]
    assert paths(scan("shop", work_tree=False)) == ["shop/old.env"]


def test_change_is_told_with_its_commit(here: Path, monkeypatch: pytest.MonkeyPatch):
    repo = Sandbox(here / "shop")
    repo.commit({"a.env": leak(1)})
    second = repo.commit({"a.env": leak(1) + leak(2)})
    monkeypatch.chdir(repo.path)
    (finding,) = scan("HEAD", mode="commit").report.findings
    assert (finding.location.line, finding.history.introduced.id) == (2, second)
    (ranged,) = scan("HEAD~1..HEAD", mode="range").report.findings
    assert ranged.location == finding.location
    repo.stage({"b.env": leak(3)})
    (staged,) = scan(mode="staged").report.findings
    assert (staged.location.path, staged.history) == ("b.env", None)


def test_progress_hears_of_all_work(here: Path):
    class Heard:
        def __init__(self) -> None:
            self.plan = self.made = self.found = 0
            self.phases: list[str] = []

        def planned(self, cost: int) -> None:
            self.plan += cost

        def done(self, cost: int, findings: int) -> None:
            self.made += cost
            self.found += findings

        def phase(self, text: str) -> None:
            self.phases.append(text)

    (here / "a.env").write_bytes(leak(1))
    Sandbox(here / "shop").commit({"b.env": leak(2)})
    heard = Heard()
    scan(".", "shop", progress=heard)
    assert heard.plan == heard.made > 0
    assert heard.found >= 2
    assert "looking up commits" in heard.phases


def test_plain_values_reach_the_report_only_when_asked(here: Path):
    (here / "a.env").write_bytes(leak(1))
    assert not scan(".").report.findings[0].secret.has_value
    shown = scan(".", show_secrets=True).report
    assert shown.show_secrets
    assert shown.findings[0].secret.reveal() == token(1)
