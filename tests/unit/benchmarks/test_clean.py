from __future__ import annotations

import pytest

import clean
import known

from .conftest import NEAR


def tree(root, **options):
    return clean.Tree(name="made", root=root, **options)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "lib" / "site-packages").mkdir(parents=True)
    line = "ACMECLOUD_API_KEY=" + "0f1e2d3c4b5a6978" * 2 + "\n"
    (tmp_path / "lib" / "a.env").write_text(line)
    (tmp_path / "lib" / "site-packages" / "b.env").write_text(line)
    return tmp_path


def test_a_finding_is_listed_with_place_and_without_its_value(lab, root):
    result = clean.measure(lab, workers=1, only=[tree(root, without=("site-packages",))])
    assert [(f.detector, f.path.endswith("lib/a.env"), f.line) for f in result.findings] == [(NEAR.id, True, 1)]
    assert "0f1e2d3c" not in result.findings[0].redacted


def test_what_nobody_looked_at_is_unexplained(lab, root):
    result = clean.measure(lab, workers=1, only=[tree(root)])
    assert result.unexplained == len(result.findings) == 2


def test_findings_per_megabyte_counts_the_bytes_on_disk(lab, root):
    result = clean.measure(lab, workers=1, only=[tree(root)])
    assert result.bytes == 2 * 51
    assert result.per_megabyte == pytest.approx(2 / (102 / 1e6))


def test_an_explanation_holds_for_its_path_and_type_only():
    path = "/home/a/.pyenv/versions/3.12.1/lib/python3.12/test/certdata/ssl_key.pem"
    assert clean.explain(path, "pem-private-key-pkcs8")[0] == known.PUBLIC
    assert clean.explain(path, "aws-access-token") == (known.FALSE, "")
    assert clean.explain("/srv/app/ssl_key.pem", "pem-private-key-pkcs8") == (known.FALSE, "")


def test_every_explanation_says_something():
    assert all(len(text) > 15 and sort in (known.PUBLIC, known.FALSE) for _, _, sort, text in known.EXPLAINED)
