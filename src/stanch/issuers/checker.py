"""Ask issuers about many credentials at once: each question once, a bounded number at a time, whatever the number in all.

Results come as they are ready. What a result says does not depend on the order of the input, on the number of workers or on
who asked first. Memory is bounded: the input is pulled only as fast as answers come.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, quote_plus

from stanch.core.secret import Secret
from stanch.core.validity import Validity, ValidityCheck
from stanch.issuers.cache import AnswerCache
from stanch.issuers.model import Credential, Door, Validator, asked, verdict

REMEMBERED: Final = 1024  # answers of this run at hand; older ones are looked up in the cache, or asked again
_LEAST: Final = 6  # shorter texts are in everything, and are no credentials


class Checker:
    """Checks credentials.

    Args:
        door: the way out.
        validators: by id of the detector.
        needs: names of companions without which a type cannot be asked about, by id of the detector; adapters may say so
            themselves.
        cache: remembers between runs; ``None`` for not at all.
        workers: most requests under way at once.
    """

    def __init__(
        self,
        door: Door,
        validators: Mapping[str, Validator],
        *,
        needs: Mapping[str, Sequence[str]] | None = None,
        cache: AnswerCache | None = None,
        workers: int = 8,
    ) -> None:
        self._door = door
        self._validators = validators
        self._needs = needs or {}
        self._cache = cache
        self._workers = max(1, workers)

    def check(self, credential: Credential) -> ValidityCheck:
        """Check one credential, or remember what was said about it."""
        missing = self._unaskable(credential)
        if missing is not None:
            return missing
        question = question_of(credential)
        if self._cache is not None:
            known = self._cache.get(question, credential.detector, self._door.now())
            if known is not None:
                return known
        answer = without_value(asked(self._validators[credential.detector], credential, self._door), credential)
        if self._cache is not None:
            self._cache.put(question, credential.detector, answer)
        return answer

    def check_all(self, credentials: Iterable[Credential]) -> Iterator[tuple[int, ValidityCheck]]:
        """Check credentials and yield the position of each in the input with its verdict, as they are ready.

        Equal questions are asked once. Closing the iterator, or Ctrl-C, stops at once: requests under way are left to their
        deadlines in threads that do not keep the process alive.
        """
        crew = _Crew(self, self._workers)
        try:
            for position, credential in enumerate(credentials):
                yield from crew.give(position, credential)
            yield from crew.finish()
        finally:
            crew.stop()

    def _unaskable(self, credential: Credential) -> ValidityCheck | None:
        detector = credential.detector
        if detector not in self._validators:
            return self._unchecked("no_validator", "There is no check for this type of credential.")
        missing = [name for name in self._needs.get(detector, ()) if not credential.companions.get(name)]
        if missing:
            names = " and the ".join(missing)
            message = f"The {names} is needed to ask, and none stands near by. Give it, and ask again."
            return self._unchecked("companion_missing", message)
        if not credential.secret.has_value and credential.key is None:
            return self._unchecked("value_not_kept", "Only the fingerprint of this credential was kept. Scan again to check it.")
        return None

    def _unchecked(self, reason: str, message: str) -> ValidityCheck:
        return verdict(self._door, Validity.UNCHECKED, reason, message, [])


def question_of(credential: Credential) -> str:
    """Return the identity of what is asked: the type, the value and everything that stands beside it.

    The same value with another account is another question. Values go in as fingerprints, so nothing can be read from it.
    """
    parts = [credential.detector, credential.secret.fingerprint]
    for name in sorted(credential.companions):
        companion = credential.companions[name]
        parts += [name, companion.fingerprint if isinstance(companion, Secret) else f"={companion}"]
    if credential.key is not None:
        parts.append(credential.key.facts.spki_sha256)
        parts += [hashlib.sha256(der).hexdigest() for der in credential.key.certificates]
        parts += [f"{name}={value}" for name, value in sorted(credential.key.fields.items())]
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def without_value(check: ValidityCheck, credential: Credential) -> ValidityCheck:
    """Return a verdict that certainly holds no credential: an issuer may send it back in any field that becomes evidence."""
    hidden = _forms(credential)
    if not hidden:
        return check

    def clean(text: str) -> str:
        for form in hidden:
            text = text.replace(form, "‹credential›")
        return text

    return replace(
        check,
        message=clean(check.message),
        evidence={clean(name): clean(value) for name, value in check.evidence.items()},
        probes=tuple(replace(probe, request_id=clean(probe.request_id)) for probe in check.probes),
    )


def _forms(credential: Credential) -> list[str]:
    """Return the ways a value may be written, longest first."""
    secrets = [credential.secret, *(value for value in credential.companions.values() if isinstance(value, Secret))]
    forms: set[str] = set()
    for secret in secrets:
        if not secret.has_value:
            continue
        plain = secret.reveal()
        text = plain.decode("utf-8", "replace")
        forms |= {text, quote(text, safe=""), quote_plus(text), plain.hex(), plain.hex().upper(), *_in_base64(plain)}
    return sorted((form for form in forms if len(form) >= _LEAST), key=len, reverse=True)


def _in_base64(plain: bytes) -> Iterator[str]:
    """Yield what the value looks like inside base64 of a longer text, as in HTTP Basic: the three ways it may be aligned."""
    for before in range(3):
        text = b64encode(bytes(before) + plain).decode("ascii")
        inner = text[-(-8 * before // 6) : 8 * (before + len(plain)) // 6]  # characters made of the value's bits alone
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    question: str
    credential: Credential


class _Crew:
    """Worker threads and what they were given. Used from one thread, that of the caller.

    The threads are daemons and not of `concurrent.futures`, whose exit handler waits for them: after Ctrl-C nobody wants to
    wait for a server that hangs.
    """

    def __init__(self, checker: Checker, workers: int) -> None:
        self._checker = checker
        self._workers = workers
        self._window = workers * 4  # positions that may wait for an answer at one time
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[str, ValidityCheck]] = queue.SimpleQueue()
        self._waiting: dict[str, list[int]] = {}  # question → positions
        self._open = 0  # positions in it
        self._answers: OrderedDict[str, ValidityCheck] = OrderedDict()
        self._stopped = threading.Event()
        self._threads = 0

    def give(self, position: int, credential: Credential) -> Iterator[tuple[int, ValidityCheck]]:
        """Take one more credential; yield what is ready, and wait for something when enough is under way."""
        missing = self._checker._unaskable(credential)
        if missing is not None:
            yield position, missing
            return
        question = question_of(credential)
        known = self._answers.get(question)
        if known is not None:
            self._answers.move_to_end(question)
            yield position, known
            return
        self._open += 1
        if question in self._waiting:
            self._waiting[question].append(position)
        else:
            self._waiting[question] = [position]
            self._hire()
            self._jobs.put(_Job(question=question, credential=credential))
        while self._open >= self._window:
            yield from self._next(wait=True)
        while not self._done.empty():
            yield from self._next(wait=False)

    def finish(self) -> Iterator[tuple[int, ValidityCheck]]:
        """Yield the rest."""
        while self._open:
            yield from self._next(wait=True)

    def stop(self) -> None:
        """Let nothing more begin."""
        self._stopped.set()
        for _ in range(self._threads):
            self._jobs.put(None)

    def _next(self, *, wait: bool) -> Iterator[tuple[int, ValidityCheck]]:
        try:
            question, answer = self._done.get(block=wait)
        except queue.Empty:
            return
        self._answers[question] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        positions = self._waiting.pop(question)
        self._open -= len(positions)
        for position in positions:
            yield position, answer

    def _hire(self) -> None:
        if self._threads < self._workers and self._threads < len(self._waiting):
            self._threads += 1
            threading.Thread(target=self._work, name=f"check-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stopped.is_set():
            question, credential = job.question, job.credential
            del job  # a waiting thread holds no value
            self._done.put((question, self._answer(credential)))
            del credential

    def _answer(self, credential: Credential) -> ValidityCheck:
        try:
            return self._checker.check(credential)
        except BaseException as exc:  # a thread that died silently would let everybody wait forever
            from stanch.core.errors import place_of

            message = f"A bug of ours: {type(exc).__name__} at {place_of(exc)}. Please report it with this line."
            return verdict(self._checker._door, Validity.INCONCLUSIVE, "bug", message, [])
