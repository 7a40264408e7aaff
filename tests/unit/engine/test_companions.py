"""Which other parts become one finding with a value: the nearest, or every one; also around what was encoded."""

import base64
import random
import re

import pytest

from stanch.catalog.makers import MAKERS
from stanch.catalog.model import CompanionSpec
from stanch.engine.companions import MOST_PARTS, add_parts, parts_near
from stanch.engine.engine import Engine
from stanch.engine.match import Match

ID = r"id=(?P<value>[a-z0-9]{4,8})"


def values(data: bytes, first: int, last: int, **changes: object) -> list[bytes]:
    spec = CompanionSpec(name="id", expression=ID, secret=False, **changes)  # type: ignore[arg-type]
    return [part.value for part in parts_near(data, first, last, spec, re.compile(ID.encode()))]


def test_the_nearest_part_is_taken_and_the_same_line_first():
    data = b"id=aaaa\nid=bbbb VALUE .................... id=cccc\nid=dddd"
    at = data.index(b"VALUE")
    assert values(data, at, at + 5) == [b"bbbb"]
    data = b"id=bbbb\nVALUE .................... id=cccc"
    assert values(data, 8, 13) == [b"cccc"]


def test_every_part_is_taken_once_in_the_order_of_the_text():
    data = b"id=aaaa\nVALUE id=bbbb\nid=aaaa id=cccc"
    assert values(data, 8, 13, every=True) == [b"aaaa", b"bbbb", b"cccc"]
    many = b"VALUE " + b" ".join(b"id=%06d" % number for number in range(500))
    assert len(values(many, 0, 5, every=True, within=10_000)) == MOST_PARTS


def test_what_is_out_of_reach_or_inside_the_value_is_no_part():
    data = b"id=aaaa " + b"." * 50 + b"VALUE id=inside VALUE" + b"." * 50 + b" id=bbbb"
    start, end = data.index(b"VALUE"), data.rindex(b"VALUE") + 5
    assert values(data, start, end, within=20) == []
    assert values(data, start, end, within=100, every=True) == [b"aaaa", b"bbbb"]


def test_a_part_found_in_two_ways_counts_once(engine: Engine):
    detector = engine.catalog.detectors[0]
    match = Match(detector=detector, start=8, end=13, value=b"VALUE", rank=3)
    data = b"id=aaaa VALUE id=bbbb"
    for every in (False, True, True):
        spec = CompanionSpec(name="id", expression=ID, secret=False, every=every)
        add_parts(match, parts_near(data, 8, 13, spec, re.compile(ID.encode())))
    assert [part.value for part in match.companions] == [b"aaaa", b"bbbb"]
    assert [reason for reason in match.reasons if "together" in reason] == ["found together with its id"]


SECRET = "Tr4il" + "-mix.92"
PLACES = {
    "environment": f"PFX={{}}\nPFX_PASSWORD={SECRET}\n",
    "YAML": f"pfx: {{}}\npassword: '{SECRET}'\n",
    "YAML list": f"- name: PFX\n  value: {{}}\n- name: PFX_PASSWORD\n  value: {SECRET}\n",
    "JSON": f'{{{{"password": "{SECRET}", "pfx": "{{}}"}}}}',
    "JSON in JSON": f'{{{{\\"password\\": \\"{SECRET}\\", \\"pfx\\": \\"{{}}\\"}}}}',
    "XML": f"<bytes>{{}}</bytes><password>{SECRET}</password>",
    "settings": f'<add key="Pfx" value="{{}}" /><add key="PfxPassword" value="{SECRET}" />',
    "HCL": f'pfx = "{{}}"\nclient_certificate_password = "{SECRET}"\n',
    "openssl": f"echo {{}} | base64 -d > a.pfx\nopenssl pkcs12 -in a.pfx -passin pass:{SECRET} -out a.pem\n",
    "keytool": f"echo {{}} | base64 -d > a.p12\nkeytool -list -keystore a.p12 -storepass {SECRET}\n",
    "PowerShell": f'$r = "{{}}"\n$s = ConvertTo-SecureString -String "{SECRET}" -AsPlainText -Force\n',
    "C#": f'var raw = "{{}}";\nvar c = new X509Certificate2(raw, "{SECRET}");\n',
    "Python": f'PFX = "{{}}"\npassword = b"{SECRET}"\n',
    "properties": f"server.ssl.store={{}}\nserver.ssl.key-store-password={SECRET}\n",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["base64", "URL-safe"])
def test_a_password_beside_a_key_store_is_a_part_of_it(engine: Engine, place: str, form: str):
    raw = MAKERS["pkcs12-binary"](random.Random(place)).encode("latin-1")
    text = (base64.b64encode(raw) if form == "base64" else base64.urlsafe_b64encode(raw).rstrip(b"=")).decode()
    found = [match for match in engine.scan(PLACES[place].format(text).encode()) if match.detector.kind == "certificate"]
    assert [[part.value.decode() for part in match.companions if part.name == "password"] for match in found] == [[SECRET]]


@pytest.mark.parametrize(
    "line",
    [
        "DB_PASSWORD={}",
        "spring.datasource.password={}",
        '"smtp_password": "{}"',
        "ADMIN_PWD={}",
        "-passin env:PASS",
        "-passin file:{}",
    ],
)
def test_a_password_of_something_else_is_no_part_of_a_key_store(engine: Engine, line: str):
    text = MAKERS["pkcs12-base64"](random.Random(line))
    found = engine.scan(f"PFX={text}\n{line.format(SECRET)}\n".encode())
    assert [match.companions for match in found if match.detector.kind == "certificate"] == [[]]


def test_identity_beside_a_certificate_is_a_part_of_it(engine: Engine):
    rng = random.Random(2)
    ids = ["-".join(rng.randbytes(size).hex() for size in (4, 2, 2, 2, 6)) for _ in range(3)]
    text = (
        f"ARM_TENANT_ID={ids[0]}\nARM_CLIENT_ID={ids[1]}\nARM_SUBSCRIPTION_ID={ids[2]}\n"
        "AZURE_AUTHORITY_HOST=https://login.microsoftonline.us\nAZURE_CLIENT_CERTIFICATE_PATH=/etc/sp.pfx\n"
        f"ARM_CLIENT_CERTIFICATE={MAKERS['pkcs12-base64'](rng)}\n"
    )
    (match,) = [match for match in engine.scan(text.encode()) if match.detector.kind == "certificate"]
    assert match.detector.id == "azure-entra-app-certificate"
    assert {part.name: part.value.decode() for part in match.companions} == {
        "tenant id": ids[0],
        "client id": ids[1],
        "subscription id": ids[2],
        "authority host": "login.microsoftonline.us",
        "certificate path": "/etc/sp.pfx",
    }
