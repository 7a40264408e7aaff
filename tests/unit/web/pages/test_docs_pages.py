from __future__ import annotations

import re

import pytest

from stanch.server.error_pages import error_pages
from stanch.server.problems import TITLES


@pytest.mark.parametrize("role", ["", "viewer"])
def test_anybody_reads_what_an_error_means(site, role):
    client = site.client(role)
    index = client.get("/docs/errors")
    assert index.status_code == 200
    assert {f"/docs/errors/{code}" for code in error_pages()} <= set(re.findall(r'href="([^"]+)"', index.text))
    page = client.get("/docs/errors/git_failed")
    assert page.status_code == 200 and "git fsck" in page.text


def test_every_link_of_a_problem_leads_to_its_page(site):
    problem = site.client("viewer").get("/api/v1/incidents/999").json()
    for address in (problem["type"], problem["doc_url"]):
        assert site.client("").get(address).status_code == 200, address


@pytest.mark.parametrize("code", sorted(code for code, _ in TITLES.values()))
def test_every_kind_of_problem_has_a_page(site, code):
    assert site.client("").get(f"/docs/problems/{code}").status_code == 200


def test_every_page_of_an_error_leads_nowhere_that_is_not_there(site):
    client = site.client("")
    for code, page in error_pages().items():
        for address in re.findall(r'href="(/[^"]+)"', page.html):
            assert client.get(address).status_code == 200, (code, address)


@pytest.mark.parametrize("path", ["/docs/errors/nothing_like_it", "/docs/problems/git_failed", "/docs/errors/<script>"])
def test_an_unknown_code_is_told_so(site, path):
    answer = site.client("").get(path)
    assert answer.status_code == 404 and "in this version" in answer.text
    assert "<script>" not in answer.text
