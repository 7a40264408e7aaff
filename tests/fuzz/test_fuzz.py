"""A short fuzz in every run of the tests; `make fuzz` takes ten minutes. The same inputs each time."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from tests.fuzz.mutate import Mutator

DRIVER = Path(__file__).parent / "fuzz.py"
RUNS = 100  # inputs for each target: about twenty seconds in all


def test_no_input_ends_in_anything_but_the_documented_ways(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, DRIVER, "--runs", str(RUNS), "--keep", tmp_path / "kept"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout.splitlines()[-1]
    assert not (tmp_path / "kept").exists()


def test_the_same_seed_makes_the_same_inputs():
    def inputs(seed: int) -> list[bytes]:
        mutator = Mutator([b"one = 1\n", b"two = [2]\n"], [b"three", b"{"], random.Random(seed))
        return [mutator.next() for _ in range(300)]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)
    assert len(set(inputs(1))) > 200


def test_a_failure_is_found_kept_and_ends_with_status_one(tmp_path: Path, monkeypatch, capsys):
    """The driver itself must be able to fail."""
    from tests.fuzz import fuzz
    from tests.fuzz.targets import Target

    def fragile(data: bytes) -> object:
        if b"!" in data:
            raise KeyError("secret words of a library")
        return len(data) % 3

    def endless(data: bytes) -> object:
        while b"#" in data:
            pass
        return None

    made = [
        Target(name="fragile", run=fragile, seeds=[b"a"], words=[b"!"]),
        Target(name="endless", run=endless, seeds=[b"a"], words=[b"#"]),
    ]
    monkeypatch.setattr(fuzz, "targets", lambda scratch: made)
    monkeypatch.setattr(fuzz, "LIMIT", 0.05)
    monkeypatch.setattr(fuzz.resource, "setrlimit", lambda *_: None)
    assert fuzz.main(["--runs", "50", "--keep", str(tmp_path / "kept")]) == 1
    out = capsys.readouterr().out
    assert "FAILED fragile: KeyError at test_fuzz.py:" in out
    assert "FAILED endless: TooSlowError: more than" in out
    assert "secret words" not in out
    assert len(list((tmp_path / "kept").iterdir())) == 2
