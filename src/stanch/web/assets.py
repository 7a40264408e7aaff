"""Style sheets, scripts and pictures under addresses that name their content.

``/static/<hash>/stanch.css`` never changes, so browsers keep it for a year; a new release has new addresses. The files are small
and read once; what compresses is kept compressed as well.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

FOLDER: Final = Path(__file__).parent / "static"
_DIGITS: Final = 12  # of the hash in an address
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
}
_COMPRESSED: Final = (".css", ".js", ".svg", ".txt")
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is sent.

    Attributes:
        name: path below the static folder, with slashes.
        digest: of its content; part of its address.
        content: the file.
        compressed: the same, gzipped; ``None`` where that saves nothing.
        media_type: for ``Content-Type``.
    """

    name: str
    digest: str
    content: bytes
    compressed: bytes | None
    media_type: str


class Assets:
    """All files of the static folder, and an ASGI application that sends them.

    Args:
        folder: where the files are.
        prefix: path under which the application is mounted.
    """

    def __init__(self, folder: Path = FOLDER, prefix: str = "/static") -> None:
        self._prefix = prefix
        self._assets = {
            path.relative_to(folder).as_posix(): _read(path, path.relative_to(folder).as_posix())
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: there is no such file; templates are tested for that.
        """
        return f"{self._prefix}/{self._assets[name].digest}/{name}"

    def names(self) -> list[str]:
        """Return the names of all files."""
        return list(self._assets)

    def __getitem__(self, name: str) -> Asset:
        return self._assets[name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for ``/<digest>/<name>`` below the mount point."""
        request = Request(scope)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Method not allowed", 405, {"Allow": "GET, HEAD"})
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        digest, _, name = path.lstrip("/").partition("/")
        asset = self._assets.get(name)
        if asset is None:
            return PlainTextResponse("Not found", 404)
        # A page of the release before may ask for its own style sheet: it gets today's, and asks again next time.
        keep = _FOREVER if digest == asset.digest else "no-cache"
        headers = {
            "Cache-Control": keep,
            "ETag": f'"{asset.digest}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if f'"{asset.digest}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = asset.content
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = asset.compressed, "gzip"
        return Response(content, media_type=asset.media_type, headers=headers)


@cache
def shipped_assets() -> Assets:
    """Return the files that come with Stanch; read once a process."""
    return Assets()


def _read(path: Path, name: str) -> Asset:
    content = path.read_bytes()
    compressed = gzip.compress(content, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return Asset(
        name=name,
        digest=hashlib.sha256(content).hexdigest()[:_DIGITS],
        content=content,
        compressed=compressed if compressed is not None and len(compressed) < len(content) else None,
        media_type=_TYPES[path.suffix],
    )
