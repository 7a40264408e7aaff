"""What to do next about an incident: one act, in words, with why. The button of its page, the last line on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

_STALE: Final = timedelta(days=1)
_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """One act.

    Attributes:
        act: ``check``, ``start``, ``resolve``, ``extend``, ``keep_values`` or ``none``.
        label: of the button.
        why: one sentence.
        command: the same on the command line.
        values: what the act needs: ``resolution``.
    """

    act: str
    label: str
    why: str
    command: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def next_action(row: Mapping[Any, Any], *, checkable: bool, now: datetime) -> NextAction:
    """Choose the act that brings an incident nearer to its end.

    Args:
        row: of the incident, with ``has_value``.
        checkable: whether the issuer of its type can be asked.
        now: the time.
    """
    number = str(row["number"])
    if row["state"] == "resolved":
        return NextAction(
            act="none", label="Nothing to do", why="It is closed. It opens again by itself when the value turns up or works."
        )
    if row["state"] == "ignored":
        return _ignored(row, number, now)
    if row["validity"] in ("dead", "expired"):
        return _closing(row, number)
    may_ask = checkable and row["has_value"]
    stale = row["checked_at"] is None or now - row["checked_at"] > _STALE
    if may_ask and stale:
        return NextAction(
            act="check",
            label="Ask its issuer whether it works",
            why="Whether it still works decides how urgent this is. One harmless request, nothing is changed.",
            command=f"stanch incidents check {number}",
        )
    if row["state"] == "open":
        return NextAction(
            act="start",
            label="Start remediation",
            why=_urgency(row),
            command=f"stanch incidents start {number}",
        )
    if may_ask:
        return NextAction(
            act="check",
            label="Check whether it is dead now",
            why="Once it is replaced and revoked, its issuer refuses it: that is the proof.",
            command=f"stanch incidents check {number}",
        )
    return NextAction(
        act="resolve",
        label="It is revoked: close the incident",
        why="Nobody can ask this issuer from here, so your word stands for the proof. Say how you know.",
        command=f"stanch incidents resolve {number} --as revoked",
        values={"resolution": "revoked"},
    )


def _closing(row: Mapping[Any, Any], number: str) -> NextAction:
    resolution, why = {
        "dead": ("proven_dead", "Its issuer refuses it as unknown or revoked: that is the proof."),
        "expired": ("expired", "It is past its end. See that nobody renews it."),
    }[row["validity"]]
    return NextAction(
        act="resolve",
        label="Close it: proven dead" if resolution == "proven_dead" else "Close it: expired",
        why=why,
        command=f"stanch incidents resolve {number} --as {resolution}",
        values={"resolution": resolution},
    )


def _ignored(row: Mapping[Any, Any], number: str, now: datetime) -> NextAction:
    until = row["ignored_until"]
    if until is not None and until - now < _SOON:
        return NextAction(
            act="extend",
            label="Accept the risk anew, or open it",
            why=f"The risk is accepted until {until.date().isoformat()}; after that the incident opens again.",
            command=f"stanch incidents reopen {number}",
        )
    return NextAction(act="none", label="Nothing to do", why="It is ignored. It opens again when the value is seen to work.")


def _urgency(row: Mapping[Any, Any]) -> str:
    if row["validity"] == "live":
        return "It works: whoever finds it can use it. Take it on, replace it, revoke it."
    if row["exposure"] == "public":
        return "Anybody could see it: treat it as known to others. Take it on, replace it, revoke it."
    return "Take it on, so that others see that somebody works on it."
