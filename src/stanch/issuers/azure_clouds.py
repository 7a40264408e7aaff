"""Microsoft's clouds and their hosts. An address in a scanned file only chooses one of these; it is never asked itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A cloud with a login service of its own.

    Attributes:
        name: ``global``, ``usgov``, ``china``.
        login: host that signs in.
        graph: host of Microsoft Graph, for which tokens are asked.
        management: host of the classic service management.
        also: other names by which files call its hosts.
    """

    name: str
    login: str
    graph: str
    management: str
    also: frozenset[str] = frozenset()


# https://learn.microsoft.com/graph/deployments, https://docs.azure.cn/articles/guidance/developerdifferences
CLOUDS: Final = (
    Cloud(
        name="global",
        login="login.microsoftonline.com",
        graph="graph.microsoft.com",
        management="management.core.windows.net",
        also=frozenset({"login.windows.net", "login.microsoft.com", "sts.windows.net", "management.azure.com"}),
    ),
    Cloud(
        name="usgov",
        login="login.microsoftonline.us",
        graph="graph.microsoft.us",
        management="management.core.usgovcloudapi.net",
        also=frozenset({"dod-graph.microsoft.us", "login-us.microsoftonline.com", "management.usgovcloudapi.net"}),
    ),
    Cloud(
        name="china",
        login="login.partner.microsoftonline.cn",
        graph="microsoftgraph.chinacloudapi.cn",
        management="management.core.chinacloudapi.cn",
        also=frozenset({"login.chinacloudapi.cn", "management.chinacloudapi.cn"}),
    ),
)


def cloud_of(text: str) -> Cloud:
    """Return the cloud that a host or address names; the global one when it names none of them."""
    try:
        host = (urlsplit(text if "://" in text else f"https://{text}").hostname or "").rstrip(".")
    except ValueError:
        host = ""
    return next((cloud for cloud in CLOUDS if host in {cloud.login, cloud.graph, cloud.management, *cloud.also}), CLOUDS[0])
