"""Pages that the links of every error lead to."""

from __future__ import annotations

from tests.support.site import Site

from stanch.server.error_pages import error_pages


def test_every_link_of_a_problem_leads_to_a_page(site: Site) -> None:
    nobody = site.client("", follow=True)
    problem = nobody.get("/api/v1/me").json()
    for link in (problem["doc_url"], problem["type"]):
        page = nobody.get(link)
        assert page.status_code == 200
        assert "unauthenticated" in page.text


def test_every_code_has_a_page_and_stands_in_the_list(site: Site) -> None:
    nobody = site.client("")
    every = nobody.get("/docs/errors").text
    for code in error_pages():
        assert f'href="/docs/errors/{code}"' in every
    assert nobody.get("/docs/errors/state").status_code == 200


def test_an_unknown_code_is_told(site: Site) -> None:
    nobody = site.client("")
    assert nobody.get("/docs/errors/none").status_code == 404
    assert nobody.get("/docs/problems/none").status_code == 404
