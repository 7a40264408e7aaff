from xml.etree import ElementTree

from stanch.core.finding import Skipped

from .factories import hostile_report, made_finding, made_report, written


def suite_of(report):
    root = ElementTree.fromstring(written("junit", report).encode("utf-8"))
    [suite] = root.findall("testsuite")
    return suite


def test_hostile_report_is_well_formed_and_loses_no_finding():
    report = hostile_report()
    suite = suite_of(report)
    assert len(suite.findall("testcase/failure")) == len(report.findings) == int(suite.get("failures"))
    assert len(suite.findall("testcase/error")) == len(report.skipped) == int(suite.get("errors"))
    assert len(suite.findall("testcase")) == int(suite.get("tests"))


def test_finding_is_a_failed_test_that_says_where_and_why():
    [case] = suite_of(made_report(made_finding())).findall("testcase")
    assert case.attrib == {
        "classname": "stanch.example-token",
        "name": "Example API token at src/app/settings.py:12:9",
        "file": "src/app/settings.py",
        "line": "12",
    }
    failure = case.find("failure")
    assert failure.attrib == {"type": "high", "message": "Example API token: tok_…one (40 characters)"}
    assert failure.text.splitlines() == [
        "src/app/settings.py:12:9: high severity, high confidence (example-token)",
        "  # production",
        '  TOKEN = "tok_…one (40 characters)"',
        "why: the prefix is used by Example alone",
        "why: the checksum is right",
        "Revoke the secret first, then remove it.",
    ]


def test_nothing_found_is_one_passing_test():
    suite = suite_of(made_report())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    assert [case.get("name") for case in suite] == ["no secrets found in what was read"]


def test_something_unread_is_an_error_so_that_the_job_is_not_green():
    suite = suite_of(made_report(skipped=(Skipped(path="x.zip", code="broken_archive", reason="Ends too early."),)))
    [error] = suite.findall("testcase/error")
    assert error.attrib == {"type": "broken_archive", "message": "Ends too early."}
