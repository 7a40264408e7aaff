import dataclasses
import marshal
import random
import shutil

import pytest
from tests.support.values import leak, password

from stanch.catalog.compiled import Compiled, compiled_catalog
from stanch.catalog.load import DATA, load_catalog
from stanch.engine.engine import Engine
from stanch.engine.firstpass import first_pass

LEFT_OUT = {"positive", "negative", "sample", "facts", "covers"}  # what a scan never asks for
TEXT = (
    b"# settings\n" + leak() + b'db = {"password": "' + password() + b'"}\n' + b"adafruit:\n  api_key: "
    + random.Random(3).randbytes(16).hex().encode() + b"\n"
)  # fmt: skip


def seen(engine: Engine) -> list[tuple[object, ...]]:
    return [(m.detector.id, m.start, m.end, m.rank, m.confidence, m.reasons, m.distance, m.name) for m in engine.scan(TEXT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few detector files and a folder for their caches."""
    base = tmp_path_factory.mktemp("catalog")
    (base / "data").mkdir()
    for name in ("github.toml", "adafruit.toml", "generic.toml"):
        (base / "data" / name).write_bytes((DATA / name).read_bytes())
    return base


@pytest.fixture
def small(folder, tmp_path):
    """Makes the small catalog, with its cache in a folder of the test's own."""
    return lambda: compiled_catalog(folder=tmp_path, data=folder / "data")


@pytest.fixture(scope="module")
def warm(folder):
    """A folder with all caches of the small catalog, and what is found with it."""
    return folder / "cache", seen(Engine(compiled_catalog(folder=folder / "cache", data=folder / "data")))


def test_warm_cache_gives_the_same_matches_as_a_cold_one(small, tmp_path):
    cold = seen(Engine(small()))
    assert len(cold) == 3
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".bin", ".hsdb", ".hsdb", ".table"]
    assert seen(Engine(small())) == cold


def test_without_a_folder_nothing_is_written_and_the_matches_are_the_same(small, folder, tmp_path):
    plain = seen(Engine(compiled_catalog(data=folder / "data")))
    assert list(tmp_path.iterdir()) == []
    assert plain == seen(Engine(small()))


def test_warm_first_pass_is_the_cold_one(small):
    cold, warm = first_pass(small()), first_pass(small())
    assert [tuple(row) for row in warm.rows] == [tuple(row) for row in cold.rows]
    assert (list(warm.words), list(warm.generic)) == (cold.words, cold.generic)


BROKEN = [
    *(
        (pattern, content)
        for pattern in ("catalog-*.bin", "anchors-*.table")
        for content in (b"", b"not a cache", marshal.dumps(None))
    ),
    ("anchors-*.hsdb", b"not a database"),
    ("near-*.hsdb", b""),
    *((pattern, None) for pattern in ("catalog-*.bin", "anchors-*.table", "anchors-*.hsdb", "near-*.hsdb")),
]


@pytest.mark.parametrize(("pattern", "content"), BROKEN)
def test_cache_file_that_is_broken_or_cut_short_is_made_anew(small, warm, tmp_path, pattern, content):
    shutil.copytree(warm[0], tmp_path, dirs_exist_ok=True)
    (path,) = tmp_path.glob(pattern)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert seen(Engine(small())) == warm[1]
    assert len(path.read_bytes()) == len(whole)


def test_every_setting_of_every_shipped_detector_survives_the_cache(cache, engine):
    thawed = compiled_catalog(folder=cache).detectors
    loaded = load_catalog()
    assert [d.id for d in thawed] == [d.id for d in loaded]
    for cold, warm in zip(loaded, thawed, strict=True):
        before, after = dataclasses.asdict(cold), dataclasses.asdict(warm)
        for name in before.keys() - LEFT_OUT:
            assert after[name] == before[name], f"{cold.id}: {name}"


def test_clone_finds_the_same(small):
    engine = Engine(small())
    assert seen(engine.clone()) == seen(engine)


def test_catalog_without_near_words_has_a_second_pass_all_the_same(folder):
    only = [d for d in load_catalog(folder / "data") if not d.near and not d.generic]
    first = first_pass(Compiled(only, "own", None))
    assert first.near.scan(b"adafruit github password") == []
