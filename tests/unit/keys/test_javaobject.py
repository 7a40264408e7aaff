import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import big

from stanch.keys import javaobject
from stanch.keys.model import KeyFormatError

END, NULL = b"\x78", b"\x70"


def utf(text: str) -> bytes:
    return big(len(text), 2) + text.encode()


def string(text: str) -> bytes:
    return b"\x74" + utf(text)


def described(name: str, *fields: bytes, flags: int = 2, parent: bytes = NULL) -> bytes:
    return b"\x72" + utf(name) + bytes(8) + bytes((flags,)) + big(len(fields), 2) + b"".join(fields) + END + parent


def octets(content: bytes) -> bytes:
    return b"\x75" + described("[B") + big(len(content)) + content


SECRET = (
    javaobject.MAGIC + b"\x73"
    + described("javax.crypto.spec.SecretKeySpec", b"L" + utf("algorithm") + string("Ljava/lang/String;"), b"[" + utf("key") + string("[B"))
    + string("AES") + octets(bytes(range(32)))
)  # fmt: skip


def test_fields_of_an_object_are_read():
    made, end = javaobject.read(SECRET + b"more")
    assert (made.kind, made.text("algorithm"), made.octets("key")) == ("javax.crypto.spec.SecretKeySpec", "AES", bytes(range(32)))
    assert end == len(SECRET)


def test_octets_of_a_key_are_not_in_its_repr():
    assert repr(javaobject.read(SECRET)[0]) == "JavaObject(kind='javax.crypto.spec.SecretKeySpec')"


def test_fields_of_parents_come_first_and_annotations_are_stepped_over():
    parent = described("Parent", b"I" + utf("number"), flags=3)
    data = javaobject.MAGIC + b"\x73" + described("Child", b"Z" + utf("flag"), parent=parent)
    data += big(7) + b"\x77\x03abc" + string("note") + END + b"\x01"
    made, end = javaobject.read(data)
    assert (made.fields, end) == ({"number": 7, "flag": 1}, len(data))


def test_references_lead_back_to_what_was_read():
    data = (
        javaobject.MAGIC + b"\x73" + described("Pair", b"L" + utf("a") + string("T"), b"L" + utf("b") + b"\x71\x00\x7e\x00\x01")
    )
    data += string("same") + b"\x71" + big(0x7E0003)
    assert javaobject.read(data)[0].fields == {"a": "same", "b": "same"}


def test_enumerations_and_other_arrays_are_read():
    kind = b"\x7e" + described("java.security.KeyRep$Type", flags=0x12) + string("SECRET")
    numbers = b"\x75" + described("[I") + big(2) + big(5) + big(6)
    data = (
        javaobject.MAGIC
        + b"\x73"
        + described("T", b"L" + utf("k") + string("K"), b"[" + utf("n") + string("[I"))
        + kind
        + numbers
    )
    assert javaobject.read(data)[0].fields == {"k": "SECRET", "n": [5, 6]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        javaobject.MAGIC,
        javaobject.MAGIC + string("no object"),
        javaobject.MAGIC + b"\x73" + NULL,
        javaobject.MAGIC + b"\x73\x71" + big(0x7E0000),
        javaobject.MAGIC + b"\x73" + described("X", flags=4),
        javaobject.MAGIC + (b"\x73\x72" + utf("A") + bytes(8) + b"\x02" + big(1, 2) + b"L" + utf("f")) * 40,
        SECRET[:-1],
    ],
)
def test_what_is_no_object_is_refused(data):
    with pytest.raises(KeyFormatError):
        javaobject.read(data)


def test_class_that_is_its_own_parent_does_not_loop():
    data = javaobject.MAGIC + b"\x73" + described("Loop", parent=b"\x71" + big(0x7E0000))
    with pytest.raises(KeyFormatError, match="parents"):
        javaobject.read(data)


@given(st.binary(max_size=200), st.integers(0, len(SECRET)))
def test_any_bytes_give_an_object_or_a_clear_error(tail, at):
    with contextlib.suppress(KeyFormatError):
        javaobject.read(SECRET[:at] + tail)
