import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.engine import plausible

RANDOM = b"".join([b"kV7q", b"Zt2m", b"Xw9c", b"Rb4h"])  # no word, no run, no order


@pytest.mark.parametrize(
    "value",
    [
        b"your-api-key-goes-here", b"YOUR_SECRET", b"changeme", b"change-me-please", b"replace_this", b"<api key>",
        b"xxxxxxxxxxxx", b"****************", b"0123456789abcdef", b"abcdefghijklmnop", b"aaaaaaaaaaaaaaaa", b"insert-token",
        b"dummykey4711",
        b"my_secret_key", b"the-token-of-it", b"kV7q....Zt2m", b"deadbeefdeadbeef", b"kV7qZt2mEXAMPLEXw9c", b"abababababab",
    ],
)  # fmt: skip
def test_placeholders_are_refused(value):
    assert plausible.is_placeholder(value)


@pytest.mark.parametrize("value", [RANDOM, RANDOM * 2 + b"kL", b"Zt2m", b"9f2c4e7a1b8d3605", b"youth7qZt2m"])
def test_random_values_are_no_placeholders(value):
    assert not plausible.is_placeholder(value)


@pytest.mark.parametrize(
    ("value", "before"),
    [
        (b"$TOKEN", b""), (b"${TOKEN}", b""), (b"$(pass show token)", b""), (b"%TOKEN%", b""), (b"{{ token }}", b""),
        (b"<%= token %>", b""), (b"os.environ", b""), (b"process.env.TOKEN", b""), (b"var.token", b""), (b"!Ref Token", b""),
        (b"arn:aws:secretsmanager:eu:1:secret:x", b""), (b"op://vault/item/field", b""), (b"vault:secret/data/x", b""),
        (b"https://host/path", b""), (b"/run/secrets/token", b""), (b"ENC[AES256,data:x]", b""), (b"TOKEN", b"${"),
        (b"TOKEN", b"{{ "), (b"pre${TOKEN}post", b""), (b"@Microsoft.KeyVault(SecretUri=x)", b""),
    ],
)  # fmt: skip
def test_references_are_told_from_values(value, before):
    assert plausible.is_reference(value, before)


@pytest.mark.parametrize(("value", "before"), [(RANDOM, b""), (RANDOM, b"key="), (b"a$b" + RANDOM, b'"'), (b"%41", b"=")])
def test_values_are_no_references(value, before):
    assert not plausible.is_reference(value, before)


@pytest.mark.parametrize("value", [b"vault:secret/x", b"x=op://a/b", b"'gcp-sm://a/b", b"@Microsoft.KeyVault(x)", b'"ssm:/a/b'])
def test_places_in_a_secret_store_are_known(value):
    assert plausible.is_store_reference(value)


@pytest.mark.parametrize("value", [RANDOM, b"myvault:pw", b"passm:" + RANDOM])
def test_other_texts_are_no_places_in_a_store(value):
    assert not plausible.is_store_reference(value)


@pytest.mark.parametrize(
    "value",
    [
        b"get_token()",
        b"tokens[0]",
        b"new Token",
        b"config.api.token",
        b"self->token",
        b"Token::fresh",
        b"None",
        b"await x",
        b"TRUE",
    ],
)
def test_unquoted_expressions_are_code_and_quoted_ones_are_not(value):
    assert plausible.is_code(value, quoted=False)
    assert not plausible.is_code(value, quoted=True)


@pytest.mark.parametrize("value", [RANDOM, b"nonesuch" + RANDOM, b"4chars(", b"a-b.c"])
def test_unquoted_values_are_no_code(value):
    assert not plausible.is_code(value, quoted=False)


@pytest.mark.parametrize(
    "name",
    [b"sha256", b"MD5", b"commit", b"fileChecksum", b"git_sha", b"etag", b"content-hash", b"kid", b"uuid", b"token_type",
     b"author", b"image_digest_", b"certThumbprint"],
)  # fmt: skip
def test_names_of_hashes_are_known(name):
    assert plausible.is_hash_name(name)


@pytest.mark.parametrize("name", [b"api_key", b"secret", b"shaker", b"hash_key", b"token", b"commit_token", b"password"])
def test_other_names_are_no_names_of_hashes(name):
    assert not plausible.is_hash_name(name)


