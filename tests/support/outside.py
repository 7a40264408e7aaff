"""A world for the door in tests: names as the test gives them, a clock that stands still or runs, sleep that does not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stanch.issuers.model import HttpRequest
from stanch.issuers.transport import GuardedDoor, Surroundings
from stanch.net.policy import DoorPolicy

MOMENT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


@dataclass
class Names:
    """A resolver. A list of lists is answered in turn, the last one for ever.

    Attributes:
        known: name → addresses, or a list of answers.
        asked: what was looked up.
    """

    known: Mapping[str, Sequence[str] | Sequence[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        before = self.asked.count(host)
        self.asked.append(host)
        if host not in self.known:
            raise OSError("no such name")
        answers: Any = self.known[host]
        if answers and not isinstance(answers[0], str):
            return list(answers[min(before, len(answers) - 1)])
        return list(answers)


@dataclass
class Sleeps:
    """Sleep that only takes down."""

    waited: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


def quick(**changes: Any) -> DoorPolicy:
    """A policy for tests: loopback is allowed, and nobody waits for long."""
    given: dict[str, Any] = {
        "step_timeout": 2.0, "deadline": 4.0, "rate": 0, "allowed": ("127.0.0.1",), "backoff": 0.001, **changes,
    }  # fmt: skip
    return DoorPolicy(**given)


def door(names: Names | None = None, *, sleeps: Sleeps | None = None, record: Any = None, **changes: Any) -> GuardedDoor:
    """A door with that policy; ``issuer.test`` leads to this machine."""
    world = Surroundings(
        resolver=names or Names({"issuer.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}),
        now=lambda: MOMENT,
        sleep=sleeps or Sleeps(),
        chance=lambda: 0.5,
    )
    return GuardedDoor(quick(**changes), record=record, world=world)


_tokens = itertools.count(1)


def credential_text() -> str:
    """A credential that exists in this test only."""
    return f"tok_{next(_tokens):06d}_" + "Zk4fQx7LmV2nRb8T"


def get(url: str, token: str = "", **more: Any) -> HttpRequest:
    """A question to an issuer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return HttpRequest(method="GET", url=url, headers=headers, **more)
