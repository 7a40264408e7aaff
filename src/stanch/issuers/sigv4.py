"""Sign a request to AWS: Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The secret key itself is never
sent: what is sent is an HMAC of the request under a key derived from it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"


def signed_headers(
    *,
    method: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    key_id: str,
    secret: bytes,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """Return *headers* with the date and the signature. The request has no query.

    Args:
        method: HTTP method.
        host: value of the ``Host`` header as it will be sent.
        path: from the first ``/``, without a query.
        headers: what else is sent and has to be signed.
        body: as it will be sent.
        key_id: access key ID.
        secret: secret access key.
        region: ``us-east-1`` …
        service: ``sts`` …
        now: the time, UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    all_headers = {**headers, "X-Amz-Date": moment}
    lines = {name.lower(): " ".join(value.split()) for name, value in {**all_headers, "host": host}.items()}
    names = ";".join(sorted(lines))
    canonical = "\n".join(
        (method, quote(path, safe="/-_.~"), "", *(f"{name}:{lines[name]}" for name in sorted(lines)), "", names, _digest(body))
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    signature = hmac.digest(
        _key(secret, scope), "\n".join((ALGORITHM, moment, scope, _digest(canonical.encode()))).encode(), hashlib.sha256
    ).hex()
    authorization = f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**all_headers, "Authorization": authorization}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key(secret: bytes, scope: str) -> bytes:
    key = b"AWS4" + secret
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key