@pytest.mark.parametrize("name", [b"id", b"userId", b"tenant_id", b"client-id", b"object ids", b"ID", b"appID"])
def test_names_of_ids_are_known(name):
    assert plausible.is_id_name(name)


@pytest.mark.parametrize(
    "name", [b"secret_id", b"session-id", b"access_key_id", b"token_id", b"valid", b"paid", b"android", b"key"]
)
def test_secret_ids_and_words_that_end_in_id_are_no_names_of_ids(name):
    assert not plausible.is_id_name(name)


@pytest.mark.parametrize("name", [b"public_key", b"pubkey", b"key_id", b"cache_key", b"primaryKey", b"sort-key", b"dedup_key_"])
def test_keys_that_are_no_secrets_are_known(name):
    assert plausible.is_public_key_name(name)


@pytest.mark.parametrize("name", [b"api_key", b"key", b"private_key", b"cache_key_secret"])
def test_keys_that_are_secrets_are_told_apart(name):
    assert not plausible.is_public_key_name(name)


@pytest.mark.parametrize(
    "name", [b"next_token", b"csrfToken", b"continuation-token", b"pad_token", b"NextPageToken", b"stop_tokens"]
)
def test_tokens_of_pages_parsers_and_forms_are_known(name):
    assert plausible.is_public_token(name)


@pytest.mark.parametrize("name", [b"api_token", b"access_token", b"token", b"next_token_secret"])
def test_tokens_that_open_something_are_told_apart(name):
    assert not plausible.is_public_token(name)


@pytest.mark.parametrize(("before", "expected"), [
    (b"sha256:", True), (b"image@sha256:", True), (b"integrity sha512-", True), (b"md5:", True), (b"key:", False), (b"", False),
])  # fmt: skip
def test_introduction_of_a_digest_is_seen(before, expected):
    assert plausible.is_hash_context(before) is expected


@pytest.mark.parametrize(
    "value",
    [b"some_long_identifier", b"ThisIsATypeName", b"correct horse battery staple", b"release-notes.final", b"part1_of_song"],
)
def test_texts_made_of_words_are_known(value):
    assert plausible.is_words(value)


@pytest.mark.parametrize("value", [RANDOM, b"9f2c4e7a1b8d3605", b"", b"1234-5678", b"kVqZtmXwcRbh"])
def test_random_values_are_not_made_of_words(value):
    assert not plausible.is_words(value)


@pytest.mark.parametrize("value", [b"P@55w0rd!", b"admin123", b"Welcome1", b"qwerty99", b"l3tm3in", b"S3cr3t"])
def test_passwords_of_every_example_are_known(value):
    assert plausible.is_common_password(value)


@pytest.mark.parametrize("value", [RANDOM, b"Kz#9vLq!x2"])
def test_passwords_of_ones_own_are_not_common(value):
    assert not plausible.is_common_password(value)


@pytest.mark.parametrize(("name", "expected"), [
    (b"db_password", True), (b"PASSWORD", True), (b"passwordProd", True), (b"password2", True), (b"password_base64", True),
    (b"password_field", False), (b"passwordless", False), (b"pass", False), (b"", False),
])  # fmt: skip
def test_last_word_of_a_name_decides(name, expected):
    assert plausible.ends_in(name, "password") is expected


def test_uuid_is_one_only_when_nothing_else_stands_beside_it():
    uuid = b"-".join([b"9f2c4e7a", b"1b8d", b"4605", b"a7c3", b"5e1f08d2b694"])
    assert plausible.is_uuid(uuid)
    assert plausible.is_uuid(uuid.upper())
    assert not plausible.is_uuid(uuid + b"0")
    assert not plausible.is_uuid(uuid.replace(b"-", b""))


@given(st.binary(min_size=1, max_size=100))
def test_entropy_lies_between_nothing_and_all_bytes_different(value):
    assert -1e-9 <= plausible.entropy(value) <= math.log2(len(set(value))) + 1e-9
    assert math.isclose(plausible.entropy(value), plausible.entropy(value[::-1]), abs_tol=1e-9)


@pytest.mark.parametrize(("value", "bits"), [(b"", 0), (b"aaaa", 0), (b"abab", 1), (b"abcd", 2), (bytes(range(256)), 8)])
def test_entropy_of_known_texts(value, bits):
    assert plausible.entropy(value) == bits
