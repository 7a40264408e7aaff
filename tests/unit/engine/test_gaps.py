"""Expressions for binary heads in base64 hit every encoding of the head, and next to nothing else."""

import base64
import random
import re

import pytest

from stanch.catalog.load import load_catalog
from stanch.engine.gaps import encoded_heads

HEAD = r"(?P<value>\x30\x82[\x00-\xff]{2}\x02\x01\x03\x30(?:\x80|\x82[\x00-\xff]{2})\x06\x09\x2a[\x00-\xff]{40,90})"
BINARY = [d.id for d in load_catalog() if d.anchor and d.kind in ("private_key", "certificate")]


def patterns(expression: str = HEAD) -> list[tuple[int, re.Pattern[bytes], int]]:
    return [(align, re.compile(text.encode("latin-1")), length) for align, text, length in encoded_heads(expression)]


def head(rng: random.Random) -> bytes:
    inner = b"\x80" if rng.randrange(2) else b"\x82" + rng.randbytes(2)
    return b"\x30\x82" + rng.randbytes(2) + b"\x02\x01\x03\x30" + inner + b"\x06\x09\x2a" + rng.randbytes(60)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("align", range(3))
def test_a_head_is_hit_at_every_place_in_a_group_of_three(align: int, encode):
    found = patterns()
    for seed in range(60):
        rng = random.Random(f"{seed}/{align}")
        text = encode(rng.randbytes(align) + head(rng))
        assert any(pattern.search(text) for _, pattern, _ in found)


def test_position_and_length_lead_back_to_the_group():
    """The engine decodes from the place a hit gives: it must be the beginning of the right group."""
    found = patterns()
    for seed in range(60):
        rng = random.Random(seed)
        lead = rng.randbytes(rng.randrange(3))
        text = base64.b64encode(lead + head(rng))
        for align, pattern, length in found:
            for match in pattern.finditer(text):
                assert match.end() - match.start() == length
                assert (match.start() - -(-align * 8 // 6)) % 4 == 0


def test_a_file_in_base64_twice_is_hit():
    found = patterns()
    for seed in range(60):
        rng = random.Random(seed)
        lead = b"x" * rng.randrange(3)
        text = base64.b64encode(lead + base64.b64encode(head(rng)))
        assert any(pattern.search(text) for _, pattern, _ in found)


def test_random_base64_is_not_hit():
    text = base64.b64encode(random.Random(7).randbytes(1_500_000))
    for name in BINARY:
        detector = next(d for d in load_catalog() if d.id == name)
        assert not [1 for _, pattern, _ in patterns(detector.expression) if pattern.search(text)], name


def test_a_head_that_says_too_little_gives_nothing():
    assert patterns(r"(?P<value>\x30\x82[\x00-\xff]{40})") == []
    assert patterns(r"(?P<value>[\x00-\xff]{4,40}\x01\x02\x03\x04\x05\x06)") == []
