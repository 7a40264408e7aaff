"""Take the pictures of the dashboard for the documentation: of the same record at the same hour; only ids differ.

Run it with the project's Python: ``python scripts/screenshots.py [NAME …]``. Needs Chromium and Playwright.
Writes docs/img/{overview,incidents,incident,sources,run,settings,phone}.png. Not part of any check: pictures are looked at.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
IMAGES: Final = ROOT / "docs" / "img"
LARGEST: Final = 250_000  # bytes of a picture
_COLORS: Final = 256


class Shot(NamedTuple):
    """One picture."""

    path: str
    scheme: str = "light"
    width: int = 1280
    height: int = 800


def shots(house: Any) -> dict[str, Shot]:
    """Return what is photographed, by the name of the file."""
    return {
        "overview": Shot(""),
        "incidents": Shot("/incidents"),
        "incident": Shot("/incidents/31"),
        "sources": Shot("/sources"),
        "run": Shot(f"/runs/{house.runs['running']}", scheme="dark"),
        "settings": Shot("/settings/people"),
        "phone": Shot("/incidents", width=390, height=780),
    }


def smaller(picture: bytes) -> bytes:
    """Return a PNG with at most 256 colours: pages have few, so that nobody sees the difference. Large ones stay as they are.

    Colours are rounded, coarser and coarser, until they fit; the commonest ones are kept exactly.
    """
    width, height, pixels = _decoded(picture)
    counts: dict[bytes, int] = {}
    for at in range(0, len(pixels), 3):
        counts[color] = counts.get(color := pixels[at : at + 3], 0) + 1
    common = sorted(counts, key=counts.__getitem__, reverse=True)
    palette = common[: _COLORS // 2]
    for color in common[_COLORS // 2 :]:
        if len(palette) == _COLORS:
            break
        if all(_distance(color, other) > 300 for other in palette):
            palette.append(color)
    place = {color: index for index, color in enumerate(palette)}
    for color in common:
        if color not in place:
            place[color] = min(range(len(palette)), key=lambda index: _distance(color, palette[index]))
    rows = bytearray()
    for line in range(height):
        rows.append(0)
        begin = line * width * 3
        rows += bytes(place[pixels[at : at + 3]] for at in range(begin, begin + width * 3, 3))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(bytes(rows), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _distance(one: bytes, other: bytes) -> int:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _decoded(picture: bytes) -> tuple[int, int, bytes]:
    """Return width, height and pixels of Chromium's PNG: eight bits, three colours, not interlaced."""
    at, data, header = 8, b"", b""
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        body = picture[at + 8 : at + 8 + length]
        header, data = (body, data) if kind == b"IHDR" else (header, data + body if kind == b"IDAT" else data)
        at += length + 12
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if (depth, color, interlace) != (8, 2, 0):
        raise SystemExit("screenshots: Chromium writes another kind of PNG than this script reads")
    return width, height, b"".join(_lines(zlib.decompress(data), width * 3, height))


def _lines(data: bytes, size: int, height: int) -> Iterator[bytes]:
    """Undo the filters of PNG, line by line: https://www.w3.org/TR/png/#9Filters."""
    above = bytes(size)
    for number in range(height):
        begin = number * (size + 1)
        kind, line = data[begin], bytearray(data[begin + 1 : begin + 1 + size])
        for at in range(size) if kind else ():
            left, up = line[at - 3] if at >= 3 else 0, above[at]
            corner = above[at - 3] if at >= 3 else 0
            guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
            line[at] = (line[at] + guess) & 0xFF
        above = bytes(line)
        yield above


def _paeth(left: int, up: int, corner: int) -> int:
    a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return left if a <= b and a <= c else up if b <= c else corner


def take(names: list[str]) -> int:
    """Take the pictures; return how many are too large."""
    from playwright.sync_api import sync_playwright
    from tests.support.browser import ARGUMENTS, CHROMIUM, serving
    from tests.support.furnished import furnish
    from tests.support.site import opened_site

    heavy = 0
    with tempfile.TemporaryDirectory() as folder, opened_site(Path(folder)) as site, sync_playwright() as playwright:
        house = furnish(site)
        with serving(site.app) as base:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--hide-scrollbars"])
            for name, shot in shots(house).items():
                if names and name not in names:
                    continue
                picture = smaller(_taken(browser, base, site, shot))
                (IMAGES / f"{name}.png").write_bytes(picture)
                sys.stderr.write(f"{name}.png: {len(picture):,} bytes\n")
                heavy += len(picture) > LARGEST
            browser.close()
        house.gate.set()
    return heavy


def _taken(browser: Any, base: str, site: Any, shot: Shot) -> bytes:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme, device_scale_factor=2, locale="en-GB",
        timezone_id="UTC",
        has_touch=shot.width < 600, is_mobile=shot.width < 600,
    )  # fmt: skip
    context.add_cookies([{"name": "stanch_session", "value": site.people["administrator"].session.cookie, "url": base}])
    page = context.new_page()
    page.clock.set_fixed_time(site.clock())  # pages count times from now
    page.goto(base + site.url(shot.path))
    page.wait_for_timeout(400)
    taken: bytes = page.screenshot(animations="disabled")
    context.close()
    return taken


def main(arguments: list[str]) -> int:
    """Take all pictures, or those that are named."""
    os.environ.setdefault("STANCH_KEY", "5a" * 32)
    IMAGES.mkdir(parents=True, exist_ok=True)
    if heavy := take(arguments):
        sys.stderr.write(f"screenshots: {heavy} of them have more than {LARGEST:,} bytes\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
