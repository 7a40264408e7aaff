"""The dataclass of the scan path: the same to read and to a type checker as the standard one, and cheaper to make."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stanch.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: int
    tags: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Counter:
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Hidden:
    value: int


def test_equal_fields_make_equal_records_with_equal_hashes():
    assert Point(x=1, tags=("a",)) == Point(x=1, tags=("a",))
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != (1, ())
    assert len({Point(x=1), Point(x=1), Point(x=2)}) == 2


def test_what_can_change_has_no_hash():
    assert Counter() == Counter()
    with pytest.raises(TypeError):
        hash(Counter())


def test_repr_names_the_fields_unless_it_is_switched_off():
    assert repr(Point(x=1, tags=("a",))) == "Point(x=1, tags=('a',))"
    assert "7" not in repr(Hidden(value=7)).partition(" object at ")[0]
    assert Hidden(value=7) != Hidden(value=7)


def test_standard_tools_know_it():
    point = Point(x=1)
    assert dataclasses.replace(point, x=2) == Point(x=2)
    assert dataclasses.asdict(point) == {"x": 1, "tags": ()}
    assert pickle.loads(pickle.dumps(point)) == point
    assert not hasattr(point, "__dict__")


@pytest.mark.slow
def test_a_type_checker_keeps_frozen_records_frozen(tmp_path):
    code = (
        "from stanch.core.records import dataclass\n\n\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass P:\n    x: int\n\n\np = P(x=1)\np.x = 2\nP(y=1)\n"
    )
    (tmp_path / "bad.py").write_text(code)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), "bad.py"]
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"MYPYPATH": str(root / "src"), "PATH": ""}
    )
    assert 'Property "x" defined in "P" is read-only' in said.stdout
    assert 'Unexpected keyword argument "y"' in said.stdout
