"""A realistic report of each tool, made when a test runs: values are sampled, so that no real-looking one is in the repository."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.values import password, token

TOKEN, OTHER = token(1).decode(), token(2).decode()
PASSWORD = password(3).decode()
KEY = (
    ec.derive_private_key(2**200 + 12345, ec.SECP256R1())
    .private_bytes(ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption())
    .decode()
)
COMMIT = "4f2a" * 10
REPOSITORY = "https://github.com/acme/shop"

Report = Any


def gitleaks() -> Report:
    return [
        _gitleaks("github-pat", TOKEN, "deploy/app.env", 3),
        _gitleaks("github-pat", TOKEN, "deploy/app.env", 9),
        _gitleaks("private-key", KEY, "deploy/server.pem", 1),
        _gitleaks("my-own-rule", "REDACTED", "notes.txt", 7),
    ]


def _gitleaks(rule: str, secret: str, file: str, line: int) -> dict[str, Any]:
    return {
        "RuleID": rule, "Description": f"Found by {rule}", "StartLine": line, "EndLine": line, "StartColumn": 14, "EndColumn": 54,
        "Match": f"X={secret}", "Secret": secret, "File": file, "SymlinkFile": "", "Commit": COMMIT, "Entropy": 4.2,
        "Author": "Jane Doe", "Email": "jane@example.org", "Date": "2024-03-02T09:15:00Z", "Message": "Add settings", "Tags": [],
        "Link": f"{REPOSITORY}/blob/{COMMIT}/{file}#L{line}", "Fingerprint": f"{COMMIT}:{file}:{rule}:{line}",
    }  # fmt: skip


def betterleaks() -> Report:
    return [
        {
            "ruleID": "github-pat", "description": "GitHub token", "confidence": "high", "match": TOKEN, "secret": TOKEN, "tags": [],
            "attributes": {"path": "deploy/app.env", "git.sha": COMMIT, "git.author_name": "Jane Doe", "git.author_email": "j@example.org",
                           "git.date": "2024-03-02T09:15:00Z", "git.remote_url": REPOSITORY},
            "location": {"startLine": 3, "endLine": 3, "startColumn": 14, "endColumn": 54},
            "validation": {"status": "valid", "reason": "200"},
        }
    ]  # fmt: skip


def trufflehog() -> list[Report]:
    def row(name: str, raw: str, verified: bool, error: str = "") -> dict[str, Any]:
        place = {"commit": COMMIT, "file": "deploy/app.env", "email": "Jane Doe <jane@example.org>", "repository": f"{REPOSITORY}.git",
                 "timestamp": "2024-03-02 09:15:00 +0000", "line": 3}  # fmt: skip
        found = {"SourceMetadata": {"Data": {"Git": place}}, "SourceID": 1, "SourceType": 16, "SourceName": "trufflehog - git",
                 "DetectorType": 8, "DetectorName": name, "DecoderName": "PLAIN", "Verified": verified, "Raw": raw, "RawV2": "",
                 "Redacted": "", "ExtraData": {}, "StructuredData": None}  # fmt: skip
        return found | ({"VerificationError": error} if error else {})

    log = {"level": "info-0", "ts": "2024-03-02T09:16:00Z", "logger": "trufflehog", "msg": "finished scanning"}
    return [row("Github", TOKEN, True), row("Github", OTHER, False, "timeout"), log]


def kingfisher() -> Report:
    return {
        "findings": [
            {
                "rule": {"name": "GitHub Personal Access Token", "id": "kingfisher.github.1"},
                "finding": {
                    "snippet": TOKEN, "fingerprint": "14085685380484734428", "confidence": "high", "entropy": "4.80",
                    "validation": {"status": "Inactive Credential", "response": "401"}, "language": "Shell", "line": 3, "column_start": 13,
                    "column_end": 53, "path": "deploy/app.env",
                    "git_metadata": {"repository_url": REPOSITORY, "commit": {"id": COMMIT, "url": f"{REPOSITORY}/commit/{COMMIT}",
                        "date": "2024-03-02T09:15:00Z", "committer": {"name": "Jane Doe", "email": "jane@example.org"}, "message": "Add"},
                        "file": {"path": "deploy/app.env", "url": f"{REPOSITORY}/blob/{COMMIT}/deploy/app.env#L3"}},
                },
            }
        ],
        "metadata": {"version": "1.60.0"},
    }  # fmt: skip


def detect_secrets() -> Report:
    def row(kind: str, value: str, line: int, **more: Any) -> dict[str, Any]:
        mark = hashlib.sha1(value.encode(), usedforsecurity=False).hexdigest()
        return {
            "type": kind,
            "filename": "deploy/app.env",
            "hashed_secret": mark,
            "is_verified": False,
            "line_number": line,
            **more,
        }

    return {
        "version": "1.5.0",
        "plugins_used": [{"name": "GitHubTokenDetector"}, {"name": "KeywordDetector"}],
        "filters_used": [],
        "results": {
            "deploy/app.env": [row("GitHub Token", TOKEN, 3), row("Secret Keyword", PASSWORD, 8, is_secret=False)],
            "deploy\\copy.env": [row("GitHub Token", TOKEN, 4)],
        },
        "generated_at": "2024-03-02T09:15:00Z",
    }


def ggshield() -> Report:
    def incident(kind: str, match: str, **more: Any) -> dict[str, Any]:
        occurrence = {"match": match, "type": "apikey", "line_start": 3, "line_end": 3, "index_start": 14, "index_end": 54}
        return {"policy": "Secrets detection", "occurrences": [occurrence], "type": kind, "validity": "valid", "total_occurrences": 1,
                "ignore_sha": hashlib.sha256(kind.encode()).hexdigest(), "incident_url": "", "known_secret": False, **more}  # fmt: skip

    hidden = TOKEN[:4] + "*" * 30 + TOKEN[-2:]
    files = [{"mode": "FILE", "filename": "deploy/app.env", "total_incidents": 2, "total_occurrences": 2, "incidents": [
        incident("GitHub Personal Access Token", TOKEN), incident("Something Else", hidden, validity="failed_to_check")]}]  # fmt: skip
    scan = {"id": COMMIT, "type": "commit", "entities_with_incidents": files, "total_incidents": 2, "total_occurrences": 2,
            "extra_info": {"author": "Jane Doe", "email": "jane@example.org", "date": "2024-03-02T09:15:00Z"}}  # fmt: skip
    return {"id": "main", "type": "commit-range", "scans": [scan], "total_incidents": 2, "total_occurrences": 2}


def gitguardian() -> Report:
    def incident(id_: int, **more: Any) -> dict[str, Any]:
        return {
            "id": id_, "date": "2023-08-22T14:15:22Z", "secret_hash": f"Ri9FjVgdOlPnBmujoxP4XPJcbe82BhJXB/{id_}", "hmsl_hash": f"05{id_}",
            "detector": {"name": "slack_bot_token", "display_name": "Slack Bot Token", "nature": "specific", "family": "apikey",
                         "detector_group_name": "slackbot_token", "detector_group_display_name": "Slack Bot Token"},
            "gitguardian_url": f"https://dashboard.gitguardian.com/workspace/1/incidents/{id_}", "status": "TRIGGERED", "severity": "high",
            "validity": "valid", "occurrences_count": 1, "occurrences": None, **more,
        }  # fmt: skip

    place = {"id": 4421, "source": {"id": 6531, "url": REPOSITORY, "type": "github", "full_name": "acme/shop"}, "author_name": "Eric",
             "author_info": "eric@example.org", "date": "2021-05-20T12:40:55Z", "presence": "present", "filepath": "src/bot.py",
             "sha": COMMIT, "url": f"{REPOSITORY}/blob/{COMMIT}/src/bot.py#L12-L13", "matches": [{"name": "apikey", "indice_start": 32}]}  # fmt: skip
    return [
        incident(1, occurrences=[place]),
        incident(2, status="IGNORED", ignore_reason="test_credential", validity="invalid"),
        incident(3, status="RESOLVED", secret_revoked=True),
    ]


def gitguardian_csv() -> str:
    return (
        "incident_id,detector_display_name,status,ignore_reason,severity,validity,date,repository_url,filepath,commit_sha,secret\n"
        f'1,GitHub Personal Access Token,TRIGGERED,,high,valid,2024-03-02,{REPOSITORY},"deploy/app, env",{COMMIT},{TOKEN}\n'
        f"2,Generic Password,IGNORED,false_positive,low,no_checker,2024-03-02,{REPOSITORY},b.txt,{COMMIT},\n"
    )


def github() -> Report:
    def alert(id_: int, kind: str, secret: str | None, **more: Any) -> dict[str, Any]:
        return {"number": id_, "created_at": "2023-11-06T18:18:30Z", "url": f"https://api.github.com/repos/acme/shop/secret-scanning/alerts/{id_}",
                "html_url": f"{REPOSITORY}/security/secret-scanning/{id_}", "locations_url": "", "state": "open", "resolution": None,
                "secret_type": kind, "secret_type_display_name": kind, "secret": secret, "validity": "active", **more}  # fmt: skip

    spot = {"path": "deploy/app.env", "start_line": 3, "end_line": 3, "start_column": 14, "end_column": 54, "blob_sha": "af52" * 10,
            "commit_sha": COMMIT}  # fmt: skip
    issue = {"type": "issue_body", "details": {"issue_body_url": "https://api.github.com/repos/acme/shop/issues/347"}}
    return [
        alert(
            1, "github_personal_access_token", TOKEN, locations=[{"type": "commit", "details": spot}, issue], publicly_leaked=True
        ),
        alert(2, "openai_api_key_v2", None, state="resolved", resolution="wont_fix", validity="unknown"),
        alert(3, "acme_internal_token", None, state="resolved", resolution="used_in_tests", validity="inactive"),
    ]


def gitlab() -> Report:
    def row(rule: str, extract: str, **more: Any) -> dict[str, Any]:
        return {
            "id": hashlib.sha256(rule.encode()).hexdigest(), "category": "secret_detection", "name": rule, "severity": "Critical",
            "description": f"{rule} detected", "raw_source_code_extract": extract, "scanner": {"id": "gitleaks", "name": "Gitleaks"},
            "identifiers": [{"type": "gitleaks_rule_id", "name": f"Gitleaks rule ID {rule}", "value": rule},
                            {"type": "cwe", "name": "CWE-798", "value": "798"}],
            "location": {"file": "deploy/app.env", "start_line": 3, "end_line": 3,
                         "commit": {"sha": COMMIT, "author": "Jane Doe <jane@example.org>", "date": "2024-03-02T09:15:00Z"}}, **more,
        }  # fmt: skip

    return {
        "version": "15.2.1",
        "vulnerabilities": [
            row("Github Personal Access Token", f'token = "{TOKEN}"'),
            row("Password in Properties", f"pw={PASSWORD}"),
        ],
        "scan": {"type": "secret_detection", "status": "success"},
    }


def sarif(tool: str = "gitleaks", **result: Any) -> Report:
    place = {"physicalLocation": {"artifactLocation": {"uri": "deploy/app%20one.env"},
                                  "region": {"startLine": 3, "startColumn": 14, "endLine": 3, "endColumn": 54, "snippet": {"text": TOKEN}}}}  # fmt: skip
    marks = {
        "commitSha": COMMIT,
        "email": "jane@example.org",
        "author": "Jane Doe",
        "date": "2024-03-02T09:15:00Z",
        "commitMessage": "x",
    }
    found = {
        "ruleId": "github-pat",
        "message": {"text": f"found {TOKEN}"},
        "locations": [place],
        "partialFingerprints": marks,
    } | result
    rule = {"id": "github-pat", "name": "GitHub token", "shortDescription": {"text": "A GitHub token"},
            "properties": {"security-severity": "8.1", "tags": ["security"]}}  # fmt: skip
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": tool, "rules": [rule]}},
                "versionControlProvenance": [{"repositoryUri": REPOSITORY, "revisionId": COMMIT}],
                "results": [found],
            }
        ],
    }


def text(name: str) -> str:
    """The example of a format as it lies in a file."""
    if name == "gitguardian-csv":
        return gitguardian_csv()
    if name == "trufflehog":
        return "".join(json.dumps(row) + "\n" for row in trufflehog())
    return json.dumps(EXAMPLES[name](), indent=2)


EXAMPLES = {
    "gitleaks": gitleaks, "betterleaks": betterleaks, "trufflehog": trufflehog, "kingfisher": kingfisher,
    "detect-secrets": detect_secrets, "ggshield": ggshield, "gitguardian": gitguardian, "gitguardian-csv": gitguardian_csv,
    "github": github, "gitlab": gitlab, "sarif": sarif,
}  # fmt: skip
VALUES = (TOKEN, OTHER, PASSWORD, KEY.strip(), KEY.splitlines()[1])
