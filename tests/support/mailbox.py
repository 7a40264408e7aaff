"""A mail server on loopback: takes mail, and refuses what it is told to."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.support.servers import Connection


@dataclass
class Mailbox:
    """What a mail server got.

    Attributes:
        mails: messages.
        recipients: of each.
        logins: name and password, as they came.
        refuse: answer to a command instead of the good one, by the command's first word; the end of ``DATA`` is ``END``.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    @property
    def behave(self) -> Callable[[Connection], None]:
        """What the server does with each connection."""
        return self._serve

    def _serve(self, connection: Connection) -> None:
        lines = connection.socket.makefile("rwb")

        def say(text: str) -> None:
            lines.write(text.encode() + b"\r\n")
            lines.flush()

        say("220 mail.test ESMTP")
        to: list[str] = []
        while line := lines.readline():
            text = line.decode().strip()
            word = text.partition(" ")[0].upper()
            if word in self.refuse:
                say(self.refuse[word])
            elif word == "EHLO":
                say("250-mail.test\r\n250-AUTH PLAIN\r\n250 8BITMIME")
            elif word == "AUTH":
                _, name, password = base64.b64decode(text.split()[2]).decode().split("\0")
                self.logins.append((name, password))
                say("235 welcome")
            elif word == "RCPT":
                to.append(text.partition("<")[2].partition(">")[0])
                say("250 ok")
            elif word == "DATA":
                say("354 go on")
                self._take(lines, to, say)
                to = []
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def _take(self, lines: object, to: list[str], say: Callable[[str], None]) -> None:
        body = b""
        while (line := lines.readline()) not in (b".\r\n", b""):  # type: ignore[attr-defined]
            body += line[1:] if line.startswith(b"..") else line
        if "END" in self.refuse:
            say(self.refuse["END"])
            return
        message = email.message_from_bytes(body, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients.append(to)
        say("250 taken")
