"""Whether validity checks keep the configured pace and need the same memory whatever their number.

    python benchmarks/validity.py [--checks 1000] [--rate 100] [--results FOLDER]

The issuer is a TLS server in a process of its own that writes down when each request came. Asked through the real door
(lookup, address check, pinned connection, verified certificate, record on disk) and the real cache. Then the same without a
limit, and ten times as many, to see the cost of a check and that memory stays.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from stanch.core.secret import Secret, fingerprint_of  # noqa: E402
from stanch.core.validity import Probe, Validity, ValidityCheck  # noqa: E402
from stanch.issuers.cache import AnswerCache  # noqa: E402
from stanch.issuers.checker import REMEMBERED, Checker  # noqa: E402
from stanch.issuers.model import Credential, Door, HttpRequest, verdict  # noqa: E402
from stanch.issuers.record import ProbeRecord  # noqa: E402
from stanch.issuers.transport import GuardedDoor, Surroundings  # noqa: E402
from stanch.net.policy import DoorPolicy  # noqa: E402

HOST = "api.issuer.example"
WORKERS = 16
BURST = 10
EARLY = 200  # checks after which memory is expected to stay
MEMORY_BAR = 4 << 20
PACE_BAR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. Times are seconds, sizes bytes.

    Attributes:
        checks: how many.
        rate: requests a second allowed, 0 for no limit.
        wall: from the first to the last verdict.
        cpu: CPU time of the checking process.
        expected: what the rate makes of it; 0 without one.
        busiest: most requests that the server saw in any one second; delays on the way push arrivals together, so this may pass
            rate + burst by a few although none was sent early.
        earliest: by how much the request that came closest to its time came after it; negative is too early. 0 without a rate.
        memory_early: anonymous memory after the first checks.
        memory_half: after half of them.
        memory_end: most of it after the first checks.
        live: verdicts that were right: live.
        dead: verdicts that were right: dead.
    """

    checks: int
    rate: float
    wall: float
    cpu: float
    expected: float
    busiest: int
    earliest: float
    memory_early: int
    memory_half: int
    memory_end: int
    live: int
    dead: int


