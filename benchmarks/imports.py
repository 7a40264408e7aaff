"""How long it takes to import 100,000 findings of another scanner: the real command, on SQLite and on a new PostgreSQL.

    python -m benchmarks.imports                 both; starts a PostgreSQL of its own
    python -m benchmarks.imports --findings 5000

A gitleaks report of made-up values is written (five places for each secret) and imported with ``stanch incidents import``, twice: the
second time nothing is new. Prints seconds of the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.database_servers import postgresql

PLACES = 5
_LETTERS = string.ascii_letters + string.digits


def report(path: Path, count: int) -> None:
    """Write a gitleaks report."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(count):
            value = "".join(random.Random(number // PLACES).choices(_LETTERS, k=32))
            finding = {
                "RuleID": "generic-api-key", "Secret": value, "Match": f"key={value}", "File": f"src/m{number % 400}/f{number}.py",
                "StartLine": number % 900 + 1, "EndLine": number % 900 + 1, "StartColumn": 1, "EndColumn": 40, "Commit": "", "Author": "",
                "Email": "", "Date": "", "Message": "", "Tags": [], "Fingerprint": f"f{number}:k:1",
            }  # fmt: skip
            file.write(("," if number else "") + json.dumps(finding))
        file.write("]")


def timed(file: Path, url: str, home: Path) -> float:
    """Import once; seconds."""
    command = [sys.executable, "-m", "stanch", "incidents", "import", str(file), "--database", url]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"XDG_DATA_HOME": str(home)})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Import findings of another scanner, and time it.")
    parser.add_argument("--findings", type=int, default=100_000)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql("host all all 127.0.0.1/32 trust", None, shared_buffers="256MB", fsync="on", autovacuum="on") as server,
    ):
        home, file = Path(folder), Path(folder) / "gitleaks.json"
        report(file, arguments.findings)
        time.sleep(3)
        server.run("CREATE DATABASE bench;")
        databases = {"SQLite": f"sqlite:///{home}/stanch.db", "PostgreSQL": f"postgresql://owner@127.0.0.1:{server.port}/bench"}
        print(f"| {arguments.findings:,} findings of a gitleaks report | first time | the same again |\n|---|---|---|")
        for name, url in databases.items():
            print(f"| {name} | {timed(file, url, home):.1f} s | {timed(file, url, home):.1f} s |", flush=True)


if __name__ == "__main__":
    main()
