import base64
import hashlib
import pickle
import random

import pytest
from tests.support.values import TOKEN, leak, password, token

from stanch.catalog.makers import MAKERS
from stanch.core.finding import Confidence, Severity
from stanch.core.secret import fingerprint_of
from stanch.engine.lines import Lines
from stanch.scanning.context import ScanContext
from stanch.scanning.findings import MOST_PLACES, identity, make_findings, pack, unpack

CONTEXT = ScanContext(key=b"k" * 32, keep_values=True)


def made(engine, data: bytes, context: ScanContext = CONTEXT, **more):
    return make_findings(engine.scan(data), data, context, path=more.pop("path", "app.env"), **more)


def test_finding_tells_everything_about_a_match(engine):
    (finding,) = made(engine, b"# x\n" + leak(), blob="ab" * 20)
    assert (finding.detector, finding.provider, finding.kind) == (TOKEN, "GitHub", "token")
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.HIGH)
    assert finding.secret.reveal() == token()
    assert finding.secret.fingerprint == fingerprint_of(token(), CONTEXT.key)
    assert finding.secret.redacted == f"ghp_…{token()[-4:].decode()} (40 characters)"
    place = finding.location
    assert (place.path, place.blob, place.start, place.end) == ("app.env", "ab" * 20, 17, 57)
    assert (place.line, place.column, place.end_line, place.end_column) == (2, 14, 2, 54)
    assert finding.snippet == f"GITHUB_TOKEN=‹{finding.secret.redacted}›"
    assert finding.tags == {"basis": "checksum"}


def test_plain_values_stay_behind_unless_they_are_kept(engine):
    (finding,) = made(engine, leak(), ScanContext(key=b"k" * 32))
    assert not finding.secret.has_value
    assert finding == made(engine, leak())[0]


def test_same_value_again_is_another_place_of_the_same_finding(engine):
    data = leak(1) + leak(2) + leak(1) + leak(1)
    first, second = made(engine, data)
    assert [p.line for p in (first.location, *first.also_at)] == [1, 3, 4]
    assert [p.line for p in (second.location, *second.also_at)] == [2]


def test_places_of_one_finding_are_bounded(engine):
    (finding,) = made(engine, leak() * (MOST_PLACES + 50))
    assert len(finding.also_at) == MOST_PLACES


def test_places_count_from_where_the_chunk_begins(engine):
    (finding,) = made(engine, leak(), offset=1_000, lines=Lines(leak(), line=41, line_start=-20))
    place = finding.location
    assert (place.start, place.end, place.line, place.column) == (1_013, 1_053, 41, 34)


@pytest.mark.parametrize(
    "change",
    [
        lambda k: k.replace("\n", "\r\n"),
        lambda k: k.replace("\n", "\\n"),
        lambda k: k.replace("\n", '\\n" +\n  "'),
        lambda k: k.replace("\n", "\n    "),
    ],
)
def test_private_key_is_the_same_secret_however_its_lines_are_written(engine, change):
    key = MAKERS["rsa-pem"](random.Random(4))
    plain, other = (made(engine, b'key = "' + text.encode() + b'"\n')[0] for text in (key, change(key)))
    assert plain.secret == other.secret
    assert plain.secret.redacted.startswith("private key (")
    assert identity(engine.scan(key.encode())[0]).count(b"\n") == 0


def test_snippets_show_no_value_of_the_whole_blob(engine):
    """Also not one that is not reported itself: its neighbour's snippet would show it."""
    data = b"a = '" + token(1) + b"', b = '" + token(2) + b"', password = '" + password() + b"'\n"
    matches = engine.scan(data)
    assert len(matches) == 3
    for match in matches:
        (finding,) = make_findings([match], data, CONTEXT, path="a", masked=matches)
        for value in (token(1), token(2), password()):
            assert value.decode() not in finding.snippet


def test_digest_of_a_baseline_is_made_when_there_is_a_salt(engine):
    assert made(engine, leak())[0].baseline_digest == ""
    one, same, other = (
        made(engine, leak(), ScanContext(key=b"k" * 32, salt=salt))[0].baseline_digest
        for salt in (b"s" * 16, b"s" * 16, b"t" * 16)
    )
    assert one == same != other
    assert made(engine, leak(2), ScanContext(key=b"k" * 32, salt=b"s" * 16))[0].baseline_digest != one


def test_sha1_is_made_only_to_compare_with_a_detect_secrets_baseline(engine):
    (finding,) = made(engine, leak(), ScanContext(key=b"k" * 32, sha1=True))
    assert finding.tags["sha1"] == hashlib.sha1(token(), usedforsecurity=False).hexdigest()


def test_secret_parts_are_hidden_and_public_ones_are_shown(engine):
    account = "shop" + "storage1"
    key = base64.b64encode(random.Random(2).randbytes(64)).decode()
    data = f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net\n".encode()
    (finding,) = made(engine, data)
    shown = {c.name: (c.shown, c.secret.redacted) for c in finding.companions}
    assert any(account in text for pair in shown.values() for text in pair), shown
    assert key not in str(finding)
    assert key not in finding.snippet


def test_finding_travels_through_a_pipe_and_its_secret_alone_does_not(engine):
    for context in (CONTEXT, ScanContext(key=b"k" * 32)):
        (finding,) = made(engine, leak(), context)
        back = unpack(pickle.loads(pickle.dumps(pack(finding))))
        assert back == finding
        assert back.secret.has_value == finding.secret.has_value == context.keep_values
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(finding)


def test_same_finding_has_the_same_id_under_every_key(engine):
    ids = {made(engine, leak(), ScanContext(key=key * 32))[0].id for key in (b"a", b"b")}
    assert len(ids) == 1