def serve(certificate: str) -> None:
    """Be the issuer: accept tokens that end in an even digit. Prints its port; on ``read`` prints when requests came."""
    import ssl

    times: list[float] = []

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            times.append(time.monotonic())
            known = int(self.headers.get("Authorization", "0")[-1]) % 2 == 0
            body = json.dumps({"login": "ada"} if known else {"message": "Bad credentials"}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

        def finish_request(self, request: object, address: object) -> None:
            # The handshake belongs into the request's thread, or one slow client would hold up all others.
            super().finish_request(context.wrap_socket(request, server_side=True), address)  # type: ignore[arg-type]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for _ in sys.stdin:
        print(json.dumps(times), flush=True)
        times.clear()


class Issuer:
    """The server's process."""

    def __init__(self, folder: Path) -> None:
        from tests.support.servers import Authority

        authority = Authority()
        self.bundle = authority.bundle(folder)
        authority.server(folder, HOST)
        (certificate,) = folder.glob("server-*.pem")
        command = [sys.executable, __file__, "--serve", str(certificate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def times(self) -> list[float]:
        """When requests came, since this was asked last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("read\n")
        self._process.stdin.flush()
        return sorted(json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        self._process.communicate()


def credentials(count: int, label: str) -> Iterator[Credential]:
    """Tokens, one after the other, none kept."""
    key = os.urandom(32)
    for number in range(count):
        value = f"tok-{label}-{number:08d}".encode()
        yield Credential(detector="token", secret=Secret(value, fingerprint=fingerprint_of(value, key), redacted="tok-…"))


def validator(port: int) -> object:
    """Ask as a bearer token is asked."""

    def ask(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
        headers = {"Authorization": f"Bearer {credential.secret.reveal().decode()}"}
        answer = door.send(HttpRequest(method="GET", url=f"https://{HOST}:{port}/user", headers=headers), probes=probes)
        if answer.status == 200:
            return verdict(door, Validity.LIVE, "accepted", "It works.", probes, {"login": json.loads(answer.body)["login"]})
        return verdict(door, Validity.DEAD, "refused", "Its issuer does not know it.", probes)

    return ask


def anonymous() -> int:
    """Anonymous memory of this process."""
    for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    return 0


def run(issuer: Issuer, folder: Path, checks: int, rate: float) -> Run:
    """Check, and look on."""
    label = f"{rate:g}-{checks}"
    policy = DoorPolicy(rate=rate, burst=BURST, ca_bundle=issuer.bundle, allowed=(HOST,))
    record = ProbeRecord(folder / f"probes-{label}.jsonl")
    cache = AnswerCache(folder / f"answers-{label}.sqlite", hosts=policy.hosts_digest())
    door = GuardedDoor(policy, record=record.append, world=Surroundings(resolver=lambda *_: ["127.0.0.1"]))
    checker = Checker(door, {"token": validator(issuer.port)}, cache=cache, workers=WORKERS)  # type: ignore[dict-item]
    gc.collect()
    seen = {Validity.LIVE: 0, Validity.DEAD: 0}
    early = half = most = 0
    cpu, start = time.process_time(), time.monotonic()
    for number, (_, check) in enumerate(checker.check_all(credentials(checks, label)), 1):
        seen[check.validity] = seen.get(check.validity, 0) + 1
        if number == EARLY:
            early = anonymous()
        if number == checks // 2:
            half = anonymous()
        if number > EARLY and number % 50 == 0:
            most = max(most, anonymous())
    wall, cpu = time.monotonic() - start, time.process_time() - cpu
    cache.close()
    times = issuer.times()
    assert len(times) == checks, f"{len(times)} requests for {checks} checks"
    assert sum(1 for _ in record.read()) == checks, "the record lacks requests"
    return Run(
        checks=checks, rate=rate, wall=wall, cpu=cpu, expected=max(0, checks - BURST) / rate if rate else 0.0,
        busiest=busiest(times), earliest=earliest(times, start, rate),
        memory_early=early, memory_half=half, memory_end=most, live=seen[Validity.LIVE], dead=seen[Validity.DEAD],
    )  # fmt: skip


def busiest(times: list[float]) -> int:
    """Most requests in any window of one second."""
    most = first = 0
    for last, when in enumerate(times):
        while when - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def earliest(times: list[float], start: float, rate: float) -> float:
    """How long after its time the most punctual request came. Both processes read one clock (CLOCK_MONOTONIC)."""
    if not rate:
        return 0.0
    return min(when - start - max(0, number - BURST + 1) / rate for number, when in enumerate(times))


def bars(paced: Run, free: list[Run]) -> dict[str, tuple[bool, str]]:
    """What is held against the figures."""
    off = paced.wall / paced.expected - 1
    growth = [
        (f"{r.checks:,} at {f'{r.rate:g}/s' if r.rate else 'no limit'}", r.memory_end - r.memory_early) for r in [paced, *free]
    ]
    return {
        f"{paced.checks:,} checks take as long as the rate says, within {PACE_BAR:.0%}": (
            -0.001 <= off <= PACE_BAR, f"{paced.wall:.2f} s for {paced.expected:.2f} s ({off:+.1%})",
        ),
        "no request comes before its time": (
            paced.earliest >= 0, f"the closest {paced.earliest * 1000:+.1f} ms; busiest second at the issuer {paced.busiest}",
        ),
        f"memory grows by less than {MEMORY_BAR >> 20} MB after the first {EARLY} checks, in every run": (
            max(size for _, size in growth) < MEMORY_BAR, "; ".join(f"{count}: {size / 1e6:+.2f} MB" for count, size in growth),
        ),
        "every verdict is right": (
            all(r.live == r.dead == r.checks // 2 for r in [paced, *free]), f"{sum(r.checks for r in [paced, *free]):,} checks",
        ),
    }  # fmt: skip


def report(paced: Run, free: list[Run], held: dict[str, tuple[bool, str]]) -> str:
    rows = "\n".join(f"| {what} | {'PASS' if ok else 'FAIL'} | {said} |" for what, (ok, said) in held.items())
    runs = "\n".join(
        f"| {r.checks:,} | {f'{r.rate:g}/s' if r.rate else 'none'} | {r.wall:.2f} s | {r.checks / r.wall:,.0f}/s | "
        f"{r.cpu / r.checks * 1000:.2f} ms | {r.memory_early / 1e6:.1f} MB | {r.memory_half / 1e6:.1f} MB | {r.memory_end / 1e6:.1f} MB |"
        for r in [paced, *free]
    )
    return f"""# Validity checks

Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC with `benchmarks/validity.py`: {WORKERS} workers, burst {BURST}, a TLS issuer on loopback in its own process.

| Bar | | |
|---|---|---|
{rows}

Each check is a lookup, an address check, a new TLS connection with a verified certificate, two lines in the record and one row in the cache. {REMEMBERED:,} answers of a run are kept at hand, about a kilobyte each.

| Checks | Limit | Took | Pace | CPU a check | Memory after {EARLY} | after half | most after {EARLY} |
|---:|---:|---:|---:|---:|---:|---:|---:|
{runs}

Largest resident size of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--serve", metavar="PEM", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issuer = Issuer(folder)
        try:
            paced = run(issuer, folder, args.checks, args.rate)
            free = [run(issuer, folder, count, 0) for count in (args.checks, args.checks * 10)]
        finally:
            issuer.stop()
    held = bars(paced, free)
    facts = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "workers": WORKERS,
        "burst": BURST,
        "bars": {what: {"passed": ok, "said": said} for what, (ok, said) in held.items()},
        "runs": [asdict(r) for r in [paced, *free]],
    }
    args.results.mkdir(exist_ok=True)
    (args.results / "validity.json").write_text(json.dumps(facts, indent=2) + "\n")
    text = report(paced, free, held)
    (args.results / "validity.md").write_text(text)
    print(text)
    sys.exit(0 if all(ok for ok, _ in held.values()) else 1)


if __name__ == "__main__":
    main()
