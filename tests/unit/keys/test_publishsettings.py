""".publishsettings files of both schemas: which certificate controls which subscription, and nothing that XML can be made to do."""

import base64
import json
import time

import pytest
from hypothesis import given, settings
from tests.support import key_stores
from tests.support.key_corpus import publishsettings as written
from tests.support.key_material import KEYS, SUBSCRIPTIONS, certificate, der
from tests.support.key_reading import assert_locked, assert_open, damaged, password

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import publishsettings
from stanch.keys.model import KeyFormatError

URL = "https://management.core.windows.net"
IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(6)]


def pfx(name: str, word: str | None = "") -> str:
    return base64.b64encode(key_stores.pkcs12(name, "valid", "modern", word)).decode()


def subscription(id: str, name: str = "S", **attributes: str) -> str:
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<Subscription Id="{id}" Name="{name}"{more} />'


def document(*profiles: str, head: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>{head}<PublishData>{"".join(profiles)}</PublishData>'.encode()


def profile(*subscriptions: str, **attributes: str) -> str:
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<PublishProfile PublishMethod="AzureServiceManagementAPI"{more}>{"".join(subscriptions)}</PublishProfile>'


def parse(data: bytes, *passwords: str):
    return publishsettings.parse(data, [password(text) for text in passwords], guess=True)


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
@pytest.mark.parametrize("word", [None, ""])
@pytest.mark.parametrize("name", KEYS)
def test_one_certificate_controls_all_subscriptions_of_the_file(name, word, schema):
    (item,) = parse(written(schema, name, "expired", word).encode())
    assert_open(item, Protection.NONE if word is None else Protection.EMPTY_PASSWORD)
    assert item.facts.container == "publishsettings"
    assert item.certificates == (der(certificate(name, "expired")),)
    assert item.fields == {
        "subscription_ids": ",".join(SUBSCRIPTIONS),
        "subscription_names": "Subscription 0,Subscription 1",
        "service_management_url": URL,
    }


def test_each_certificate_has_its_own_subscriptions():
    own = [subscription(IDS[n], f"Name {n}", ServiceManagementUrl=URL, ManagementCertificate=pfx(KEYS[n % 3])) for n in range(6)]
    items = parse(document(profile(*own, SchemaVersion="2.0")))
    assert [item.facts.algorithm for item in items] == list(KEYS)
    assert [item.fields["subscription_ids"] for item in items] == [f"{IDS[n]},{IDS[n + 3]}" for n in range(3)]


def test_a_subscription_may_have_its_own_certificate_beside_the_profiles():
    first = profile(
        subscription(IDS[0]),
        subscription(IDS[1], ManagementCertificate=pfx("ec")),
        ManagementCertificate=pfx("rsa"),
        Url=f"{URL}/",
    )
    second = profile(subscription(IDS[2]), ManagementCertificate=pfx("ed25519"), Url="https://management.core.chinacloudapi.cn/")
    items = parse(document(first, second))
    found = [(item.facts.algorithm, item.fields["subscription_ids"], item.fields["service_management_url"]) for item in items]
    assert found == [("rsa", IDS[0], URL), ("ec", IDS[1], URL), ("ed25519", IDS[2], "https://management.core.chinacloudapi.cn")]


def test_a_certificate_without_subscriptions_is_found_too():
    (item,) = parse(document(profile(ManagementCertificate=pfx("ec"))))
    assert_open(item, Protection.EMPTY_PASSWORD)
    assert item.fields == {}


def test_names_are_unescaped_and_keep_no_comma():
    (item,) = parse(document(profile(subscription(IDS[0], "R&amp;D, &quot;x&quot;"), ManagementCertificate=pfx("ec"))))
    assert item.fields["subscription_names"] == 'R&D  "x"'


def test_a_certificate_with_a_password_stays_locked_or_opens():
    data = document(profile(subscription(IDS[0]), ManagementCertificate=pfx("ec", "some-word-9")))
    assert_locked(parse(data)[0])
    assert_open(parse(data, "some-word-9")[0], Protection.PASSWORD_FOUND)


def test_a_bare_certificate_in_it_is_public():
    bare = base64.b64encode(der(certificate("rsa", "valid"))).decode()
    (item,) = parse(document(profile(subscription(IDS[0]), ManagementCertificate=bare)))
    assert (item.facts.verdict, item.fields["subscription_ids"]) == (KeyVerdict.PUBLIC, IDS[0])


FORMS = {
    "UTF-8 with a mark": lambda text: b"\xef\xbb\xbf" + text,
    "UTF-16": lambda text: text.replace(b"utf-8", b"utf-16").decode().encode("utf-16"),
    "namespaced": lambda text: (
        text.replace(b"<PublishData>", b'<a:PublishData xmlns:a="x">')
        .replace(b"</PublishData", b"</a:PublishData")
        .replace(b"PublishProfile\n", b"a:PublishProfile\n")
        .replace(b"</PublishProfile", b"</a:PublishProfile")
    ),
    "wrapped base64": lambda text: text.replace(b"AAA", b"AAA&#xD;&#xA;  "),
    "escaped in JSON": lambda text: json.dumps({"settings": text.decode()}).encode(),
    "escaped twice": lambda text: json.dumps(text.decode()).encode().replace(b"<", b"\\u003c").replace(b">", b"\\u003e"),
    "escaped in XML": lambda text: (
        b'<add value="'
        + text.replace(b"&", b"&amp;")
        .replace(b"<", b"&lt;")
        .replace(b">", b"&gt;")
        .replace(b'"', b"&quot;")
        .replace(b"\n", b"&#10;")
        + b'"/>'
    ),
    "cut off": lambda text: text.partition(b"</PublishData>")[0],
    "in a script": lambda text: b"cat > a.publishsettings <<EOF\n" + text + b"EOF\n",
    "single quotes": lambda text: text.replace(b'"', b"'"),
}


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "UTF-16"])
def test_a_file_is_read_however_it_travels(form, schema):
    (item,) = parse(FORMS[form](written(schema, "ec", "valid", "").encode()))
    assert_open(item, Protection.EMPTY_PASSWORD)
    assert item.fields["subscription_ids"] == ",".join(SUBSCRIPTIONS)


