from __future__ import annotations

import equivalents
import leaks
import recall

from .conftest import BLOCK, NEAR, SHAPED, STRING


def test_values_of_each_kind_of_type_are_found_in_most_contexts(lab):
    result = recall.measure([NEAR.id, SHAPED.id, STRING.id, BLOCK.id], values=1, seed=1, workers=1, lab=lab)
    assert len(result.outcomes) + result.left_out.cases == 100
    assert result.share > 0.8


def test_a_case_is_left_out_with_its_reason(lab):
    left_out = leaks.LeftOut()
    cases = list(recall.cases_of(lab, BLOCK.id, 1, 1, left_out))
    assert len(cases) == 24
    assert left_out.by_reason == {"no place for it: URL": 1}


def test_the_same_seed_plants_the_same_and_another_seed_others(lab):
    first, again, other = ([p.data for _, _, p in recall.cases_of(lab, NEAR.id, 1, seed, leaks.LeftOut())] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_finding_elsewhere_in_the_file_does_not_count(lab):
    case, _, planted = next(recall.cases_of(lab, NEAR.id, 1, 1, leaks.LeftOut()))
    moved = recall.Plant(context=planted.context, path=planted.path, data=planted.data, start=0, end=4)
    assert recall.judge(lab, [(case, planted)])[0].result == "found"
    assert recall.judge(lab, [(case, moved)])[0].result == "missed"


def test_a_finding_under_another_name_is_told_apart_from_a_miss(lab):
    case, _, planted = next(recall.cases_of(lab, NEAR.id, 1, 1, leaks.LeftOut()))
    stranger = recall.Case(detector=SHAPED.id, context=case.context, turn=0)
    assert recall.judge(lab, [(stranger, planted)])[0].result == NEAR.id


def test_only_the_table_lets_one_type_answer_for_another():
    assert equivalents.answers("generic-secret", "generic-token")
    assert not equivalents.answers("aws-secret-access-key", "generic-secret")
    assert all(reason for _, _, reason in equivalents.EQUIVALENTS)
