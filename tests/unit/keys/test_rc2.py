"""RC2 as its RFC has it."""

import pytest

from stanch.keys.model import KeyFormatError
from stanch.keys.rc2 import decrypt_cbc

# RFC 2268 section 5: key, effective bits, plain text, cipher text.
VECTORS = [
    ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
    ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
    ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
    ("88", 64, "0000000000000000", "61a8a244adacccf0"),
    ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
    ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
    ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    ("88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e", 129, "0000000000000000", "5b78d3a43dfff1f1"),
]


@pytest.mark.parametrize(("key", "bits", "plain", "sealed"), VECTORS)
def test_vectors_of_the_rfc_come_out(key, bits, plain, sealed):
    assert decrypt_cbc(bytes.fromhex(key), bits, bytes(8), bytes.fromhex(sealed)).hex() == plain


def test_each_block_is_mixed_with_the_one_before():
    sealed = bytes.fromhex("278b27e42e2f0d49") * 2
    key = b"\xff" * 8
    assert decrypt_cbc(key, 64, b"\xff" * 8, sealed) == bytes(8) + bytes(a ^ 0xFF for a in sealed[:8])


@pytest.mark.parametrize(
    ("key", "bits", "iv", "data"),
    [(b"", 40, bytes(8), b""), (b"k", 0, bytes(8), b""), (b"k", 40, b"", b""), (b"k", 40, bytes(8), b"x")],
)
def test_lengths_out_of_bounds_are_refused(key, bits, iv, data):
    with pytest.raises(KeyFormatError):
        decrypt_cbc(key, bits, iv, data)
