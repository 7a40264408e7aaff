import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.values import TOKEN, leak, password, token

import stanch
from stanch.core.errors import InputError

PASSWORD_LINE = b"db_password = '" + password() + b"'\n"


@pytest.fixture(scope="module")
def scanner(engine):  # the engine's cache is warm then
    return stanch.Scanner()


def test_bytes_are_scanned_and_values_are_not_kept(scanner):
    (finding,) = scanner.scan_bytes(b"# note\n" + leak(), name="deploy.sh")
    assert (finding.detector, finding.location.path, finding.location.line) == (TOKEN, "deploy.sh", 2)
    assert not finding.secret.has_value
    assert token().decode() not in repr(finding)


def test_values_are_kept_when_they_are_asked_for(engine):
    (finding,) = stanch.Scanner(keep_values=True).scan_bytes(leak())
    assert finding.secret.reveal() == token()


def test_function_finds_what_a_scanner_finds(scanner):
    assert stanch.scan_bytes(leak(), name="a") == scanner.scan_bytes(leak(), name="a")


def test_eight_threads_find_what_one_finds(scanner):
    texts = [b"x = 1\n" * n + leak(n) for n in range(40)]
    alone = [scanner.scan_bytes(text) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(scanner.scan_bytes, texts)) == alone
    assert all(len(found) == 1 for found in alone)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")
def test_scanner_works_after_a_fork(scanner):
    expected = [f.secret.fingerprint for f in scanner.scan_bytes(leak())]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            os.write(writer, "".join(f.secret.fingerprint for f in scanner.scan_bytes(leak())).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    assert [answer] == expected


def test_scanners_with_different_settings_do_not_know_of_each_other(scanner):
    text = leak() + PASSWORD_LINE
    only = stanch.Scanner(only=["github-*"])
    without = stanch.Scanner(skip=[TOKEN], key=b"another key of 32 bytes or more!")
    everything = {f.detector for f in scanner.scan_bytes(text)}
    assert {f.detector for f in only.scan_bytes(text)} == {TOKEN}
    assert {"database-password"} == {f.detector for f in without.scan_bytes(text)} & everything
    assert {f.detector for f in scanner.scan_bytes(text)} == everything
    assert len(everything) == 2


def test_key_decides_the_fingerprint(scanner):
    other = stanch.Scanner(key=b"another key of 32 bytes or more!", only=["github-*"])
    assert other.scan_bytes(leak())[0].secret != scanner.scan_bytes(leak())[0].secret


def test_paths_are_scanned_into_a_report(scanner, tmp_path):
    (tmp_path / "a.env").write_bytes(leak())
    (tmp_path / "b.env").write_bytes(b"nothing\n")
    report = scanner.scan_paths([tmp_path])
    assert [(f.detector, os.path.basename(f.location.path)) for f in report.findings] == [(TOKEN, "a.env")]
    assert (report.totals.blobs, report.version, report.skipped) == (2, stanch.__version__, ())
    assert report.detectors[TOKEN].provider == "GitHub"
    assert not report.show_secrets


def test_two_workers_give_the_same_report_as_one(scanner, tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.env").write_bytes(leak(number))
    assert scanner.scan_paths([tmp_path], workers=2) == scanner.scan_paths([tmp_path], workers=1)


def test_missing_path_is_an_error(scanner, tmp_path):
    with pytest.raises(InputError):
        scanner.scan_paths([tmp_path / "none"])


def test_unknown_detector_is_an_error(engine):
    with pytest.raises(InputError, match="no-such"):
        stanch.Scanner(only=["no-such"])


def test_names_of_the_package_are_there_and_no_others():
    assert all(getattr(stanch, name) is not None for name in stanch.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = stanch.nothing
