"""What goes wrong on purpose: throttling, failures, lost responses, slow answers, stale replicas, a wrong clock.

Nothing here is random: a fault says which requests it meets, how many it lets pass first and how often it strikes, so a test
that fails does so again. Faults are set in the process (`Faults.add`) or from outside, over HTTP, at any simulated host:

    GET    /_simulator/faults    what is set, and what has struck
    POST   /_simulator/faults    add: {"faults": [{"kind": "throttle", "path": "*/token", "times": 2, "retry_after": 3}]}
                                 set: {"replication": {"delays": [0, 4, 18], "order": [0, 1, 2]}, "skew": -300}
    DELETE /_simulator/faults    forget everything
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, runtime_checkable

from stanch.simulators.wire import Request, Response, json_response

CONTROL: Final = "/_simulator/faults"
KINDS: Final = {
    "throttle": "answers 429 with Retry-After; nothing is done",
    "error": "answers `status` (503 by default); nothing is done",
    "lost": "does the work, then closes the connection without an answer",
    "drop": "closes the connection before anything is done",
    "slow": "answers after `seconds`",
    "truncated": "sends half of the answer, then closes the connection",
}
LONGEST: Final = 3_600.0  # seconds that anything may be late
LARGEST_SKEW: Final = 10 * 365 * 86_400.0  # seconds
MOST_FAULTS: Final = 1_000
MOST_REPLICAS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: see `KINDS`.
        application: pattern for the simulated host's name (``login.*``).
        method: HTTP method; any when empty.
        path: pattern for the path (``*/oauth2/v2.0/token``).
        skip: how many matching requests pass first.
        times: how many are met then; 0 for all.
        status: of ``error``.
        retry_after: seconds in the Retry-After header of ``throttle`` and ``error``; negative for no header.
        seconds: how long ``slow`` takes.
    """

    kind: str
    application: str = "*"
    method: str = ""
    path: str = "*"
    skip: int = 0
    times: int = 1
    status: int = 503
    retry_after: int = -1
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: which field is wrong, for a person.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if not 400 <= self.status <= 599:
            raise ValueError("status must be from 400 to 599")
        if self.skip < 0 or self.times < 0:
            raise ValueError("skip and times must not be negative")
        if not 0 <= self.seconds <= LONGEST or self.retry_after > LONGEST:
            raise ValueError(f"seconds and retry_after must be at most {LONGEST:g}")

    def meets(self, application: str, request: Request) -> bool:
        """Whether a request is one this fault is about."""
        return (
            fnmatchcase(application.lower(), self.application.lower())
            and self.method.upper() in ("", request.method)
            and fnmatchcase(request.path.lower(), self.path.lower())
        )


@runtime_checkable
class Failing(Protocol):
    """An application that says "try later" in its own words; others get a plain JSON body."""

    def failure(self, request: Request, status: int) -> Response:
        """Return the service's own body for a 429 or 5xx."""
        ...


