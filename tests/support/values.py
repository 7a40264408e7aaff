"""Credentials for tests that need one and do not care which. Made here, never issued."""

from __future__ import annotations

import random
from functools import cache

from stanch.catalog.load import DATA, load_file
from stanch.catalog.sampler import sample_value

TOKEN = "github-personal-access-token"


@cache
def token(seed: int = 1) -> bytes:
    """A GitHub token with a right checksum, found wherever it stands."""
    detector = next(d for d in load_file(DATA / "github.toml") if d.id == TOKEN)
    return sample_value(detector, random.Random(f"a value for tests/{seed}")).encode("ascii")


def leak(seed: int = 1) -> bytes:
    """A line of settings with that token."""
    return b"GITHUB_TOKEN=" + token(seed) + b"\n"


def password(seed: int = 1) -> bytes:
    """A password that is believed where it is assigned to a name that says so."""
    rng = random.Random(f"a password for tests/{seed}")
    letters = "BCDFGHJKLMNPQRSTVWXZbcdfghjkmnpqrstvwxz"
    return ("".join(rng.choice(letters) for _ in range(9)) + str(rng.randrange(10, 99)) + "#" + rng.choice(letters)).encode(
        "ascii"
    )
