import pytest

from stanch.config.inline import inline_allow


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        (b"key = 1  # stanch:allow", "stanch:allow"),
        (b"key = 1  # stanch:allow because it is a test", "stanch:allow"),
        (b"key = 1  # stanch:allow[example-token]", "stanch:allow"),
        (b"key = 1  # stanch:allow[other, example-*]", "stanch:allow"),
        (b"key = 1; //gitleaks:allow", "gitleaks:allow"),
        (b"<a> <!-- gitleaks:allow --> ", "gitleaks:allow"),
        (b"<a> <!--gitleaks:allow-->", "gitleaks:allow"),
        (b"/* trufflehog:ignore */", "trufflehog:ignore"),
        (b"-- ggignore", "ggignore"),
        (b"--ggignore", "ggignore"),
        (b"' ggignore.", "ggignore"),
        (b'{"key": 1, "note": "gitleaks:allow"}', "gitleaks:allow"),
        (b"key  # pragma: allowlist secret", "pragma: allowlist secret"),
        (b"key  # pragma:allowlist secret", "pragma:allowlist secret"),
        (b"key  # pragma: whitelist secret", "pragma: whitelist secret"),
        (b"# stanch:allow[other] stanch:allow[example-token]", "stanch:allow"),
    ],
)
def test_remark_beside_the_secret_accepts_it(line, remark):
    assert inline_allow(line, b"", "example-token") == remark


@pytest.mark.parametrize(
    "line",
    [
        b"key = 1",
        b"key = 1  # stanch:allow[other]",
        b"key = 1  # stanch:allow[]",
        b"key = 1  # stanch:allowed",
        b"key = 1  # stanch:allow-next-line",
        b"key = 1  # pragma: allowlist nextline secret",
        b"key = 1  # xstanch:allow",
        b"key = 1  # not-gitleaks:allow",
        b"https://example.org/gitleaks:allow",
        b"https://gitleaks:allow@example.org/",
        b"password = ggignore1",
        b"password = ggignore-1234",
        b"password = my.ggignore",
        b"trufflehog:ignored",
        b"pragma: allowlist secrets",
        b"pragma: allowlist secret-x",
        b"STANCH:ALLOW",
    ],
)
def test_part_of_another_word_accepts_nothing(line):
    assert inline_allow(line, b"", "example-token") is None


@pytest.mark.parametrize(
    ("previous", "accepted"),
    [
        (b"# stanch:allow-next-line", True),
        (b"# stanch:allow-next-line[example-token]", True),
        (b"# stanch:allow-next-line[other]", False),
        (b"# pragma: allowlist nextline secret", True),
        (b"# stanch:allow", False),
        (b"# gitleaks:allow", False),
    ],
)
def test_remark_above_the_secret_must_speak_of_the_next_line(previous, accepted):
    assert (inline_allow(b"key = 1", previous, "example-token") is not None) is accepted


def test_invalid_utf8_in_a_list_of_detectors_matches_nothing():
    assert inline_allow(b"# stanch:allow[\xff\xfe]", b"", "example-token") is None