class Faults:
    """All faults of a simulator. Thread-safe.

    Attributes:
        skew: seconds by which the simulator's clock is ahead (negative: behind).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._met: list[int] = []
        self._struck: list[str] = []
        self._delays: tuple[float, ...] = (0.0,)
        self._order: tuple[int, ...] = (0,)
        self._turn = 0
        self.skew = 0.0

    def add(self, *faults: Fault) -> None:
        """Let more go wrong. Of several that meet a request the first added strikes.

        Raises:
            ValueError: there are too many.
        """
        with self._lock:
            self._add(faults)

    def replicate(self, delays: Sequence[float], order: Sequence[int] = ()) -> None:
        """Have one replica for each of *delays*: the seconds after which it sees a write.

        Args:
            delays: at least one.
            order: which replica answers, again and again from the start; each in its turn when empty.

        Raises:
            ValueError: a delay or an index is out of range.
        """
        _check_replicas(delays, order)
        with self._lock:
            self._replicate(delays, order)

    def clear(self) -> None:
        """Let everything work again. What has struck is forgotten too."""
        with self._lock:
            self._clear()

    def replica_delay(self, replica: int | None = None) -> float:
        """Return how late a replica is: the next one in order when none is named."""
        with self._lock:
            if replica is None:
                replica = self._order[self._turn % len(self._order)]
                self._turn += 1
            return self._delays[replica]

    def strike(self, application: str, request: Request) -> Fault | None:
        """Count a request and return the fault that meets it, if one does."""
        with self._lock:
            found: Fault | None = None
            for number, fault in enumerate(self._faults):
                if not fault.meets(application, request):
                    continue
                self._met[number] += 1
                met = self._met[number] - fault.skip
                if found is None and met > 0 and (not fault.times or met <= fault.times):
                    found = fault
                    self._struck.append(f"{fault.kind} {application} {request.method} {request.path}")
                    del self._struck[:-MOST_FAULTS]
            return found

    @property
    def struck(self) -> tuple[str, ...]:
        """What has gone wrong so far: ``kind host METHOD path``."""
        with self._lock:
            return tuple(self._struck)

    def state(self) -> dict[str, Any]:
        """Return everything as JSON."""
        with self._lock:
            return {
                "faults": [asdict(fault) | {"met": met} for fault, met in zip(self._faults, self._met, strict=True)],
                "replication": {"delays": list(self._delays), "order": list(self._order)},
                "skew": self.skew,
                "struck": list(self._struck),
            }

    def load(self, state: object, *, replace: bool = False) -> None:
        """Take over what a control request says: everything, or nothing when a part of it is wrong.

        Args:
            state: JSON, as the module's docstring has it.
            replace: forget what was set before.

        Raises:
            ValueError: what is wrong, for a person.
        """
        if not isinstance(state, dict) or not set(state) <= {"faults", "replication", "skew"}:
            raise ValueError("an object with faults, replication or skew is needed")
        listed, replication, skew = state.get("faults", []), state.get("replication"), state.get("skew")
        if not isinstance(listed, list) or not isinstance(replication, dict | None):
            raise ValueError("faults must be a list and replication an object")
        found, (moved,) = [_fault(item) for item in listed], _numbers([0.0 if skew is None else skew])
        delays = _numbers(replication.get("delays")) if replication is not None else []
        order = [int(number) for number in _numbers(replication.get("order", []))] if replication is not None else []
        if replication is not None:
            _check_replicas(delays, order)
        with self._lock:
            if len(found) + (0 if replace else len(self._faults)) > MOST_FAULTS:
                raise ValueError(f"at most {MOST_FAULTS} faults can be set")
            if replace:
                self._clear()
            self._add(found)
            if replication is not None:
                self._replicate(delays, order)
            if skew is not None:
                self.skew = moved

    def control(self, request: Request) -> Response:
        """Answer a request to `CONTROL`."""
        if request.method == "DELETE":
            self.clear()
        elif request.method in ("POST", "PUT"):
            try:
                self.load(json.loads(request.body), replace=request.method == "PUT")
            except (ValueError, RecursionError) as exc:
                said = str(exc) if type(exc) is ValueError else "the body is no JSON"
                return json_response(400, {"error": {"code": "BadFault", "message": said}})
        elif request.method != "GET":
            return json_response(405, {"error": {"code": "MethodNotAllowed", "message": "GET, POST, PUT or DELETE"}})
        return json_response(200, self.state())

    # Under the lock:

    def _add(self, faults: Sequence[Fault]) -> None:
        if len(self._faults) + len(faults) > MOST_FAULTS:
            raise ValueError(f"at most {MOST_FAULTS} faults can be set")
        self._faults += faults
        self._met += [0] * len(faults)

    def _replicate(self, delays: Sequence[float], order: Sequence[int]) -> None:
        self._delays, self._turn = tuple(map(float, delays)), 0
        self._order = tuple(order) or tuple(range(len(delays)))

    def _clear(self) -> None:
        self._faults, self._met, self._struck = [], [], []
        self._replicate((0.0,), (0,))
        self.skew = 0.0


def failure(application: object, request: Request, fault: Fault) -> Response:
    """Return the answer of a ``throttle`` or ``error`` fault, in the application's own words where it has some."""
    status = 429 if fault.kind == "throttle" else fault.status
    if isinstance(application, Failing):
        answer = application.failure(request, status)
    else:
        code = "TooManyRequests" if status == 429 else "ServiceUnavailable"
        answer = json_response(status, {"error": {"code": code, "message": "Try again later."}})
    after = max(fault.retry_after, 1) if fault.kind == "throttle" else fault.retry_after
    if after < 0:
        return answer
    return Response(status=answer.status, headers={**answer.headers, "Retry-After": str(after)}, body=answer.body)


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {"str": (str,), "int": (int,), "float": (int, float)}


def _fault(item: object) -> Fault:
    known = {field.name: _TYPES[str(field.type)] for field in fields(Fault)}
    if not isinstance(item, dict) or not set(item) <= set(known) or "kind" not in item:
        raise ValueError(f"a fault is an object with kind and any of {', '.join(sorted(known))}")
    for name, value in item.items():
        if isinstance(value, bool) or not isinstance(value, known[name]):
            raise ValueError(f"{name} has the wrong type")
    return Fault(**item)


def _numbers(value: object) -> list[float]:
    if not isinstance(value, list) or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise ValueError("delays, order and skew must be numbers")
    if not all(abs(number) <= LARGEST_SKEW for number in value):  # neither NaN nor infinite
        raise ValueError("a number is too large")
    return [float(number) for number in value]


def _check_replicas(delays: Sequence[float], order: Sequence[int]) -> None:
    if not 1 <= len(delays) <= MOST_REPLICAS or not all(0 <= delay <= LONGEST for delay in delays):
        raise ValueError(f"delays must be 1 to {MOST_REPLICAS} numbers from 0 to {LONGEST:g}")
    if len(order) > MOST_FAULTS or not all(0 <= index < len(delays) for index in order):
        raise ValueError("order must hold indexes of delays, counted from 0")
