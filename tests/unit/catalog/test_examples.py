import csv
from collections import Counter
from pathlib import Path

import pytest

from stanch.catalog.load import DATA, load_catalog
from stanch.scanning.selftest import check_detectors

DETECTORS = load_catalog()
FACTS = Path(__file__).parents[3].parent / "shared" / "facts" / "secret_types.csv"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.id)
def test_examples_do_what_they_promise(detector, engine):
    assert [str(failure) for failure in check_detectors([detector], engine, rounds=2)] == []


def test_catalog_is_as_large_as_it_is_said_to_be():
    assert len(DETECTORS) >= 900
    assert len({d.id for d in DETECTORS}) == len(DETECTORS)


def test_catalog_covers_at_least_four_hundred_types():
    assert len({identifier for d in DETECTORS for identifier in (d.id, *d.covers)}) >= 400


def test_each_known_type_is_covered_once():
    # A name used by two detectors would count one type twice.
    counts = Counter(identifier for d in DETECTORS for identifier in set(d.covers))
    assert {identifier: n for identifier, n in counts.items() if n > 1} == {}


def test_every_file_of_the_catalog_is_read():
    assert {d.origin for d in DETECTORS} == {path.name for path in DATA.glob("*.toml")}


@pytest.mark.skipif(not FACTS.exists(), reason="the list of types lies beside the repository")
def test_every_type_of_first_priority_is_covered():
    with FACTS.open(encoding="utf-8", newline="") as file:
        wanted = {row["id"] for row in csv.DictReader(file) if row["priority"] == "1"}
    assert len(wanted) > 100
    assert wanted - {identifier for d in DETECTORS for identifier in (d.id, *d.covers)} == set()