def test_a_publish_profile_is_not_one():
    data = (
        b'<publishData><publishProfile profileName="app - Web Deploy" publishMethod="MSDeploy" publishUrl="app.scm.azurewebsites.net:443" '
        b'userName="$app" userPWD="' + b"x1Y2" * 15 + b'" /></publishData>'
    )
    for text in (data, data.replace(b"publishData", b"PublishData")):
        assert not publishsettings.looks_like_one(text)
        with pytest.raises(KeyFormatError):
            parse(text)


# --- what XML can be made to do -------------------------------------------------------------------------------------

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    "head",
    [
        LAUGHS,
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE PublishData SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!DOCTYPE PublishData>",
    ],
    ids=["laughs", "file", "network", "harmless"],
)
def test_document_types_are_refused_at_once(head):
    names = ("&j;", "&x;", "plain", "plain")
    start = time.process_time()
    for name in names:
        with pytest.raises(KeyFormatError, match="document type"):
            parse(document(profile(subscription(IDS[0], name), ManagementCertificate=pfx("ec")), head=head))
    assert time.process_time() - start < 0.5


def test_entities_without_a_document_type_are_not_looked_up():
    (item,) = parse(document(profile(subscription(IDS[0], "&x;"), ManagementCertificate=pfx("ec"))))
    assert item.fields["subscription_names"] == "&x;"


@pytest.mark.parametrize(
    "data",
    [
        document("<a>" * 1_000_000),
        document(profile(*[subscription(IDS[0], ManagementCertificate="TUlJ")] * 30_000)),
        document("<PublishProfile " * 300_000),
        document(
            profile(*(subscription(IDS[0], ManagementCertificate=base64.b64encode(b"%d" % n).decode()) for n in range(4_000)))
        ),
        b"<PublishData " + b'a="' * 1_000_000,
        b"<PublishData>" + b"<" * 3_000_000,
    ],
    ids=["deep", "many subscriptions", "open elements", "many certificates", "open attributes", "brackets"],
)
def test_hostile_files_are_refused_soon(data):
    start = time.process_time()
    with pytest.raises(KeyFormatError):
        parse(data)
    assert time.process_time() - start < 2


@settings(max_examples=80)
@given(damaged([written(schema, "ec", "valid", None).encode() for schema in ("1.0", "2.0")]))
def test_damaged_files_are_refused_or_read(data):
    try:
        items = parse(data)
    except KeyFormatError as error:
        assert str(error).isprintable()
    else:
        assert all(item.facts.container == "publishsettings" for item in items)
