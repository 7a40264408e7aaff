"""Every error Stanch raises on purpose.

    StanchError              base: code, message, hint, docs
    ├── InputError           what the caller gave cannot be used            exit status 2
    ├── ConfigError          a configuration or catalog file is wrong       exit status 2
    ├── SourceError          a source as a whole could not be read          exit status 2
    ├── ConflictError        it was changed meanwhile, or is in another state exit status 2
    ├── NotFoundError        there is nothing of that id here                exit status 2
    └── NotPermittedError    whoever asks may not do that                   exit status 2

"Could not read this one thing" is not an error but a value: see `stanch.core.finding.Skipped`.
Messages never carry bytes from scanned content, because those may be the secret.
"""

from __future__ import annotations


def place_of(exc: BaseException) -> str:
    """Return file, line and function an exception comes from: what may be shown of one that is not ours."""
    trace, place = exc.__traceback__, "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place


class StanchError(Exception):
    """Base of all errors meant for people.

    Args:
        message: a sentence saying what happened.
        hint: what to do about it.
        code: stable machine-readable name.
    """

    code = "error"
    exit_status = 2

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    @property
    def docs(self) -> str:
        """Page that explains this error."""
        return f"docs/errors.md#{self.code}"

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InputError(StanchError):
    """What the caller gave cannot be used: a path that is missing, a range git does not know."""

    code = "input"


class ConfigError(StanchError):
    """A configuration or catalog file is wrong.

    Args:
        message: what is wrong.
        path: the file.
        line: 1-based line in it, when known.
        hint: what to write instead.
    """

    code = "config"

    def __init__(self, message: str, *, path: str = "", line: int | None = None, hint: str = "") -> None:
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.path = path
        self.line = line


class SourceError(StanchError):
    """A source as a whole could not be read: not a git repository, git missing."""

    code = "source"


class ConflictError(StanchError):
    """What was asked does not fit what is on record now: somebody was faster, or it is in another state."""

    code = "conflict"


class NotFoundError(StanchError):
    """There is nothing of that id in this workspace, or it is somebody else's: nobody is told which."""

    code = "not_found"


class NotPermittedError(StanchError):
    """Whoever asks may not do that."""

    code = "not_permitted"
