import base64

from stanch.core.finding import Skipped
from stanch.core.secret import Secret
from stanch.reports.fields import finding_fields, plain_value, skipped_fields

from .factories import made_companion, made_finding, made_location, made_report, made_secret, made_value


def test_path_that_is_no_utf8_is_readable_and_exact():
    fields = finding_fields(made_finding(location=made_location("caf\udce9.env")), made_report())
    assert fields["path"] == "caf\\xe9.env"
    assert base64.b64decode(fields["path_base64"]) == b"caf\xe9.env"
    assert skipped_fields(Skipped(path="\udcff", code="vanished", reason="gone"))["path_base64"] == "/w=="


def test_path_that_is_utf8_has_no_second_form():
    assert "path_base64" not in finding_fields(made_finding(location=made_location("漢\n.env")), made_report())


def test_value_is_there_only_when_it_is_asked_for_and_known():
    finding = made_finding(companions=(made_companion(),))
    hidden = finding_fields(finding, made_report())
    shown = finding_fields(finding, made_report(show_secrets=True))
    assert not {"value", "value_base64"} & {*hidden, *hidden["companions"][0]}
    assert shown["value"] == made_value("one").decode()
    assert shown["companions"][0]["value"] == made_value("companion").decode()
    assert plain_value(made_secret(keep=False), made_report(show_secrets=True)) is None


def test_value_that_is_no_utf8_is_base64():
    secret = Secret(b"\xff\x00", fingerprint="ab" * 32, redacted="2 bytes")
    fields = finding_fields(made_finding(secret=secret), made_report(show_secrets=True))
    assert "value" not in fields
    assert base64.b64decode(fields["value_base64"]) == b"\xff\x00"
