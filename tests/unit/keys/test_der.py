"""DER by its own lengths, BER turned into it, and neither for longer than it is worth."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import KEYS, certificate, der, element, pkcs8
from tests.support.key_reading import damaged

from stanch.keys.der import Der, definite, dotted
from stanch.keys.der import element as first_element
from stanch.keys.dertext import EARLIEST, LATEST, alternative, distinguished, moment, text
from stanch.keys.model import KeyFormatError

SAMPLES = [der(certificate(name, "valid")) for name in KEYS] + [pkcs8(name) for name in KEYS]


def test_elements_come_off_in_their_order():
    reader = Der(element(0x30, element(0x02, b"\x05"), element(0x06, b"\x2a\x86\x48"), element(0x04, b"abc"))).inside(0x30)
    assert (reader.number(), reader.oid(), reader.octets(), reader.done()) == (5, "1.2.840", b"abc", True)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_536])
def test_lengths_of_every_form_are_read(size):
    assert Der(element(0x04, bytes(size))).content(0x04) == bytes(size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x05\x02\x01",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x85\0\0\0\0\1a",
        b"\x30\x80\0\0",
        b"\x1f\x81\x01\x00",
    ],
    ids=["nothing", "no length", "cut off", "huge", "length of five octets", "indefinite", "long tag"],
)
def test_what_is_no_der_is_refused(data):
    with pytest.raises(KeyFormatError):
        Der(data).content()


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        ("2a864886f70d010101", "1.2.840.113549.1.1.1"),
        ("883703", "2.999.3"),
        ("00", "0.0"),
        ("4f", "1.39"),
        ("551d25", "2.5.29.37"),
    ],
)
def test_object_identifiers_are_written_with_dots(octets, words):
    assert dotted(bytes.fromhex(octets)) == words


@pytest.mark.parametrize("octets", [b"", b"\x2a\x86", b"\x01" * 65])
def test_broken_object_identifiers_are_refused(octets):
    with pytest.raises(KeyFormatError):
        dotted(octets)


# --- BER ------------------------------------------------------------------------------------------------------------


def indefinite(data: bytes) -> bytes:
    """Write constructed elements with indefinite lengths, and octet strings in pieces of three."""
    out, reader = b"", Der(data)
    while not reader.done():
        tag = reader.tag
        content = reader.content()
        if tag & 0x20:
            out += bytes((tag, 0x80)) + indefinite(content) + b"\0\0"
        elif tag == 0x04 and content:
            pieces = [element(0x04, content[at : at + 3]) for at in range(0, len(content), 3)]
            out += b"\x24\x80" + b"".join(pieces) + b"\0\0"
        else:
            out += element(tag, content)
    return out


@pytest.mark.parametrize("sample", SAMPLES)
def test_indefinite_lengths_become_what_they_were(sample):
    assert definite(indefinite(sample) + b"what follows") == sample


@pytest.mark.parametrize("sample", SAMPLES)
def test_der_stays_as_it_is_octet_for_octet(sample):
    assert definite(sample) == sample
    assert first_element(sample + b"more") == sample


def test_lengths_that_are_longer_than_need_be_are_kept_within_der():
    data = b"\x30\x82\x00\x03\x02\x01\x05"
    assert definite(b"\x30\x80" + data + b"\0\0") == element(0x30, data)


@given(damaged([indefinite(sample) for sample in SAMPLES]))
def test_damaged_ber_is_refused_or_read(data):
    try:
        Der(definite(data)).content()
    except KeyFormatError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    "unit", [b"\x30\x80", b"\x24\x80", b"\xa0\x84\x00\x80\x80\x00"], ids=["indefinite", "pieces", "definite"]
)
def test_a_million_elements_in_each_other_are_refused_at_once(unit):
    start = time.process_time()
    with pytest.raises(KeyFormatError):
        definite(unit * 1_000_000)
    assert time.process_time() - start < 1


def test_a_million_elements_beside_each_other_are_refused_soon():
    start = time.process_time()
    with pytest.raises(KeyFormatError, match="too many"):
        definite(b"\x30\x80" + b"\x05\x00" * 1_000_000 + b"\0\0")
    assert time.process_time() - start < 3


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "written", "meant"),
    [
        (0x17, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x17, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x17, b"2601020304Z", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        (0x17, b"260102030405+0130", datetime(2026, 1, 2, 1, 34, 5, tzinfo=UTC)),
        (0x18, b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x18, b"00010101000000Z", EARLIEST),
        (0x18, b"00000101000000Z", EARLIEST),
        (0x18, b"20260102030405.678Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (0x18, b"20261231235960Z", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x18, b"00010101000000+0100", EARLIEST),
        (0x18, b"99991231235959-0100", LATEST),
        (0x18, b"20260102", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_they_have_been_issued(tag, written, meant):
    assert moment(tag, written) == meant


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        (0x17, b""), (0x17, b"2x0101000000Z"), (0x17, b"260230000000Z"), (0x18, b"20261301000000Z"), (0x18, b"never"),
        (0x18, b"20260101250000Z"), (0x18, b"20260101000000+9900"), (0x0C, b"20260101000000Z"), (0x18, b"2026\xff101000000Z"),
    ],
)  # fmt: skip
def test_times_that_are_none_are_not_made_up(tag, written):
    assert moment(tag, written) is None


@given(st.sampled_from((0x17, 0x18)), st.binary(max_size=24))
def test_any_octets_are_a_time_in_utc_or_none(tag, written):
    read = moment(tag, written)
    assert read is None or read.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_every_moment_of_a_generalized_time_is_read(value):
    written = f"{value.year:04}{value:%m%d%H%M%S}Z".encode()
    assert moment(0x18, written) == value.replace(microsecond=0, tzinfo=UTC)


# --- names ----------------------------------------------------------------------------------------------------------


def name(*parts: tuple[bytes, int, bytes]) -> bytes:
    rows = (element(0x31, element(0x30, element(0x06, oid), element(tag, value))) for oid, tag, value in parts)
    return element(0x30, *rows)


CN, OU = b"\x55\x04\x03", b"\x55\x04\x0b"


@pytest.mark.parametrize(
    ("tag", "value", "shown"),
    [
        (0x0C, "müller".encode(), "müller"), (0x13, b"plain", "plain"), (0x14, b"caf\xe9", "café"), (0x1E, "π".encode("utf-16-be"), "π"),
        (0x1C, "😀".encode("utf-32-be"), "😀"), (0x0C, b"\xff\xfe", "ÿþ"), (0x0C, b"a,b+c", r"a\,b\+c"), (0x0C, b" # ", r"\ #\ "),
        (0x0C, b"#1", r"\#1"), (0x0C, b'"\\<>;', r"\"\\\<\>\;"), (0x0C, b"a\0b\x1b[2J\n", r"a\00b\1b[2J\0a"), (0x0C, b"", ""),
        (0x0C, b" ", r"\ "), (0x02, b"\x05", "#020105"),
    ],
)  # fmt: skip
def test_values_of_names_are_escaped_as_rfc_4514_says(tag, value, shown):
    assert distinguished(name((CN, tag, value))) == f"CN={shown}"


def test_the_last_part_of_a_name_comes_first_and_unknown_types_keep_their_number():
    assert distinguished(name((CN, 0x0C, b"a"), (OU, 0x0C, b"b"), (b"\x2a\x03", 0x0C, b"c"))) == "1.2.3=c,OU=b,CN=a"
    assert distinguished(element(0x30)) == ""


def test_parts_of_several_values_are_joined():
    pair = b"".join(element(0x30, element(0x06, oid), element(0x0C, value)) for oid, value in ((CN, b"a"), (OU, b"b")))
    assert distinguished(element(0x30, element(0x31, pair))) == "CN=a+OU=b"


@given(st.text(max_size=40))
def test_a_name_is_one_line_whatever_is_in_it(value):
    assert distinguished(name((CN, 0x0C, value.encode("utf-8", "replace")))).isprintable()


@pytest.mark.parametrize(
    ("tag", "content", "shown"),
    [
        (0x82, b"a.example", "a.example"), (0x86, b"https://a.example/x", "https://a.example/x"), (0x81, b"a@b.example", "a@b.example"),
        (0x87, bytes((192, 0, 2, 1)), "192.0.2.1"), (0x87, bytes.fromhex("20010db8") + bytes(11) + b"\1", "2001:db8::1"),
        (0x87, b"\1\2\3", "01:02:03"), (0x88, b"\x2a\x03", "1.2.3"), (0xA4, name((CN, 0x0C, b"x")), "CN=x"), (0xA5, b"", ""),
        (0xA0, element(0x06, bytes.fromhex("2b060104018237140203")) + element(0xA0, element(0x0C, b"u@d.example")), "u@d.example"),
    ],
)  # fmt: skip
def test_alternative_names_are_shown_bare(tag, content, shown):
    assert alternative(tag, content) == shown


def test_what_is_no_string_is_no_text():
    assert text(0x30, b"") is None
