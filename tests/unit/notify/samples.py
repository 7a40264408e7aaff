"""Notices for tests, some with names that an attacker chose."""

from typing import Any

from stanch.core.finding import Severity
from stanch.notify.message import Fact, Notice, NoticeKind

NASTY = (
    "<!channel> @everyone <@U123> <script>alert(1)</script> [click](https://evil.test) https://evil.test *b* _i_ `c` |x| &amp; "
    "\u202eoff\u0000 <at>all</at>"
)


def notice(**values: Any) -> Notice:
    given: dict[str, Any] = {
        "kind": NoticeKind.INCIDENT_OPENED, "workspace": "Main", "title": "GitHub token in shop", "severity": Severity.HIGH,
        "facts": (Fact(label="Where", value="app/settings.py"),), "page": "/incidents/inc_1", "incident": 12,
        "detector": "github-pat", "provider": "github", "source": "shop", "dedupe_key": "incident_opened:inc_1",
    }  # fmt: skip
    return Notice(**(given | values))


def nasty(**values: Any) -> Notice:
    return notice(title=NASTY, facts=(Fact(label="Where", value=NASTY),), source=NASTY, **values)
