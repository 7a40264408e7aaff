import ast
import copy
import json
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stanch
from stanch.core.secret import Secret, fingerprint_of

KEY = bytes(range(32))
PLAIN = b"".join([b"zq", b"7Kp" * 9])
SECRET = Secret(PLAIN, fingerprint=fingerprint_of(PLAIN, KEY), redacted="zq…7Kp7 (29 characters)")
SHOWN = "‹zq…7Kp7 (29 characters)›"
# Who may see plain values: the pipe between a worker and the main process, reports under --show-secrets, what puts a credential
# into a request to its issuer, what tries a password on a key, and what shows once a token or the secret of a channel that we made.
CALL_SITES = {
    "incidents/values.py": 2,
    "issuers/checker.py": 1,
    "issuers/client_assertion.py": 1,
    "issuers/connection.py": 1,
    "issuers/entra.py": 1,
    "issuers/identity.py": 1,
    "issuers/model.py": 1,
    "issuers/rendering.py": 1,
    "keys/attempts.py": 4,
    "keys/jks.py": 1,
    "keys/pkcs12.py": 2,
    "people/provider.py": 1,
    "reports/fields.py": 1,
    "scanning/findings.py": 1,
    "scanning/validity.py": 3,
    "server/routes/channels.py": 1,
    "server/routes/tokens.py": 1,
    "web/pages/channels.py": 2,
    "web/pages/tokens.py": 1,
}


@pytest.mark.parametrize(
    "show",
    [
        repr, str, format, ascii, lambda s: f"{s}", lambda s: f"{s!r:>4}", lambda s: f"{s:<60}", lambda s: f"{s} {s!r}",
        lambda s: str([s]), lambda s: repr({"a": (s,)}), lambda s: json.dumps(s, default=str),
    ],
)  # fmt: skip
def test_every_way_to_make_text_of_a_secret_shows_its_redacted_form(show):
    text = show(SECRET)
    assert PLAIN.decode() not in text
    assert "29 characters" in text


def test_text_of_a_secret_is_its_redacted_form_in_guillemets():
    assert (repr(SECRET), str(SECRET), f"{SECRET}") == (SHOWN, SHOWN, SHOWN)


def test_width_and_alignment_apply_to_the_redacted_form():
    assert f"{SECRET:>30}" == SHOWN.rjust(30)


def test_json_refuses_a_secret_that_nobody_asked_to_turn_into_text():
    with pytest.raises(TypeError) as caught:
        json.dumps({"value": SECRET})
    assert PLAIN.decode() not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secret_is_not_pickled(protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SECRET, protocol)


def test_copies_are_the_secret_itself():
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy([SECRET])[0] is SECRET


def test_error_of_a_value_that_was_not_kept_holds_nothing_of_it():
    with pytest.raises(ValueError, match="fingerprint only"):
        SECRET.without_value().reveal()


def test_without_value_keeps_identity_and_looks():
    known = SECRET.without_value()
    assert (known.has_value, known.fingerprint, known.redacted) == (False, SECRET.fingerprint, SECRET.redacted)
    assert SECRET.has_value
    assert SECRET.reveal() == PLAIN


@given(st.binary(), st.binary())
def test_secrets_are_equal_exactly_when_their_values_are(one, other):
    first, second = (Secret(v, fingerprint=fingerprint_of(v, KEY), redacted="") for v in (one, other))
    assert (first == second) == (one == other)
    assert first == first.without_value()
    assert hash(first) == hash(first.without_value())
    assert len({first, second}) == (1 if one == other else 2)


def test_secret_is_not_equal_to_its_own_value_or_fingerprint():
    assert SECRET != PLAIN
    assert SECRET.fingerprint != SECRET


def test_fingerprint_is_hmac_sha256_of_rfc_4231():
    assert fingerprint_of(b"what do ya want for nothing?", b"Jefe") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_secret_has_no_dictionary_that_vars_could_show():
    with pytest.raises(TypeError):
        vars(SECRET)


def test_plain_values_are_revealed_at_the_listed_places_only():
    root = Path(stanch.__file__).parent
    found = {
        path.relative_to(root).as_posix(): count
        for path in sorted(root.rglob("*.py"))
        if (count := sum(getattr(node, "attr", "") == "reveal" for node in ast.walk(ast.parse(path.read_bytes()))))
    }
    assert found == CALL_SITES, "a new place that sees plain values: is it needed? Then list it here"


def test_the_hidden_attribute_is_touched_by_the_secret_alone():
    root = Path(stanch.__file__).parent
    found = [p.name for p in root.rglob("*.py") if re.search(r"secret\._value\b", p.read_text("utf-8"))]
    assert found == []
