"""What other tools call a type of secret leads to detectors that exist."""

import re

import pytest

from stanch.catalog.load import DATA, load_paths
from stanch.incidents.imports.names import candidates, tables

IDS = frozenset(detector.id for detector in load_paths([DATA]))
PAIRS = [(tool, rule, id_) for tool, rules in tables().items() for rule, id_ in rules.items()]


def test_every_name_leads_to_a_detector_of_the_catalog():
    assert [pair for pair in PAIRS if pair[2] not in IDS] == []


def test_names_of_every_tool_are_known():
    assert {tool: len(rules) >= 10 for tool, rules in tables().items()} == dict.fromkeys(tables(), True)
    assert set(tables()) >= {"gitleaks", "trufflehog", "kingfisher", "detect-secrets", "gitguardian", "github", "gitlab"}
    assert len(PAIRS) >= 150


def test_names_are_slugs():
    assert [rule for _, rule, _ in PAIRS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule)] == []


@pytest.mark.parametrize(
    ("tool", "rule", "detector"),
    [
        ("gitleaks", "github-pat", "github-personal-access-token"),
        ("betterleaks", "github-pat", "github-personal-access-token"),
        ("trufflehog", "SlackWebhook", "slack-webhook-url"),
        ("github", "stripe_api_key", "stripe-live-secret-key"),
        ("github", "azure_storage_account_key", "azure-storage-account-key"),
        ("gitlab", "Hashicorp Vault batch token", "vault-batch-token"),
        ("detect-secrets", "AWS Access Key", "aws-access-token"),
        ("gitguardian", "slackbot_token", "slack-bot-token"),
        ("codeql", "private-key", "pem-private-key-pkcs8"),
    ],
)
def test_a_rule_is_found_by_its_name(tool, rule, detector):
    assert candidates(tool, rule)[0] == detector


def test_a_name_that_nobody_knows_leads_nowhere():
    assert not IDS.intersection(candidates("gitleaks", "acme-internal-token"))
