from __future__ import annotations

import pytest

from stanch.core.errors import ConfigError
from stanch.db.database import Database


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://x/y",
        "sqlite://",
        "postgresql://owner@127.0.0.1:/x",
        "postgresql://o@h:port/x",
        "postgresql://o@[::1/x",
        "://",
    ],
)
def test_an_address_that_is_none_is_told_with_an_example(url, monkeypatch):
    monkeypatch.setenv("STANCH_DATABASE", url or "nonsense")
    with pytest.raises(ConfigError, match="address of the database") as caught:
        Database(url)
    assert "sqlite:////" in str(caught.value)


def test_the_password_is_not_shown():
    database = Database("postgresql://ada:" + "hunter2" * 2 + "@db.example/stanch")
    assert database.shown == "postgresql://ada:***@db.example/stanch"
    assert "hunter2" in database.address
    database.close()
