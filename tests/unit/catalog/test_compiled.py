import dataclasses
import os
import stat
from pathlib import Path

import pytest

from stanch.catalog.compiled import _freeze, _thaw, cache_folder, catalog_key, compiled_catalog, is_warm
from stanch.catalog.load import DATA, load_file
from stanch.core.errors import ConfigError

LEFT_OUT = ("positive", "negative", "sample", "facts", "covers")  # what a scan never asks for
SMALL = ("github.toml", "adafruit.toml")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in SMALL:
        (folder / name).write_bytes((DATA / name).read_bytes())
    return folder


def without_examples(detector):
    defaults = {f.name: f.default if f.default is not dataclasses.MISSING else {} for f in dataclasses.fields(detector)}
    return dataclasses.replace(detector, **{name: defaults[name] for name in LEFT_OUT})


def thaw(detectors, folder):
    path = folder / "catalog.bin"
    path.write_bytes(_freeze(detectors))
    return _thaw(path)


def test_frozen_and_thawed_detectors_are_the_same_but_for_what_is_left_out(tmp_path):
    detectors = load_file(DATA / "azure_identity.toml")
    assert any(d.companions for d in detectors)
    # Companions have no equality of their own: compare what they hold.
    assert [dataclasses.asdict(d) for d in thaw(detectors, tmp_path)] == [
        dataclasses.asdict(without_examples(d)) for d in detectors
    ]


def test_every_field_with_a_value_of_its_own_survives(tmp_path):
    (plain, *_) = load_file(DATA / "github.toml")
    marks = {"str": "mark", "float": 1.5, "int": 7, "bool": None, "tuple": ("mark",)}
    changes = {}
    for field in dataclasses.fields(plain):
        value = getattr(plain, field.name)
        if field.name not in (*LEFT_OUT, "companions"):
            changes[field.name] = (not value) if isinstance(value, bool) else marks[type(value).__name__]
    other = dataclasses.replace(without_examples(plain), **changes)
    assert list(thaw([other], tmp_path)) == [other]


def test_detectors_of_a_cache_are_made_once_when_asked_for(tmp_path):
    thawed = thaw(load_file(DATA / "github.toml"), tmp_path)
    assert thawed[0] is thawed[0]
    assert thawed[1:3] == [thawed[1], thawed[2]]
    assert thawed[-1].id == list(thawed)[-1].id


def test_warm_catalog_is_the_cold_one(data, tmp_path):
    cold = compiled_catalog(folder=tmp_path / "cache", data=data)
    warm = compiled_catalog(folder=tmp_path / "cache", data=data)
    assert warm.key == cold.key
    assert [d.id for d in warm.detectors] == [d.id for d in cold.detectors]
    assert type(warm.detectors) is not type(cold.detectors)


def test_changed_detector_file_makes_another_cache(data, tmp_path):
    before = compiled_catalog(folder=tmp_path, data=data)
    path = data / "adafruit.toml"
    path.write_text(path.read_text().replace("Adafruit IO key", "Adafruit IO password"))
    after = compiled_catalog(folder=tmp_path, data=data)
    assert after.key != before.key
    assert "Adafruit IO password" in {d.name for d in after.detectors}


def test_own_detector_takes_the_place_of_the_shipped_one(data, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text((data / "adafruit.toml").read_text().replace("Adafruit IO key", "Mine"))
    found = {d.id: d.name for d in compiled_catalog([own], data=data).detectors}
    assert found["adafruit-io-key"] == "Mine"
    assert len(found) == len(compiled_catalog(data=data).detectors)


def test_missing_detector_file_is_told(data, tmp_path):
    with pytest.raises(ConfigError, match="no such detector file"):
        compiled_catalog([tmp_path / "none.toml"], data=data)


def test_old_caches_are_forgotten_with_all_their_files(data, tmp_path):
    cache = tmp_path / "cache"
    keys = []
    for number in range(8):
        os.utime(data / "adafruit.toml", (number, number))
        keys.append(compiled_catalog(folder=cache, data=data).key)
        (cache / f"anchors-{keys[-1]}.table").write_bytes(b"")
        os.utime(cache / f"catalog-{keys[-1]}.bin", (number + 1, number + 1))
    assert {p.name for p in cache.glob("catalog-*")} == {f"catalog-{key}.bin" for key in keys[-6:]}
    assert {p.name for p in cache.glob("anchors-*")} == {f"anchors-{key}.table" for key in keys[-6:]}


def test_cache_folder_that_cannot_be_made_only_costs_time(data, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert len(compiled_catalog(folder=tmp_path / "file" / "cache", data=data).detectors) > 0


def test_cache_folder_is_for_its_owner_only(data, tmp_path):
    compiled_catalog(folder=tmp_path / "cache", data=data)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"STANCH_CACHE": "off"}, None),
        ({"STANCH_CACHE": "/a/b"}, Path("/a/b")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/stanch")),
        ({"HOME": "/h"}, Path("/h/.cache/stanch")),
    ],
)
def test_where_the_cache_lies(monkeypatch, env, expected):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("STANCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected


def test_catalog_is_warm_once_its_anchors_are_kept(data, tmp_path):
    assert not is_warm(catalog_key(data=data), tmp_path)
    (tmp_path / f"anchors-{compiled_catalog(data=data).key}.hsdb").write_bytes(b"")
    assert is_warm(catalog_key(data=data), tmp_path)
    assert not is_warm(catalog_key(data=data), None)
