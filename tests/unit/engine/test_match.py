import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.model import Detector, detector_from
from stanch.engine.match import RANK_CHECKED, RANK_GENERIC, RANK_NEAR, RANK_SHAPE, CompanionMatch, Match, resolve


def detector(identifier: str, **changes) -> Detector:
    table = {"id": identifier, "name": "Example", "kind": "token", "severity": "high", "value": "abc_[a-z]{9}"}
    made = detector_from(table, provider="Example", examples_required=False)
    return dataclasses.replace(made, **changes)


A, B = detector("a-token"), detector("b-token")
WEIGHTY = detector("weighty-token", weight=30)
PASSWORD = detector("a-password", kind="password", value="")


def match(start: int, end: int, found: Detector = A, **changes) -> Match:
    return Match(**{"detector": found, "start": start, "end": end, "value": b"v" * (end - start), "rank": RANK_SHAPE, **changes})


def part(start: int, end: int, *, secret: bool = True) -> CompanionMatch:
    return CompanionMatch(name="part", value=b"p" * (end - start), start=start, end=end, secret=secret)


def kept(*matches: Match) -> list[Match]:
    """What is kept, checked to be the same whatever the order."""
    results = [resolve(list(order)) for order in itertools.permutations(matches)]
    assert all(list(map(id, r)) == list(map(id, results[0])) for r in results)
    return results[0]


def test_of_overlapping_matches_the_more_specific_is_kept():
    for low, high in itertools.pairwise((RANK_GENERIC, RANK_NEAR, RANK_SHAPE, RANK_CHECKED)):
        weak, strong = match(0, 30, rank=low), match(10, 20, B, rank=high)
        assert kept(weak, strong) == [strong]


def test_with_the_same_rank_the_one_that_needed_no_decoding_is_kept():
    plain, decoded = match(0, 20), match(5, 15, B, decoded=("base64",))
    assert kept(plain, decoded) == [plain]


def test_more_fixed_text_says_more():
    light, heavy = match(0, 20), match(5, 25, WEIGHTY)
    assert kept(light, heavy) == [heavy]


def test_among_named_ones_a_password_comes_last():
    token, password = match(5, 15, rank=RANK_NEAR, distance=40), match(0, 20, PASSWORD, rank=RANK_NEAR)
    assert kept(token, password) == [token]


def test_nearer_word_wins():
    near, far = match(0, 20, B, rank=RANK_NEAR, distance=3), match(0, 20, A, rank=RANK_NEAR, distance=30)
    assert kept(near, far) == [near]


def test_matches_side_by_side_are_all_kept_in_order_of_place():
    first, second, third = match(0, 10, B), match(10, 20), match(20, 25, B)
    assert kept(third, first, second) == [first, second, third]


def test_what_is_a_secret_part_of_another_credential_is_not_reported_beside_it():
    whole = match(0, 10, companions=[part(50, 60)])
    assert kept(whole, match(50, 60, B)) == [whole]


def test_graver_public_half_is_kept_beside_nothing_lighter():
    key_id = match(50, 60, detector("id-token", severity="low"), companions=[part(0, 10)])
    secret = match(0, 10, detector("secret-token", severity="high"), companions=[part(50, 60, secret=False)])
    assert kept(secret, key_id) == [secret]


def test_public_part_alone_takes_nothing_away():
    whole = match(0, 10, companions=[part(50, 60, secret=False)])
    other = match(50, 60, B)
    assert kept(whole, other) == [whole, other]


spans = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair)))
matches = st.builds(
    lambda span, found, rank, distance: match(*span, found, rank=rank, distance=distance),
    spans, st.sampled_from([A, B, WEIGHTY, PASSWORD]), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip


@given(st.lists(matches, max_size=12), st.randoms(use_true_random=False))
def test_nothing_kept_overlaps_and_nothing_dropped_beats_what_it_overlaps(found, rng):
    result = resolve(list(found))
    for one, two in itertools.pairwise(result):
        assert one.end <= two.start
    for dropped in found:
        if not any(dropped is k for k in result):
            rivals = [k for k in result if k.start < dropped.end and dropped.start < k.end]
            assert any(k.strength() <= dropped.strength() for k in rivals)
    shuffled = list(found)
    rng.shuffle(shuffled)
    assert [(m.start, m.end, m.detector.id) for m in resolve(shuffled)] == [(m.start, m.end, m.detector.id) for m in result]


def test_texts_of_a_match_and_of_a_companion_hold_no_value():
    found = match(0, 3, value=b"zqzq", companions=[part(5, 9)])
    assert "zqzq" not in repr(found)
    assert "pppp" not in repr(found.companions)
