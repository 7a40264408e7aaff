"""How Entra says no: the body, and the words of each code, as far as public documents and reports show them.

Sources: https://learn.microsoft.com/entra/identity-platform/reference-error-codes, the names in AzureAD/microsoft-identity-web,
and messages quoted in public troubleshooting pages. Codes are a contract for people, not for programs: they change.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from stanch.simulators.wire import Request, Response, json_response

if TYPE_CHECKING:
    from stanch.simulators.entra_credentials import Accepted

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Code → status, OAuth error, words. {names} are filled in by whoever refuses.
ERRORS: Final[Mapping[int, tuple[int, str, str]]] = {
    50012: (
        401,
        "invalid_client",
        "Authentication failed. {reason}",
    ),
    50013: (
        401,
        "invalid_client",
        "Assertion failed validation. {reason}",
    ),
    50027: (
        401,
        "invalid_client",
        "JWT token is invalid or malformed.",
    ),
    53003: (
        400,
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    70011: (
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for 'scope' is not valid.",
    ),
    70003: (
        400,
        "unsupported_grant_type",
        "The app requested an unsupported grant type.",
    ),
    90002: (
        400,
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
        "the correct cloud. Check with your subscription administrator, this may happen if there are no "
        "active subscriptions for the tenant.",
    ),
    90033: (
        503,
        "temporarily_unavailable",
        "A transient error has occurred. Please try again.",
    ),
    90038: (
        400,
        "invalid_request",
        "The specified tenant '{tenant}' belongs to the National Cloud '{cloud}'. Current cloud instance "
        "'{here}' does not federate with it.",
    ),
    90055: (
        429,
        "temporarily_unavailable",
        "There are too many incoming requests for this tenant.",
    ),
    500011: (
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen "
        "if the application has not been installed by the administrator of the tenant or consented to by any "
        "user in the tenant.",
    ),
    530032: (
        400,
        "invalid_grant",
        "Access has been blocked by a security policy of the tenant.",
    ),
    700016: (
        400,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if"
        " the application has not been installed by the administrator of the tenant or consented to by any "
        "user in the tenant. You may have sent your authentication request to the wrong tenant.",
    ),
    700021: (
        401,
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the "
        "documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    700023: (
        401,
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    700024: (
        401,
        "invalid_client",
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from "
        "{start}, expiry time of assertion {end}. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    700027: (
        401,
        "invalid_client",
        "Client assertion failed signature validation. [Reason - {reason}, Please visit the Azure Portal, "
        "Graph Explorer or directly use MS Graph to see configured keys for app Id '{client}'.]",
    ),
    900144: (
        400,
        "invalid_request",
        "The request body must contain the following parameter: '{parameter}'.",
    ),
    900382: (
        400,
        "invalid_request",
        "Confidential Client is not supported in Cross Cloud request.",
    ),
    900432: (
        400,
        "invalid_request",
        "Confidential Client is not supported in Cross Cloud request.",
    ),
    1000502: (
        401,
        "invalid_client",
        "The provided client certificate is not within its valid time range. {reason}",
    ),
    7000112: (
        400,
        "unauthorized_client",
        "Application '{client}'({name}) is disabled.",
    ),
    7000214: (
        401,
        "invalid_client",
        "The client certificate has been revoked.",
    ),
    7000215: (
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        "value, not the client secret ID, for a secret added to app '{client}'.",
    ),
    7000218: (
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    7000222: (
        401,
        "invalid_client",
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new"
        " keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for "
        "added security: https://aka.ms/certCreds.",
    ),
    7000274: (
        401,
        "invalid_client",
        "The certificate used to sign the client assertion is not within its validity period.",
    ),
    7000277: (
        401,
        "invalid_client",
        "The certificate used to sign the client assertion was revoked.",
    ),
}


class RefusedError(Exception):
    """A request that is refused.

    Args:
        code: AADSTS number, a key of `ERRORS`.
        words: what fills the placeholders of its text.

    Attributes:
        found: the registered key that was refused, when one was found.
    """

    found: Accepted | None = None

    def __init__(self, code: int, **words: str) -> None:
        super().__init__(code)
        self.code = code
        self.words = words


def correlation_of(request: Request) -> str:
    """Return the client's request id when it sent a GUID, else a new one."""
    sent = request.headers.get("client-request-id", "")
    return sent.lower() if _GUID.fullmatch(sent) else str(uuid.uuid4())


def message_of(refused: RefusedError) -> str:
    """Return the text without ids and time."""
    known = {"client": "", "name": "", "tenant": "", "reason": "", "resource": "", "cloud": "", "here": "", "parameter": ""}
    words = {**known, "now": "", "start": "", "end": "", **refused.words}
    return f"AADSTS{refused.code}: {ERRORS[refused.code][2].format_map(words)}".rstrip()


def error_response(request: Request, refused: RefusedError, correlation: str, trace: str = "") -> Response:
    """Return the whole answer to a refused token request.

    Args:
        request: it.
        refused: why.
        correlation: see `correlation_of`.
        trace: id of this exchange, which the sign-in log has too; a new one without it.
    """
    status, error, _ = ERRORS[refused.code]
    trace, stamp = trace or str(uuid.uuid4()), request.now.strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": error,
        "error_description": f"{message_of(refused)} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
        "error_codes": [refused.code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{request.host}/error?code={refused.code}",
    }
    return json_response(status, body, service_headers(correlation, trace))


def service_headers(correlation: str, trace: str) -> dict[str, str]:
    """Return the headers that every answer of the token endpoint has."""
    return {
        "Cache-Control": "no-store, no-cache",
        "Pragma": "no-cache",
        "client-request-id": correlation,
        "x-ms-request-id": trace,
        "x-ms-ests-server": "2.1.99999.1 - SIM ProdSlices",
    }
