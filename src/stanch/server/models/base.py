"""What all models of the API share: bounded texts, pages, problems."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")
_TEXT: Final = r"^[^\x00]*$"  # PostgreSQL takes no NUL; neither do people
_NAME: Final = r"^[^\x00]*[^\x00\s][^\x00]*$"


def bounded(most: int, *, least: int = 0) -> StringConstraints:
    """Return the bounds of a text of so many characters."""
    return StringConstraints(min_length=least, max_length=most, pattern=_TEXT)


def named(most: int) -> StringConstraints:
    """Return what makes a name of a text: not blank, bounded, without blanks at its ends."""
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most, pattern=_NAME)


def _sane(value: datetime) -> datetime:
    if not 1971 <= value.year <= 2200:
        raise ValueError("must lie between 1971 and 2200")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
"""A point in time that somebody gives: ISO 8601 with a zone."""

Severity = Literal["critical", "high", "medium", "low", "info"]
Validity = Literal["live", "dead", "expired", "dormant", "inconclusive", "unchecked"]
State = Literal["open", "in_remediation", "resolved", "ignored"]
Exposure = Literal["public", "internal", "private", "unknown"]
Environment = Literal["production", "staging", "development", "unknown"]
Role = Literal["viewer", "responder", "approver", "administrator"]
Permission = Literal["read", "triage", "scan", "accept", "reveal", "approve", "manage"]


class Given(BaseModel):
    """What a request holds; unknown names are an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


def one_of(*names: str) -> dict[str, Any]:
    """Return what says in a schema that exactly one of these is given."""
    return {"oneOf": [{"required": [name]} for name in names]}


def left_out(**options: Any) -> Any:
    """Return a field that may be left out, and is no `null` when it is given."""
    return Field(default_factory=lambda: None, **options)


class Shown(BaseModel):
    """What an answer holds; new names may come."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True)


class Page(Shown, Generic[T]):
    """A part of a list."""

    items: list[T]
    """In the order of the list."""
    next_cursor: str | None = Field(default=None, examples=["WyJ1cmdlbmN5Iiw0XQ"])
    """Give it as `cursor` for the next part; `null` at the end."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return a readable name for the description: ``IncidentPage``."""
        return f"{params[0].__name__}Page"

    @classmethod
    def of(cls, items: Iterable[T], cursor: str = "") -> Page[T]:
        """Return a page; an empty cursor means that it is the last."""
        return cls(items=list(items), next_cursor=cursor or None)


class Named(Shown):
    """A person, team or source that something refers to."""

    id: str = Field(examples=["usr_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    name: str = Field(examples=["Ada"])


class Wrong(Shown):
    """One wrong parameter."""

    param: str = Field(examples=["limit"])
    """Its name; parts of a body are joined by dots."""
    message: str = Field(examples=["Input should be less than or equal to 200"])


class ProblemShown(Shown):
    """An answer that is an error: RFC 9457 with a stable code."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(examples=["https://stanch.example/docs/problems/not_found"])
    """Class of failure, as an address."""
    title: str = Field(examples=["There is nothing here"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no such incident."])
    """What happened, and what to do."""
    code: str = Field(examples=["not_found"])
    """Stable name of the error."""
    doc_url: str = Field(examples=["https://stanch.example/docs/errors/not_found"])
    """Page that explains this code."""
    request_id: str = Field(examples=["req_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    request_log_url: str = Field(examples=["https://stanch.example/requests/req_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    """Opens this request's own entry in the log."""
    param: str = Field(default="", examples=["limit"])
    """Which parameter it is about."""
    errors: list[Wrong] = Field(default_factory=list)
    """One entry per wrong parameter."""
