"""Texts that stand where a secret would and are none: placeholders, references, digests, ids, checksums of lock files."""

from __future__ import annotations

import random

from leaks import BASE62, BASE64, HEX, random_text
from naming import Name
from stanch.catalog.model import Detector


def placeholders(detector: Detector, name: Name, value: str, rng: random.Random) -> list[str]:
    """Texts that people put where a value is to go."""
    lead = value[: detector.prefix]
    rest = max(8, len(value) - len(lead)) if len(value) < 120 else 24
    middle = value[: len(value) // 2] if 12 <= len(value) <= 120 and "\n" not in value else lead
    return [
        f"YOUR_{name.upper}_HERE",
        f"your-{name.kebab}",
        lead + "x" * rest,
        lead + "X" * rest,
        f"<{name.kebab}>",
        f"<your {name.prose}>",
        "changeme",
        f"{middle}EXAMPLE",
        f"{lead}example-{name.kebab}-value",
        lead + "*" * rest,
        lead + "0" * rest,
        f"{lead}...",
        f"{lead}REPLACE_ME",
        f"[{name.snake}]",
    ]


def references(name: Name) -> list[tuple[str, str, bool]]:
    """(language, text, whether it stands without quotes) of things that name where a value is kept."""
    upper, snake, camel = name.upper, name.snake, name.camel
    return [
        ("python", f'os.environ["{upper}"]', True),
        ("python", f'os.getenv("{upper}", "")', True),
        ("python", f"settings.{upper}", True),
        ("python", f'config.get("{snake}")', True),
        ("yaml", f"${{{{ secrets.{upper} }}}}", True),
        ("yaml", f"{{{{ .Values.{camel} }}}}", True),
        ("yaml", f"vault:secret/data/shop#{name.kebab}", True),
        ("yaml", f"${{{upper}}}", True),
        ("yaml", f"!Ref {name.pascal}", True),
        ("yaml", f"arn:aws:secretsmanager:eu-west-1:{random_text('0123456789', 12, random.Random(upper))}:secret:{snake}", True),
        ("env", f"${{{upper}}}", True),
        ("env", f"$(vault kv get -field=value secret/{name.kebab})", True),
        ("env", f"op://prod/{name.kebab}/credential", True),
        ("json", f"@Microsoft.KeyVault(SecretUri=https://shop-prod.vault.azure.net/secrets/{name.kebab}/)", False),
        ("json", f"%{upper}%", False),
        ("json", f"${{env:{upper}}}", False),
        ("javascript", f"process.env.{upper}", True),
        ("javascript", f"getSecret('{name.kebab}')", True),
        ("terraform", f"var.{snake}", True),
        ("terraform", f'data.vault_generic_secret.shop.data["{snake}"]', True),
        ("java", f'System.getenv("{upper}")', True),
        ("go", f'os.Getenv("{upper}")', True),
        ("csharp", f'Configuration["{name.pascal}"]', True),
        ("ruby", f"ENV.fetch('{upper}')", True),
        ("php", f"getenv('{upper}')", True),
    ]


def _uuid(rng: random.Random) -> str:
    return "-".join(random_text(HEX, size, rng) for size in (8, 4, 4, 4, 12))


def digests(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, digest) of hashes that people write down."""
    w = word or "shop"
    return [
        ("deploy/versions.env", f"{w.upper()}_AGENT_SHA256=", random_text(HEX, 64, rng)),
        ("deploy/install.sh", f'{w}_md5="', random_text(HEX, 32, rng)),
        ("config/build.yml", f"{w}:\n  commit: ", random_text(HEX, 40, rng)),
        ("config/build.json", f'{{"name": "{w}", "revision": "', random_text(HEX, 40, rng)),
        ("Dockerfile", f"FROM {w}/agent:7@sha256:", random_text(HEX, 64, rng)),
        ("README.md", f"The {w} archive has the SHA-1 checksum ", random_text(HEX, 40, rng)),
        ("src/cache.py", f'{w.upper()}_FINGERPRINT = "', random_text(HEX, 64, rng)),
        ("config/assets.json", f'{{"{w}.js": {{"etag": "', random_text(HEX, 32, rng)),
        (".gitmodules.txt", f"# {w} submodule\ngit-sha: ", random_text(HEX, 40, rng)),
    ]


def identifiers(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, UUID) of ids."""
    w = word or "shop"
    return [
        (".env", f"{w.upper()}_PROJECT_ID=", _uuid(rng)),
        ("config/app.json", f'{{"{w}": {{"requestId": "', _uuid(rng)),
        ("config/app.yml", f"{w}:\n  tenant_id: ", _uuid(rng)),
        ("logs/shop.log", f"2024-05-11T09:21:11Z INFO [{w}] trace_id=", _uuid(rng)),
        ("shop/settings.py", f'{w.upper()}_ORGANIZATION_ID = "', _uuid(rng)),
        ("infra/main.tf", f'  {w}_workspace_id = "', _uuid(rng)),
        ("Shop.csproj", "<ProjectGuid>{", _uuid(rng).upper()),
    ]


def locks(word: str, rng: random.Random) -> list[tuple[str, str, str]]:
    """(path, text before, checksum) of lines of lock files and integrity fields."""
    w = word or "shop"
    return [
        (
            "package-lock.json",
            f'"node_modules/{w}-api": {{"version": "1.2.3", "integrity": "sha512-',
            random_text(BASE64, 86, rng) + "==",
        ),
        (
            "yarn.lock",
            f'{w}-token@^1.0.0:\n  resolved "https://registry.yarnpkg.com/{w}-token/-/{w}-token-1.0.0.tgz#',
            random_text(HEX, 40, rng),
        ),
        ("Cargo.lock", f'[[package]]\nname = "{w}-secret"\nversion = "0.3.1"\nchecksum = "', random_text(HEX, 64, rng)),
        ("poetry.lock", f'name = "{w}"\nfiles = [{{file = "{w}_key-1.0.whl", hash = "sha256:', random_text(HEX, 64, rng)),
        ("go.sum", f"github.com/acme/{w}-auth v1.4.0 h1:", random_text(BASE64, 43, rng) + "="),
        ("index.html", f'<script src="https://cdn.acme.io/{w}.js" integrity="sha384-', random_text(BASE64, 64, rng)),
        ("requirements.txt", f"{w}-api-key==1.0 --hash=sha256:", random_text(HEX, 64, rng)),
        ("RECORD", f"{w}/token.py,sha256=", random_text(BASE62, 43, rng)),
    ]
