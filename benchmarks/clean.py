"""Scan trees in which no secret should be: the standard library of every Python here, installed packages, system files.

Every finding is explained below, by path and detector; one that is not is UNEXPLAINED and fails the bar. Values that are real
but public (a private key that CPython ships for its tests) are no false alarms, are shown apart, and still count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from lab import CACHE, Lab, open_lab

from stanch.core.finding import Finding, Skipped
from stanch.scanning.scan import merge
from stanch.scanning.worker import Worker
from stanch.sources.files import FileSource

BAR = 0.05
"""Findings per megabyte."""
PUBLIC, FALSE = "public value", "false alarm"

EXPLAINED: tuple[tuple[str, str, str, str], ...] = (
    ("*/lib/python*/test/*", "pem-private-key-*", PUBLIC, "private keys that CPython ships for the tests of its ssl module"),
    ("*/moto/moto_proxy/*.key", "pem-private-key-*", PUBLIC, "key of moto's local proxy, the same in every installation"),
    ("*/moto/cognitoidp/resources/*", "jwk-private-key", PUBLIC, "signing key of moto's imitation of Cognito"),
    ("*/moto/iam/*aws_managed_policies*", "aws-secret-access-key", FALSE, "name of a policy statement: 40 letters and a digit, called Sid"),
    ("*/moto/*", "aws-session-token*", FALSE, "made-up values with which moto answers in place of AWS"),
    ("*/moto/*", "generic-*", FALSE, "made-up values with which moto answers in place of AWS"),
    ("*/awscli/examples/iot/*", "pem-private-key-*", PUBLIC, "private key in an example answer of the AWS manual"),
    ("*/awscli/examples/*", "aws-access-token", PUBLIC, "access key id of AWS itself in a signed link of the manual; expired in 2019"),
    ("*/awscli/examples/*", "aws-session-token*", PUBLIC, "session token in an example answer of the AWS manual"),
    ("*/awscli/examples/eks/*", "aws-secret-access-key", FALSE, "issuer of a cluster: a path with a random id as long as a key"),
    ("*/awscli/examples/apigateway/*", "aws-secret-access-key", FALSE, "id of an API key, as long as a secret key"),
    ("*/awscli/examples/iotwireless/*", "ethereum-private-key", FALSE, "AppServerPrivateKey of an example: 64 hex digits, another sort of private key"),
    ("*/botocore/data/*", "aws-session-token*", FALSE, "example values in the API descriptions of AWS"),
    ("*/botocore/data/*", "generic-*", FALSE, "example values in the API descriptions of AWS"),
    ("*/botocore/data/datasync/*", "azure-sas-token", PUBLIC, "example of a signature in the API description; expired in 2023"),
    ("*/urllib3/packages/rfc3986/builder.py*", "basic-auth-url", FALSE, "doctest with a made-up password in an address"),
    ("*/oauthlib/*", "generic-*", FALSE, "made-up tokens in docstrings, copied from RFC 5849 and RFC 6749"),
    ("*/joserfc-*", "json-web-token", PUBLIC, "token of the README, signed with the key `key`"),
    ("*/PyJWT-*", "json-web-token", PUBLIC, "token of the README, signed with the key `secret`"),
    ("*/doc/python3-jwt/*", "json-web-token", PUBLIC, "token of the README and of the change log"),
    ("*/jwt/*", "json-web-token", PUBLIC, "token of the documentation"),
    ("*/cryptography/*", "generic-secret", FALSE, "text beside a name in compiled code"),
    ("*/rsa/__pycache__/key.*", "generic-secret", FALSE, "text beside a name in compiled code"),
    ("*/package-lists/npm.tsv", "circleci-api-project-token", PUBLIC, "token of a build badge that a package publishes in its own description"),
    ("*/package-lists/pypi.tsv", "launchdarkly-sdk-key", FALSE, "a package called sdk- and a UUID"),
    ("*/package-lists/*", "azure-sql-password", FALSE, "descriptions of packages for Azure SQL"),
    ("*/python3-pip/*authentication*", "basic-auth-url", FALSE, "made-up password in the manual of pip"),
    ("*/nss/pkcs12t.h", "certificate-file-password", FALSE, "name of a C type near the word pkcs12"),
    ("*/@npmcli/arborist/README.md", "generic-password", FALSE, "base64 of `not my real password` in a README"),
    ("*/@npmcli/arborist/README.md", "npmrc-basic-auth", FALSE, "base64 of `not my real password` in a README"),
    ("*/info/grep.info*", "generic-password", FALSE, "a line of /etc/passwd in the manual of grep"),
    ("*/Net/Netrc.pm", "netrc-password", FALSE, "example of a .netrc file in the module's documentation"),
    ("*/cmake-*/Templates/Windows/*.pfx", "pkcs12-file", PUBLIC, "certificate with which CMake signs test packages"),
    ("*/man/nl/man5/sources.list.5*", "url-credentials", FALSE, "`user:password@server` in Dutch"),
    ("*/man/*/git-config.1*", "smtp-credentials", FALSE, "list of setting names"),
    ("*/man5/systemd.netdev.5*", "wireguard-private-key", PUBLIC, "key in the example of the manual"),
    ("*/libxmlsec1-dev/examples/*", "pem-private-key-*", PUBLIC, "key of the library's examples"),
)
"""(path pattern, detector pattern, sort, explanation); the first that fits counts. Each line was looked at in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One root to scan, and what below it belongs to another one."""

    name: str
    root: Path
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding in a clean tree, without its value."""

    tree: str
    path: str
    line: int
    detector: str
    confidence: str
    redacted: str
    sort: str
    explanation: str


