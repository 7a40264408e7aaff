import hashlib
import shutil
import subprocess

import pytest
from hypothesis import given
from tests.support import key_stores
from tests.support.key_material import big, certificate, der, element, field, spki
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import jks, jkscrypt
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"
OTHER = "other" + "-horse-8"
NAMES = ("rsa", "ec", "ed25519")
KINDS = ("jks", "jceks")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_found_password_opens_the_key(name, kind):
    data = key_stores.java_keystore(name, "valid", WORD, kind=kind)
    (item,) = jks.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.private.reveal() == key_stores.pkcs8(name)
    assert (item.facts.container, item.facts.label) == (kind, "sp")
    assert item.certificates == (der(certificate(name, "valid")),)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_locked_key_is_described_by_its_certificate(name, kind):
    (item,) = jks.parse(key_stores.java_keystore(name, "valid", WORD, kind=kind), [password("wrong")], guess=True)
    assert_locked(item)
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()
    assert item.facts.algorithm == name


@pytest.mark.parametrize("kind", KINDS)
def test_empty_password_protects_nothing(kind):
    (item,) = jks.parse(key_stores.java_keystore("ec", "valid", "", kind=kind), [], guess=False)
    assert_open(item, Protection.EMPTY_PASSWORD)
    assert item.password.reveal() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_keystore_of_certificates_is_public_though_it_has_a_password(kind):
    (item,) = jks.parse(key_stores.java_keystore("rsa", "valid", WORD, kind=kind, with_key=False), [], guess=True)
    assert (item.facts.verdict, item.facts.protection, item.facts.private) == (
        KeyVerdict.PUBLIC, Protection.NOTHING_TO_PROTECT, False,
    )  # fmt: skip
    assert (item.facts.label, item.facts.bits, len(item.certificates)) == ("ca0", 2048, 1)


def test_entries_come_in_the_order_of_the_file():
    items = jks.parse(key_stores.java_keystore("ec", "valid", WORD, before=3), [password(WORD)], guess=False)
    assert [item.facts.label for item in items] == ["ca0", "ca1", "ca2", "sp"]


@pytest.mark.parametrize("kind", KINDS)
def test_keytool_keys_with_passwords_of_their_own_are_opened_each(kind, tmp_path):
    store = tmp_path / "s"

    def keytool(*words: str) -> None:
        run("keytool", *words, "-keystore", store, "-storetype", kind, "-storepass", WORD)

    keytool("-genkeypair", "-alias", "web", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=a", "-keypass", OTHER)
    if kind == "jks":
        keytool("-genkeypair", "-alias", "app", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=b", "-keypass", WORD)
    else:
        keytool("-genseckey", "-alias", "secret", "-keyalg", "AES", "-keysize", "256", "-keypass", WORD)
    items = {item.facts.label: item for item in jks.parse(store.read_bytes(), [password(WORD), password(OTHER)], guess=False)}
    assert_open(items["web"], Protection.PASSWORD_FOUND)
    assert items["web"].password.reveal() == OTHER.encode()
    if kind == "jks":
        assert_open(items["app"], Protection.PASSWORD_FOUND)
    else:
        facts = items["secret"].facts
        assert (facts.algorithm, facts.bits, facts.verdict, facts.private) == ("aes", 256, KeyVerdict.USABLE, True)
        assert (items["secret"].private, facts.iterations) == (None, 200_000)
    assert_locked({item.facts.label: item for item in jks.parse(store.read_bytes(), [password(WORD)], guess=False)}["web"])


JAVA = """
import javax.crypto.*; import javax.crypto.spec.*; import java.util.*;
public class Salt { public static void main(String[] a) throws Exception {
  var k = SecretKeyFactory.getInstance("PBEWithMD5AndTripleDES").generateSecret(new PBEKeySpec("changeit".toCharArray()));
  var c = Cipher.getInstance("PBEWithMD5AndTripleDES");
  for (String salt : a) {
    c.init(Cipher.ENCRYPT_MODE, k, new PBEParameterSpec(HexFormat.of().parseHex(salt), 7));
    System.out.println(HexFormat.of().formatHex(c.doFinal("what it says".getBytes())));
  } } }
"""


def test_salt_of_equal_halves_is_what_java_makes_of_it(tmp_path):
    if shutil.which("javac") is None:
        pytest.skip("no Java compiler is installed")
    (tmp_path / "Salt.java").write_text(JAVA)
    salts = ["0102030401020304", "0102030405060708"]
    done = subprocess.run(["java", tmp_path / "Salt.java", *salts], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for salt, sealed in zip(salts, done.stdout.split(), strict=True):
        encrypted = jkscrypt.Encrypted(own=False, data=bytes.fromhex(sealed), salt=bytes.fromhex(salt), iterations=7)
        assert jkscrypt._open_classic(encrypted, b"changeit") == b"what it says"


def test_salt_of_equal_halves_may_have_the_slip_of_old_java():
    assert jkscrypt._first_halves(bytes(range(4)) * 2) == [bytes((3, 2, 1, 0)), bytes((3, 0, 1, 3))]
    assert jkscrypt._first_halves(bytes(range(8))) == [bytes(range(4))]


def test_work_factor_beyond_what_java_takes_is_refused():
    parameters = element(0x30, element(0x04, bytes(8)), element(0x02, big(2_000_000_000)))
    info = element(0x30, element(0x30, element(0x06, bytes.fromhex("2b060104012a021301")), parameters), element(0x04, bytes(16)))
    head = b"\xce\xce\xce\xce" + big(2) + big(1) + big(1) + big(1, 2) + b"a" + bytes(8)
    with pytest.raises(KeyFormatError, match="out of bounds"):
        jks.parse(head + field(info) + big(0) + bytes(20), [], guess=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a Java keystore"),
        (b"\x30\x82\x0a\x9f\x02\x01\x03", "not a Java keystore"),  # a PKCS#12, whatever its name
        (b"\xfe\xed\xfe\xed" + big(3) + big(0) + bytes(20), "version"),
        (b"\xfe\xed\xfe\xed" + big(2) + big(2**32 - 1) + bytes(20), "too many"),
        (b"\xfe\xed\xfe\xed" + big(2) + big(1) + big(3) + bytes(30), "no known kind"),
        (b"\xfe\xed\xfe\xed" + big(2) + big(0) + b"more" + bytes(20), "follows"),
        (key_stores.java_keystore("ec", "valid", WORD)[:-30], "ends in the middle|follows"),
    ],
)
def test_what_is_no_keystore_is_refused(data, message):
    with pytest.raises(KeyFormatError, match=message):
        jks.parse(data, [], guess=False)


def test_keystore_without_entries_has_no_keys():
    assert jks.parse(b"\xfe\xed\xfe\xed" + big(2) + big(0) + bytes(20), [], guess=False) == []


@given(damaged([key_stores.java_keystore(name, "valid", WORD, kind=kind) for name in NAMES for kind in KINDS]))
def test_damage_gives_items_or_a_clear_error(data):
    survives(jks.parse, data, [password(WORD)])
