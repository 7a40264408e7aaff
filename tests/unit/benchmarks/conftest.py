"""The benchmark's modules are scripts side by side, so their folder goes on the path; a lab with a catalog of four types."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stanch.catalog.model import Detector, detector_from

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

if TYPE_CHECKING:
    from lab import Lab


def made(**changes: object) -> Detector:
    table: dict[str, object] = {
        "id": "acme-api-key",
        "name": "Acme API key",
        "kind": "api_key",
        "severity": "high",
        "value": "[0-9a-f]{32}",
        "near": ["acmecloud", "acme_cloud"],
        "checks": ["mixed"],
        "positive": ["ACMECLOUD_API_KEY={value}", 'acme_cloud: "{value}"', '{"acmecloud": {"key": "{value}"}}'],
        "negative": ["ACMECLOUD_API_KEY={value:short}", "ACMECLOUD_API_KEY=${X}"],
    }
    table.update(changes)
    return detector_from({key: value for key, value in table.items() if value is not None}, provider="AcmeCloud")


NEAR = made()
SHAPED = made(id="acme-token", name="Acme token", kind="token", value="acme_[A-Za-z0-9]{30}", near=None, checks=["mixed-case"])
STRING = made(
    id="acme-connection-string",
    name="Acme connection string",
    kind="connection_string",
    value=None,
    near=None,
    checks=[],
    expression=r"acmedb://svc:(?P<value>[^\s@'\"]{8,60})@",
    prefilter=["acmedb://"],
    sample="{maker:password}",
    positive=[
        'ACME_URL="acmedb://svc:{value}@db-1:99/shop"',
        "connect('acmedb://svc:{value}@db-2/x')",
        "go acmedb://svc:{value}@db-3 now",
    ],
)
BLOCK = made(
    id="acme-block",
    name="Acme private key",
    kind="private_key",
    value=None,
    near=None,
    checks=[],
    expression=r"(?P<value>-----BEGIN ACME KEY-----[\s\S]{20,2000}?-----END ACME KEY-----)",
    prefilter=["-----begin acme key-----"],
    sample="-----BEGIN ACME KEY-----\n{base64:64}\n{base64:64}\n-----END ACME KEY-----",
    positive=["{value}", "key: {value}", "x\n{value}\n"],
)


@pytest.fixture(scope="session")
def lab() -> Lab:
    from lab import Lab

    return Lab([NEAR, SHAPED, STRING, BLOCK], "four", None)
