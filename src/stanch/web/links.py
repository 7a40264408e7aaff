"""Where a person can look at a place of a repository: addresses of forges' web pages, from the address that git clones.

Only ``https`` comes out, whatever went in, and only for hosts that are known for how they build addresses. What is not known has
no link: a wrong one would show other code under the name of this.

Sources: https://docs.github.com/en/repositories/working-with-files/using-files/getting-permanent-links-to-files,
https://docs.gitlab.com/user/project/repository/files/, https://support.atlassian.com/bitbucket-cloud/docs/hyperlink-to-source-code-in-bitbucket/,
https://learn.microsoft.com/azure/devops/repos/git/share-your-code-in-git-vs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

_SCP: Final = re.compile(r"^(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/\\].*)$")  # git@github.com:acme/shop.git
_HOST: Final = re.compile(r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")
_COMMIT: Final = re.compile(r"^[0-9a-f]{7,64}$")
_AZURE: Final = "dev.azure.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A repository on the web.

    Attributes:
        kind: ``github``, ``gitlab``, ``bitbucket`` or ``azure``.
        base: address of its first page.
    """

    kind: str
    base: str


def forge_of(target: str) -> Forge | None:
    """Return where a repository is on the web, from what git clones: ``https``, ``ssh`` or ``git@host:path``."""
    host, path = _parts(target)
    if not _HOST.match(host) or not path or any(part in ("", ".", "..") for part in path.split("/")):
        return None
    if host in ("ssh.dev.azure.com", "vs-ssh.visualstudio.com"):
        return _azure_ssh(path)
    if host == _AZURE or host.endswith(".visualstudio.com"):
        return Forge(kind="azure", base=f"https://{host}/{_quoted(path)}") if "/_git/" in f"/{path}" else None
    kind = _kind(host)
    return Forge(kind=kind, base=f"https://{host}/{_quoted(path)}") if kind and "/" in path else None


def place_link(place: Mapping[Any, Any]) -> str:
    """Return where an occurrence can be looked at; empty when nobody knows.

    Args:
        place: a row of `stanch.db.incidents.occurrences_of`.
    """
    known = str(place["url"] or "")
    if known.startswith("https://"):
        return known
    forge = forge_of(place["source_target"]) if place["source_kind"] == "git" else None
    commit = str(place["commit"] or "")
    if forge is None or not (_COMMIT.match(commit) or (not commit and place["in_head"])):
        return ""
    path, inside, _ = str(place["path"]).partition("!")  # a member of an archive: the archive is what the forge can show
    line = 0 if inside else int(place["line"] or 0)
    return file_link(forge, commit or "HEAD", path, line, max(line, int(place["end_line"] or 0)))


def commit_link(target: str, commit: str) -> str:
    """Return the page of a commit; empty when nobody knows."""
    forge = forge_of(target)
    if forge is None or not _COMMIT.match(commit):
        return ""
    parts = {"github": "commit", "gitlab": "-/commit", "bitbucket": "commits", "azure": "commit"}
    return f"{forge.base}/{parts[forge.kind]}/{commit}"


def file_link(forge: Forge, commit: str, path: str, line: int = 0, end: int = 0) -> str:
    """Return the page of a file at a commit, at some lines."""
    name = _quoted(path)
    several = end > line
    if forge.kind == "github":
        return f"{forge.base}/blob/{commit}/{name}" + (f"#L{line}" if line else "") + (f"-L{end}" if line and several else "")
    if forge.kind == "gitlab":
        return f"{forge.base}/-/blob/{commit}/{name}" + (f"#L{line}" if line else "") + (f"-{end}" if line and several else "")
    if forge.kind == "bitbucket":
        return f"{forge.base}/src/{commit}/{name}" + (f"#lines-{line}" if line else "") + (f":{end}" if line and several else "")
    query = {"path": f"/{path}"} | ({"version": f"GC{commit}"} if commit != "HEAD" else {})
    if line:
        query |= {"line": str(line), "lineEnd": str(max(line, end) + 1), "lineStartColumn": "1", "lineEndColumn": "1"}
    return f"{forge.base}?" + urlencode(query, safe="/", quote_via=quote)


def _parts(target: str) -> tuple[str, str]:
    """Return host and path of what git clones; a port is ssh's own, and says nothing about the web."""
    target = target.strip()
    if "://" not in target:
        found = _SCP.match(target)
        return (found["host"].lower(), _trimmed(found["path"])) if found else ("", "")
    try:
        parts = urlsplit(target)
        port = parts.port if parts.scheme in ("http", "https") else None
    except ValueError:
        return "", ""
    if parts.scheme not in ("https", "http", "ssh", "git") or port not in (None, 443, 80):
        return "", ""
    return (parts.hostname or "").lower(), _trimmed(unquote(parts.path))


def _trimmed(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")


def _kind(host: str) -> str:
    if host == "bitbucket.org":
        return "bitbucket"
    for kind in ("github", "gitlab"):
        if host == f"{kind}.com" or (host.startswith(f"{kind}.") and not host.startswith(f"{kind}.com.")):  # github.acme.example
            return kind
    return ""


def _azure_ssh(path: str) -> Forge | None:
    """``v3/organisation/project/repository`` → its page."""
    parts = path.split("/")
    if len(parts) != 4 or parts[0] != "v3":
        return None
    _, organisation, project, repository = (_quoted(part) for part in parts)
    return Forge(kind="azure", base=f"https://{_AZURE}/{organisation}/{project}/_git/{repository}")


def _quoted(path: str) -> str:
    return quote(path, safe="/-._~")