@dataclass(slots=True)
class Cleanness:
    """What was read and what was found."""

    files: int = 0
    bytes: int = 0
    by_tree: dict[str, tuple[int, int]] = field(default_factory=dict)
    findings: list[Found] = field(default_factory=list)
    skipped: int = 0

    @property
    def per_megabyte(self) -> float:
        """Findings per million bytes."""
        return len(self.findings) / (self.bytes / 1e6) if self.bytes else 0.0

    @property
    def unexplained(self) -> int:
        """Findings that nobody has looked at."""
        return sum(not f.explanation for f in self.findings)


def trees() -> list[Tree]:
    """Return what there is on this machine."""
    found: list[Tree] = []
    pythons = [*sorted(Path.home().glob(".pyenv/versions/*/lib/python*")), *sorted(Path("/usr/lib").glob("python3*"))]
    for root in pythons:
        packages = root / "site-packages"
        found.append(Tree(name="standard library", root=root, without=("site-packages", "dist-packages")))
        found += [Tree(name="Python packages", root=p) for p in (packages, root / "dist-packages") if p.is_dir()]
    for root in (Path("/usr/include"), Path("/usr/share"), Path("/usr/lib/node_modules"), Path("/usr/lib/git-core")):
        if root.is_dir():
            found.append(Tree(name="system files", root=root))
    return [tree for tree in found if tree.root.is_dir()]


def measure(lab: Lab, *, workers: int, only: Sequence[Tree] | None = None) -> Cleanness:
    """Scan the trees with default settings.

    Args:
        lab: the engine.
        workers: processes; a tree is one share of work.
        only: these instead of all.
    """
    chosen = list(trees() if only is None else only)
    result = Cleanness()
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            scanned = list(pool.map(_scan_alone, chosen))
    else:
        scanned = [scan_tree(lab, tree) for tree in chosen]
    for tree, (findings, size, files, skipped) in zip(chosen, scanned, strict=True):
        result.files += files
        result.bytes += size
        result.skipped += skipped
        before = result.by_tree.get(tree.name, (0, 0))
        result.by_tree[tree.name] = (before[0] + size, before[1] + len(findings))
        result.findings += findings
    result.findings.sort(key=lambda f: (f.tree, f.detector, f.path, f.line))
    return result


def _scan_alone(tree: Tree) -> tuple[list[Found], int, int, int]:
    return scan_tree(open_lab(CACHE), tree)


def scan_tree(lab: Lab, tree: Tree) -> tuple[list[Found], int, int, int]:
    """Return findings, bytes on disk, files and how many could not be read."""
    worker = Worker(lab.context, lab.engine)
    size = files = skipped = 0
    findings: list[Finding] = []
    for job in FileSource(root=str(tree.root), excluded=lambda path, _: Path(path).name in tree.without).jobs():
        if isinstance(job, Skipped):
            skipped += 1
            continue
        result = worker.run(job)
        size += job.cost
        files += result.blobs
        skipped += len(result.skipped)
        findings += result.findings
    return list(_explained(tree, merge(findings))), size, files, skipped


def _explained(tree: Tree, findings: Sequence[Finding]) -> Iterator[Found]:
    for finding in findings:
        path = finding.location.path
        sort, explanation = explain(path, finding.detector)
        yield Found(
            tree=tree.name, path=path, line=finding.location.line, detector=finding.detector, confidence=finding.confidence.value,
            redacted=finding.secret.redacted, sort=sort, explanation=explanation,
        )  # fmt: skip


def explain(path: str, detector: str) -> tuple[str, str]:
    """Return the sort of a finding and its explanation; empty when nobody has looked at it."""
    for pattern, which, sort, text in EXPLAINED:
        if fnmatchcase(path, pattern) and fnmatchcase(detector, which):
            return sort, text
    return FALSE, ""
