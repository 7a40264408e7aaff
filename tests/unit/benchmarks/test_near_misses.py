from __future__ import annotations

import random
import re

import near_misses

from .conftest import BLOCK, NEAR, SHAPED, STRING, made


def kinds(detector):
    return {miss.kind for miss in near_misses.near_misses(detector, 1, 1)}


def test_only_types_of_one_length_have_too_short_and_too_long_values():
    assert {"too short", "too long"} <= kinds(NEAR)
    assert not {"too short", "too long"} & kinds(made(value="[0-9a-f]{30,34}"))


def test_a_type_with_a_checksum_has_a_value_with_a_wrong_one():
    sealed = made(value="acme_[A-Za-z0-9]{36}", near=None, checks=["crc32-base62"])
    assert "wrong checksum" in kinds(sealed)
    assert "wrong checksum" not in kinds(NEAR)


def test_damaged_values_no_longer_have_the_shape():
    for seed in range(20):
        for _, text in near_misses.damaged(NEAR, random.Random(seed)):
            assert not re.fullmatch(NEAR.value, text)


def test_every_anonymous_type_meets_digests_ids_references_and_lock_files():
    assert {"placeholder", "reference", "hash", "UUID", "lock file"} <= kinds(NEAR)


def test_the_marked_place_holds_what_was_written():
    for detector in (NEAR, SHAPED, STRING, BLOCK):
        for miss in near_misses.near_misses(detector, 1, 2):
            assert 0 < miss.start < miss.end <= len(miss.data)


def test_a_placeholder_for_a_key_block_keeps_the_markers():
    blocks = [m.data for m in near_misses.near_misses(BLOCK, 1, 1) if m.kind == "placeholder"]
    assert blocks
    assert all(b"BEGIN ACME KEY" in block and b"END ACME KEY" in block for block in blocks)


def test_a_value_that_is_right_counts_as_reported(lab):
    value = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    data = f"ACMECLOUD_API_KEY={value}\n".encode()
    miss = near_misses.NearMiss(kind="hash", detector=NEAR.id, template="", path="a.env", data=data, start=18, end=50)
    assert [r.found for r in near_misses.judge(lab, [miss])] == [NEAR.id]


def test_a_small_catalog_reports_none_of_its_near_misses(lab):
    precision = near_misses.measure(lab, [NEAR.id, SHAPED.id], seed=1)
    assert precision.count > 30
    assert precision.reported == []
