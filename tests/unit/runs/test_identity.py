from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stanch.core.errors import ConfigError
from stanch.runs.identity import Place


def test_a_worker_is_the_same_after_it_ended(tmp_path: Path) -> None:
    first = Place(tmp_path)
    first.leave()
    again = Place(tmp_path)
    assert again.id == first.id
    again.leave()


def test_two_workers_in_one_folder_are_two(tmp_path: Path) -> None:
    one, two = Place(tmp_path), Place(tmp_path)
    assert one.id != two.id
    one.leave()
    other = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from stanch.runs.identity import Place; print(Place(Path(sys.argv[1])).id)",
         str(tmp_path)], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout.strip() == one.id
    two.leave()


def test_what_is_in_the_file_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "worker-1").write_text("../../etc/passwd\n")
    place = Place(tmp_path)
    assert "/" not in place.id
    assert (tmp_path / "worker-1").stat().st_mode & 0o777 in (0o600, 0o644)  # it was there before
    place.leave()
    assert Place(tmp_path).id == place.id


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot keep who it is"):
        Place(tmp_path / "file")
