from stanch.core.finding import Confidence, History, Severity
from stanch.reports.groups import count_by_severity, group_findings, worst_first

from .factories import made_commit, made_companion, made_finding, made_location, made_secret


def test_one_value_at_many_places_is_one_secret_with_each_place_once():
    here, there, copy = made_location("a"), made_location("b"), made_location("c")
    groups = group_findings([made_finding(location=here, also_at=(copy,)), made_finding(location=there, also_at=(copy, here))])
    assert [[place.location for place in group.places] for group in groups] == [[here, copy, there]]


def test_other_value_or_other_detector_is_another_secret_in_order_of_appearance():
    findings = [made_finding("b"), made_finding("a"), made_finding("b", detector="other"), made_finding("a")]
    assert [(group.lead, len(group.findings)) for group in group_findings(findings)] == [
        (findings[0], 1),
        (findings[1], 2),
        (findings[2], 1),
    ]


def test_group_is_as_bad_and_as_sure_as_its_worst_finding():
    low = made_finding(severity=Severity.LOW, confidence=Confidence.HIGH)
    critical = made_finding(severity=Severity.CRITICAL, confidence=Confidence.LOW)
    [group] = group_findings([low, critical])
    assert (group.severity, group.confidence) == (Severity.CRITICAL, Confidence.HIGH)


def test_group_is_gone_only_when_no_place_is_left():
    gone = made_finding(history=History(introduced=made_commit(), in_head=False), location=made_location("a"))
    kept = made_finding(history=History(introduced=made_commit(), in_head=True), location=made_location("b"))
    plain = made_finding(location=made_location("c"))
    answers = [group_findings(findings)[0].in_head for findings in ([gone], [gone, kept], [gone, plain], [plain])]
    assert answers == [False, True, True, None]


def test_companions_are_listed_once():
    companion = made_companion()
    other = made_companion(name="tenant", secret=made_secret("tenant"))
    [group] = group_findings([made_finding(companions=(companion,)), made_finding(companions=(companion, other))])
    assert group.companions == (companion, other)


def test_worst_come_first_and_equals_keep_their_order():
    findings = [
        made_finding("1", severity=Severity.LOW),
        made_finding("2", severity=Severity.HIGH, confidence=Confidence.LOW),
        made_finding("3", severity=Severity.HIGH),
        made_finding("4", severity=Severity.HIGH),
    ]
    groups = worst_first(group_findings(findings))
    assert [group.lead for group in groups] == [findings[2], findings[3], findings[1], findings[0]]
    assert list(count_by_severity(groups).items()) == [(Severity.HIGH, 3), (Severity.LOW, 1)]
