"""Send through apprise, in a process of its own; see `stanch.notify.child` for why and how it is confined."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from stanch.net.policy import DoorPolicy
from stanch.notify.child import policy_json
from stanch.notify.outcome import Delivered, Failed, Outcome

_SECONDS: Final = 60
_PERMANENT: Final = frozenset(
    (
        "url", "kind", "address_refused", "host_refused", "http_400", "http_410", "http_413", "http_414", "http_415", "http_422",
        "smtp_550", "smtp_551", "smtp_552", "smtp_553", "smtp_554",
    )
)  # fmt: skip


def send(url: str, *, plugin: str, title: str, body: str, format: str, level: str, policy: DoorPolicy) -> Outcome:
    """Send one message.

    Args:
        url: apprise's address, with its secrets.
        plugin: class of apprise that it must lead to; empty for any.
        title: subject or first line.
        body: in the format that is said.
        format: ``text``, ``markdown``, ``html``; empty to pass the body on as it is.
        level: ``info``, ``success``, ``warning`` or ``failure``: a colour.
        policy: of the installation.
    """
    job = {"url": url, "plugin": plugin, "title": title, "body": body, "format": format, "level": level}
    answer = _ask(job, policy)
    if answer.get("ok"):
        return Delivered()
    code = str(answer.get("code", "failed"))
    return Failed(code=code, permanent=code in _PERMANENT, retry_after=answer.get("retry_after"))


def check(url: str, *, plugin: str, policy: DoorPolicy) -> str:
    """Read an address without sending; return a code when it cannot be used: ``url``, ``kind``, ``failed``; empty when it can."""
    answer = _ask({"url": url, "plugin": plugin}, policy)
    return "" if answer.get("ok") else str(answer.get("code", "failed"))


def _ask(job: dict[str, Any], policy: DoorPolicy) -> dict[str, Any]:
    command = [sys.executable, "-P", "-s", "-m", "stanch.notify.child"]
    text = json.dumps({**job, "policy": policy_json(policy)})
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=_SECONDS, env=_environment(policy), cwd="/", check=False
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"ok": False, "code": "timeout"}
    except (OSError, ValueError):
        return {"ok": False, "code": "failed"}
    return answer if isinstance(answer, dict) else {"ok": False, "code": "failed"}


def _environment(policy: DoorPolicy) -> dict[str, str]:
    """Return what the process sees: nothing of ours but where Python, the authorities and the proxies are."""
    authorities = policy.ca_bundle or ssl.get_default_verify_paths().cafile or ""
    values = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LANG": "C.UTF-8",
        "REQUESTS_CA_BUNDLE": authorities,
        "SSL_CERT_FILE": authorities,
        "HTTP_PROXY": policy.proxies.http,
        "HTTPS_PROXY": policy.proxies.https,
        "NO_PROXY": ",".join(policy.proxies.bypass),
    }
    return {name: value for name, value in values.items() if value}
