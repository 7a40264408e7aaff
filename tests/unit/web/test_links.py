"""Links to forges are right or not there, and never anything but https."""

from __future__ import annotations

import pytest

from stanch.web.links import commit_link, place_link

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def place(target: str, **values: object) -> dict[str, object]:
    known = {"url": "", "source_kind": "git", "commit": COMMIT, "in_head": True, "path": "src/app.py", "line": 7, "end_line": 7}
    return {"source_target": target, **known, **values}


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("https://github.com/acme/shop.git", f"https://github.com/acme/shop/blob/{COMMIT}/src/app.py#L7"),
        ("git@github.com:acme/shop.git", f"https://github.com/acme/shop/blob/{COMMIT}/src/app.py#L7"),
        ("ssh://git@github.com:22/acme/shop", f"https://github.com/acme/shop/blob/{COMMIT}/src/app.py#L7"),
        ("https://github.acme.test/acme/shop", f"https://github.acme.test/acme/shop/blob/{COMMIT}/src/app.py#L7"),
        ("https://gitlab.com/group/sub/shop.git", f"https://gitlab.com/group/sub/shop/-/blob/{COMMIT}/src/app.py#L7"),
        ("git@gitlab.acme.test:group/shop.git", f"https://gitlab.acme.test/group/shop/-/blob/{COMMIT}/src/app.py#L7"),
        ("https://bitbucket.org/acme/shop.git", f"https://bitbucket.org/acme/shop/src/{COMMIT}/src/app.py#lines-7"),
        (
            "https://dev.azure.com/acme/Shop%20Two/_git/shop",
            f"https://dev.azure.com/acme/Shop%20Two/_git/shop?path=/src/app.py&version=GC{COMMIT}&line=7&lineEnd=8&lineStartColumn=1&lineEndColumn=1",
        ),
        (
            "git@ssh.dev.azure.com:v3/acme/Shop/shop",
            f"https://dev.azure.com/acme/Shop/_git/shop?path=/src/app.py&version=GC{COMMIT}&line=7&lineEnd=8&lineStartColumn=1&lineEndColumn=1",
        ),
    ],
)
def test_place_leads_to_its_line_at_its_commit(target: str, link: str) -> None:
    assert place_link(place(target)) == link


@pytest.mark.parametrize(
    "target",
    [
        "", "/home/ada/shop", "C:\\code\\shop", "https://git.acme.test/shop.git", "https://github.com.evil.test/a/b", "https://evilgithub.com/a/b",
        "https://github.com", "https://github.com/acme", "https://github.com:8443/acme/shop", "javascript:alert(1)//github.com/a/b",
        "file:///github.com/a/b", "https://github.com/../a/b", "https://[::1/a/b", "https://dev.azure.com/acme/shop",
        'https://github.com"onmouseover="x/a/b', "git@ssh.dev.azure.com:v3/a/b",
    ],
)  # fmt: skip
def test_unknown_place_has_no_link(target: str) -> None:
    assert place_link(place(target)) == ""
    assert commit_link(target, COMMIT) == ""


def test_logins_never_reach_a_link() -> None:
    assert "ada" not in place_link(place("https://ada:hunter2@github.com/acme/shop.git"))


def test_several_lines_are_all_marked() -> None:
    assert place_link(place("https://github.com/a/b", end_line=9)).endswith("#L7-L9")
    assert place_link(place("https://gitlab.com/a/b", end_line=9)).endswith("#L7-9")
    assert place_link(place("https://bitbucket.org/a/b", end_line=9)).endswith("#lines-7:9")


def test_hostile_paths_stay_in_their_address() -> None:
    link = place_link(place("https://github.com/a/b", path='x/"><script>#?&\n.py'))
    assert link == f"https://github.com/a/b/blob/{COMMIT}/x/%22%3E%3Cscript%3E%23%3F%26%0A.py#L7"


def test_member_of_an_archive_leads_to_the_archive() -> None:
    link = place_link(place("https://github.com/a/b", path="dist/app.zip!conf/.env"))
    assert link == f"https://github.com/a/b/blob/{COMMIT}/dist/app.zip"


def test_what_has_no_commit_leads_to_the_head_while_it_is_there() -> None:
    assert place_link(place("https://github.com/a/b", commit="")) == "https://github.com/a/b/blob/HEAD/src/app.py#L7"
    assert place_link(place("https://github.com/a/b", commit="", in_head=None)) == ""
    assert place_link(place("https://github.com/a/b", commit="../../evil")) == ""


def test_address_of_an_import_is_taken_when_it_is_https() -> None:
    known = "https://scanner.test/finding/1"
    assert place_link(place("", url=known)) == known
    assert place_link(place("", url="javascript:alert(1)")) == ""
    assert place_link(place("", url="http://scanner.test/")) == ""


def test_commit_has_a_page() -> None:
    assert commit_link("https://gitlab.com/a/b.git", COMMIT) == f"https://gitlab.com/a/b/-/commit/{COMMIT}"
    assert commit_link("https://github.com/a/b.git", "main") == ""
