"""Make the pictures of the documentation from `stanch demo`.

Run it with the project's Python: ``python scripts/pictures.py``. Needs Chromium for docs/img/report.png; docs/img/terminal.svg
needs nothing. Not part of any check: pictures are looked at.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Final

IMAGES: Final = Path(__file__).parent.parent / "docs" / "img"
COLUMNS: Final = 96
_CELL, _LINE, _PAD = 8.4, 19, 18  # of a 14-pixel monospace font
_SGR: Final = re.compile(r"\x1b\[([0-9;]*)m")
_LINK: Final = re.compile(r"\x1b\]8;;.*?\x1b\\")
_COLORS: Final = {
    "30": "#11151c",
    "31": "#ff7b72",
    "32": "#7ee787",
    "33": "#f2cc60",
    "34": "#79c0ff",
    "36": "#76e3ea",
    "97": "#ffffff",
}
_BACKGROUNDS: Final = {"41": "#b62324", "43": "#d29922", "44": "#1f6feb", "46": "#39c5cf", "100": "#57606a"}


def stanch(*arguments: str, cwd: Path) -> str:
    """Run the command in a terminal and return what it showed."""
    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "stanch", *arguments]
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=follower, stderr=subprocess.DEVNULL) as process:
        os.close(follower)
        parts = []
        try:
            while part := os.read(leader, 65536):
                parts.append(part)
        except OSError:  # the other end is closed
            pass
        os.close(leader)
        process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def svg(text: str) -> str:
    """Draw what a terminal shows."""
    lines = _LINK.sub("", text).rstrip("\n").split("\n")
    width, height = COLUMNS * _CELL + 2 * _PAD, len(lines) * _LINE + 2 * _PAD
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, &quot;DejaVu Sans Mono&quot;, monospace" font-size="14">',
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#11151c"/>',
    ]
    style = ""
    for number, line in enumerate(lines):
        column, y = 0, _PAD + number * _LINE + 14
        pieces = _SGR.split(line)
        for index, piece in enumerate(pieces):
            if index % 2:
                style = "" if piece in ("", "0") else piece
            elif piece:
                out.append(_piece(piece, style, _PAD + column * _CELL, y))
                column += len(piece)
    return "\n".join([*out, "</svg>"]) + "\n"


def _piece(text: str, style: str, x: float, y: float) -> str:
    codes = style.split(";")
    fill = next((_COLORS[code] for code in codes if code in _COLORS), "#8b949e" if "2" in codes else "#d7dde5")
    behind = next((_BACKGROUNDS[code] for code in codes if code in _BACKGROUNDS), "")
    weight = ' font-weight="bold"' if "1" in codes else ""
    width = len(text) * _CELL
    box = f'<rect x="{x:.1f}" y="{y - 14}" width="{width:.1f}" height="{_LINE}" fill="{behind}"/>' if behind else ""
    look = f'fill="{fill}"{weight} textLength="{width:.1f}" xml:space="preserve"'
    return f'{box}<text x="{x:.1f}" y="{y}" {look}>{escape(text)}</text>'


def shortened(text: str) -> str:
    """Keep the first finding, the last one and the end of the report."""
    starts = [match.start() for match in re.finditer(r"^\x1b\[[0-9;]+m [A-Z]+ \x1b\[0m", text, re.MULTILINE)]
    return text[: starts[1]] + "\x1b[2m⋮\x1b[0m\n\n" + text[starts[-1] :] if len(starts) > 2 else text


def main() -> int:
    """Make both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "billing"
        stanch("demo", "--folder", str(place), cwd=Path(folder))
        shown = "\x1b[1m$ stanch scan .\x1b[0m\n\n" + shortened(stanch("scan", ".", cwd=place))
        (IMAGES / "terminal.svg").write_text(svg(shown), encoding="utf-8")
        report = Path(folder) / "report.html"
        stanch("scan", ".", "-f", "html", "-o", str(report), cwd=place)
        # Headless Chromium has no way to click; the first secret is unfolded in the copy that is photographed.
        report.write_text(report.read_text("ascii").replace('<details id="secret-1">', '<details id="secret-1" open>'), "ascii")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if chromium is None:
            sys.stderr.write("pictures: Chromium is not installed, so docs/img/report.png stays as it is\n")
            return 1
        picture = IMAGES / "report.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,980"]
        command = [chromium, *options, f"--screenshot={picture}", report.as_uri()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
