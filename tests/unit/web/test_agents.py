from __future__ import annotations

import pytest
from tests.support.furnished import FIREFOX, SAFARI

from stanch.web.agents import browser_of

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/141.0.0.0", "Edge on Windows"),
        ("curl/8.14.1", "curl"),
        ("<script>", "<script>"),
        ("x" * 300, "x" * 60),
        ("", "Unknown"),
    ],
)
def test_browsers_are_called_by_their_names(agent, words):
    assert browser_of(agent) == words
