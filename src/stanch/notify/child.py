"""A process of its own for apprise: it may connect to checked addresses and do next to nothing else.

Apprise speaks to some two hundred services over HTTP, SMTP and more, with addresses that people of a workspace write, and some of
its options read files. Rather than trusting each plug-in, everything that Python does here passes the hook of
`stanch.notify.confining`: connections go only to addresses that `stanch.net.guard` let through (also those that a name turns to
between two lookups), files are read from Python's own folders only, and no program is started. What arrives on standard input is
one job, what leaves on standard output is one line; secrets are in neither arguments nor environment.
"""

from __future__ import annotations

import json
import logging
import smtplib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stanch.net.model import HttpAnswer
from stanch.net.policy import DoorPolicy
from stanch.net.proxies import Proxies
from stanch.net.retrying import asked_wait
from stanch.notify.confining import Failures, Network, confine

_LARGEST_ANSWER: Final = 1 << 18
_TIMEOUT: Final = (10.0, 20.0)


def watch(network: Network, failures: Failures) -> None:
    """Bound every HTTP exchange of apprise, and remember how it and each SMTP reply ended."""
    import requests

    plain_send = requests.Session.send

    def send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        options |= {"allow_redirects": False, "timeout": _TIMEOUT, "stream": True, "verify": options.get("verify") or True}
        network.check_url(request.url or "", proxied=bool(options.get("proxies")))
        try:
            answer = plain_send(self, request, **options)
            answer._content = answer.raw.read(_LARGEST_ANSWER, decode_content=True)
        except requests.RequestException as exc:
            failures.note(_code_of(exc))
            raise
        answer.close()
        if not 200 <= answer.status_code < 300:
            failures.note(f"http_{answer.status_code}", _retry_after(answer.headers))
        return answer

    requests.Session.send = send  # type: ignore[method-assign]
    plain_reply = smtplib.SMTP.getreply

    def reply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = plain_reply(self)
        if code >= 400:
            failures.note(f"smtp_{code}")
        return code, text

    smtplib.SMTP.getreply = reply  # type: ignore[method-assign]


def work(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do one job and return what came of it.

    Args:
        job: ``policy``, ``url``, ``plugin`` (class that it must be; empty for any), ``title``, ``body``, ``format``, ``level``.
            Without ``body`` the address is only read.
    """
    import apprise

    logging.disable(logging.CRITICAL)  # apprise's log lines hold addresses with their secrets
    apprise.Apprise.instantiate("json://127.0.0.1/")  # loads the plug-ins while files may still be read
    failures = Failures()
    network = Network(policy_of(job["policy"]), failures)
    watch(network, failures)
    confine(network)
    asset = apprise.AppriseAsset(
        app_id="Stanch",
        app_desc="Stanch",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
    )
    try:
        service = apprise.Apprise.instantiate(job["url"], asset=asset, suppress_exceptions=True)
    except OSError:
        service = None
    if service is None:
        return {"ok": False, "code": "url"}
    if job["plugin"] and type(service).__name__ != job["plugin"]:
        return {"ok": False, "code": "kind"}
    if "body" not in job:
        return {"ok": True, "service": str(service.service_name)}
    told = apprise.Apprise(asset=asset)
    told.add(service)
    try:
        sent = bool(
            told.notify(
                body=job["body"],
                title=job["title"],
                notify_type=apprise.NotifyType(job["level"]),
                body_format=job["format"] or None,
            )
        )
    except Exception as exc:  # a plug-in that stumbles over its answer must not end without a word
        failures.note(_code_of(exc))
        sent = False
    return {"ok": True} if sent else {"ok": False, "code": failures.code, "retry_after": failures.retry_after}


def policy_of(values: Mapping[str, Any]) -> DoorPolicy:
    """Return the policy that `policy_json` wrote."""
    proxies = values["proxies"]
    return DoorPolicy(
        allowed=tuple(values["allowed"]),
        overrides=values["overrides"],
        proxies=Proxies(**{**proxies, "bypass": tuple(proxies["bypass"])}),
    )


def policy_json(policy: DoorPolicy) -> dict[str, Any]:
    """Return what the other process has to know of a policy."""
    proxies = policy.proxies
    return {
        "allowed": list(policy.allowed),
        "overrides": dict(policy.overrides),
        "proxies": {"http": proxies.http, "https": proxies.https, "other": proxies.other, "bypass": list(proxies.bypass)},
    }


def main() -> None:
    """Read a job, do it, and write one line."""
    job = json.load(sys.stdin)
    _limit_memory()
    answer = work(job)
    sys.stdout.write(json.dumps(answer) + "\n")


def _code_of(exc: BaseException) -> str:
    text = type(exc).__name__
    if "Timeout" in text:
        return "timeout"
    return "tls" if "SSL" in text else "connection" if "Connection" in text else "failed"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    answer = HttpAnswer(status=429, headers={"retry-after": headers.get("Retry-After", "")}, body=b"")
    return asked_wait(answer, datetime.now(UTC))


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is in memory here are secrets
    except (ImportError, ValueError, OSError):  # not every system knows both
        pass


if __name__ == "__main__":
    main()
