from __future__ import annotations

import pytest

from stanch.server.request_log import shown_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/v1/incidents/12/comments", "/api/v1/incidents/12/comments"),
        ("/api/v1/runs/run_01m898xgxf7f4416ehqardad9g", "/api/v1/runs/run_01m898xgxf7f4416ehqardad9g"),
        ("/api/v1/incidents/Tr0ub4dor&3", "/api/v1/incidents/…"),
        ("/api/v1/x/AKIAABCDEFGHIJKLMNOP/y", "/api/v1/x/…/y"),
        ("/api/openapi.json", "/api/openapi.json"),
        ("/api//", "/api//"),
    ],
)
def test_only_words_and_ids_of_a_path_are_written_down(path, shown):
    assert shown_path(path) == shown


def test_a_path_without_end_is_cut():
    assert len(shown_path("/a" * 100_000)) < 100
