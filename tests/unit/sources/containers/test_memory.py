"""Memory stays bounded whatever lies inside; each case in a process of its own, which reports its peak."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")

PREAMBLE = """
import gzip, io, os, struct, sys, tarfile, zipfile, zlib
from stanch.sources.blob import Blob
from stanch.sources.containers import expand
from stanch.sources.limits import Limits

path = sys.argv[1]

class Zeros(io.RawIOBase):
    def __init__(self, left):
        self.left = left
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)
"""

REPORT = """
total = 0
skipped = []
for item in expand(Blob(path="o", opener=lambda: open(path, "rb")), Limits(ratio=10_000)):
    if isinstance(item, Blob):
        reader = item.open()
        while piece := reader.read(1 << 18):
            total += len(piece)
    else:
        skipped.append(item.code)
# getrusage would count the process that started this one.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(total, ",".join(skipped), peak // 1024)
"""

CASES = {
    "zeros in zip in tar.gz": """
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open("zeros", "w") as member:
                for _ in range(300):
                    member.write(bytes(1_000_000))
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            info = tarfile.TarInfo("inner.zip")
            info.size = inner.tell()
            inner.seek(0)
            archive.addfile(info, inner)
        """,
    "stored zip of 300 MB in tar.gz": """
        size = 300_000_000
        crc = 0
        for _ in range(300):
            crc = zlib.crc32(bytes(1_000_000), crc)
        local = struct.pack("<4s5H3L2H", b"PK\\3\\4", 20, 0, 0, 0, 0, crc, size, size, 1, 0) + b"a"
        central = struct.pack("<4s6H3L5H2L", b"PK\\1\\2", 20, 20, 0, 0, 0, 0, crc, size, size, 1, 0, 0, 0, 0, 0, 0) + b"a"
        end = struct.pack("<4s4H2LH", b"PK\\5\\6", 0, 0, 1, 1, len(central), len(local) + size, 0)
        class Stored(io.RawIOBase):
            parts = [io.BytesIO(local), Zeros(size), io.BytesIO(central + end)]
            def read(self, wanted=-1):
                out = b""
                while self.parts and len(out) < wanted:
                    piece = self.parts[0].read(wanted - len(out))
                    out += piece
                    if not piece:
                        self.parts.pop(0)
                return out
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            info = tarfile.TarInfo("inner.zip")
            info.size = len(local) + size + len(central) + len(end)
            archive.addfile(info, Stored())
        """,
}


def run(script: str, path: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split(" ")


@pytest.mark.parametrize("case", CASES)
def test_300_megabytes_pass_through_120(case, tmp_path):
    path = str(tmp_path / "outer.tar.gz")
    subprocess.run([sys.executable, "-c", PREAMBLE + textwrap.dedent(CASES[case]), path], check=True, timeout=120)
    total, skipped, peak = run(PREAMBLE + REPORT, path)
    assert (int(total), skipped) == (300_000_000, "")
    assert int(peak) < 120
