from __future__ import annotations

import pytest
from tests.support.incidents import finding

from stanch.incidents.sightings import from_base, sightings_of


@pytest.mark.parametrize(
    ("path", "base", "inside"),
    [
        ("/srv/shop/app/settings.py", "/srv/shop", "app/settings.py"),
        ("/srv/shop/app/settings.py", "/srv/shop/", "app/settings.py"),
        ("app/settings.py", ".", "app/settings.py"),
        ("app/settings.py", "", "app/settings.py"),
        ("sub/app.py", "sub", "app.py"),
        ("subway/app.py", "sub", "subway/app.py"),
        ("/tmp/old/backup.zip!a/b.env", "/tmp/old/backup.zip", "backup.zip!a/b.env"),
        ("backup.zip!a/b.env", "backup.zip", "backup.zip!a/b.env"),
        ("/tmp/old/key.pem", "/tmp/old/key.pem", "key.pem"),
        ("/x", "/", "x"),
    ],
)
def test_a_place_counts_from_what_was_scanned(path, base, inside):
    assert from_base(path, base) == inside


def test_the_same_folder_scanned_from_elsewhere_has_the_same_places():
    here, there = (
        next(sightings_of([finding(path=path)], base=base)).places
        for path, base in (("app/x.py", "."), ("/srv/shop/app/x.py", "/srv/shop"))
    )
    assert [p.path for p in here] == [p.path for p in there]
