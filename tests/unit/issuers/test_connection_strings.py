"""Every family of drivers is read as it reads itself, and what is no connection string is none."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.logins import login

from stanch.issuers.connection import MOST_TEXT, Login, login_of, needed, pairs_of, parse
from stanch.issuers.rendering import NotAskedError

EMPTY = asdict(Login())


def parts(text: str) -> dict[str, object]:
    found = parse(text)
    assert found is not None
    return {name: value for name, value in asdict(found).items() if value != EMPTY[name]}


FULL = {"host": "db.acme.io", "port": 6432, "user": "svc", "password": "p@ss", "database": "app"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://svc:p%40ss@db.acme.io:6432/app", {"kind": "postgresql", **FULL}),  # stanch:allow
        ("postgresql+psycopg2://svc:p%40ss@db.acme.io:6432/app?sslmode=require", {"kind": "postgresql", "tls": "yes", **FULL}),  # stanch:allow
        ("postgresql:///app?host=db.acme.io&port=6432&user=svc&password=p%40ss", {"kind": "postgresql", **FULL}),
        ("postgres://svc:p%40ss@db.acme.io:6432,other:5432/app", {"kind": "postgresql", **FULL}),  # stanch:allow
        ("mysql://svc:p@ss@db.acme.io:6432/app", {"kind": "mysql", **FULL}),
        ("rediss://svc:p%40ss@db.acme.io:6432/0", {"kind": "redis", "tls": "yes", **FULL, "database": "0"}),  # stanch:allow
        ("redis://:p%40ss@db.acme.io", {"kind": "redis", "host": "db.acme.io", "password": "p@ss"}),  # stanch:allow
        ("postgres://svc:pw@[2001:db8::7]:6432/app", {"kind": "postgresql", **FULL, "host": "2001:db8::7", "password": "pw"}),
        ("jdbc:postgresql://db.acme.io:6432/app?user=svc&password=p%40ss", {"kind": "postgresql", **FULL}),  # stanch:allow
        ("jdbc:mysql://db.acme.io:6432/app?user=svc&amp;password=p%40ss&amp;useSSL=true", {"kind": "mysql", "tls": "yes", **FULL}),  # stanch:allow
        ("jdbc:sqlserver://db.acme.io:6432;databaseName=app;user=svc;password={p@ss};encrypt=true",
         {"kind": "sqlserver", "tls": "yes", **FULL}),
        ("host=db.acme.io port=6432 dbname=app user=svc password=p@ss", {"kind": "postgresql", **FULL}),  # stanch:allow
        (r"host = db.acme.io port='6432' dbname=app user=svc password='it\'s \\'", {"kind": "postgresql", **FULL, "password": "it's \\"}),
        ("Host=db.acme.io;Port=6432;Database=app;Username=svc;Password=p@ss", FULL),  # stanch:allow
        ("Server=tcp:db.acme.io,6432;Initial Catalog=app;User ID=svc;Password=\"p;a\"\"s\";", {**FULL, "password": 'p;a"s'}),
        ("Data Source=db.acme.io\\SQLEXPRESS,6432;Database=app;uid=svc;pwd='p;''s';", {**FULL, "password": "p;'s"}),
        ("DRIVER={ODBC Driver 18 for SQL Server};SERVER=db.acme.io,6432;DATABASE=app;UID=svc;PWD={p;}}s}",
         {"kind": "sqlserver", **FULL, "password": "p;}s"}),
        ("Driver={PostgreSQL Unicode};Server=db.acme.io;Port=6432;Database=app;Uid=svc;Pwd=p@ss", {"kind": "postgresql", **FULL}),  # stanch:allow
        ("svc:p@ss@tcp(db.acme.io:6432)/app?parseTime=true", {"kind": "mysql", **FULL}),
        ("db.acme.io:6432,password=p@ss,ssl=True,user=svc", {"kind": "redis", "tls": "yes", **FULL, "database": ""}),
    ],
)  # fmt: skip
def test_connection_strings_of_all_families_are_read(text, expected):
    assert parts(text) == {name: value for name, value in expected.items() if value != EMPTY[name]}


@pytest.mark.parametrize("text", ["", "hunter2", "a=b", "p@ss word", "=;=", "x" * (MOST_TEXT + 1), "key = value other=thing"])
def test_what_is_no_connection_string_is_none(text):
    found = parse(text)
    assert found is None or not found.host


plain = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs",)), min_size=1, max_size=30)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,8}){0,2}", fullmatch=True)
ports = st.integers(1, 65_535)


@given(plain, names, hosts, ports, names)
def test_urls_give_back_what_was_put_in(password, user, host, port, database):
    text = f"postgres://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{database}"
    assert parse(text) == Login(kind="postgresql", host=host, port=port, user=user, password=password, database=database)


@given(plain, names, hosts, ports)
def test_keywords_give_back_what_was_put_in(password, user, host, port):
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    found = parse(f"host={host} port={port} user='{user}' password='{escaped}'")
    assert found == Login(kind="postgresql", host=host, port=port, user=user, password=password) or ";" in password


@given(plain, names, hosts, ports, st.sampled_from("'\""))
def test_quoted_pairs_give_back_what_was_put_in(password, user, host, port, mark):
    found = parse(f"Server={host},{port};User Id={user};Password={mark}{password.replace(mark, mark * 2)}{mark};Encrypt=true")
    assert found == Login(host=host, port=port, user=user, password=password, tls="yes")


@given(st.text(max_size=300) | st.text("=;'\"{}\\ @:/,?&%#[]()jdbctcp", max_size=300))
def test_no_text_breaks_the_reading(text):
    for candidate in (
        text,
        f"jdbc:{text}",
        f"postgres://{text}",
        f"a:b@tcp({text})/",
        f"h:6379,{text}",
        f"Server={text};",
        f"host={text}",
    ):
        found = parse(candidate)
        assert found is None or 0 <= found.port < 65_536
    pairs_of(text)


@pytest.mark.parametrize("piece", ["=", ";", "'", " ", "{", "a=", "a='", "}}", "\\", "a=b ", "host='", ";;='"])
def test_reading_takes_no_longer_than_the_text_is_long(piece):
    import time

    start = time.perf_counter()
    for head in ("", "Server=a;", "host=", "jdbc:sqlserver://h;", "postgres://"):
        parse((head + piece * MOST_TEXT)[:MOST_TEXT])
    assert time.perf_counter() - start < 1.0


# --- passwords with companions ---------------------------------------------------------------------------------------


def test_a_password_in_a_url_is_unescaped_and_in_a_dsn_is_not():
    assert login_of(login("postgresql-connection-string", "p%40ss")).password == "p@ss"
    assert login_of(login("mysql-go-dsn", "p%40ss")).password == "p%40ss"
    assert login_of(login("postgresql-keyword-connection-string", r"it\'s")).password == "it's"
    assert login_of(login("npgsql-connection-string", "a&amp;b")).password == "a&b"


def test_bytes_that_are_no_text_survive():
    assert login_of(login("postgresql-connection-string", "p%ff%fe")).secret == b"p\xff\xfe"
    assert login_of(login("database-password", b"p\xff")).secret == b"p\xff"


def test_companions_make_the_login():
    found = login_of(login("database-password", "pw", kind="MYSQL", host="db.acme.io", port="3307", user="svc", database="shop"))
    assert found == Login(kind="mysql", host="db.acme.io", port=3307, user="svc", password="pw", database="shop")


def test_a_connection_text_among_the_companions_is_read():
    found = login_of(login("jdbc-connection-string", "p%26w", connection="jdbc:postgresql://db:5433/app?user=svc"))
    assert found == Login(kind="postgresql", host="db", port=5433, user="svc", password="p&w", database="app")


def test_a_whole_connection_string_needs_no_companions():
    found = login_of(login("custom", "postgres://svc:p%40ss@db.acme.io/app", host="other.acme.io:1"))  # stanch:allow
    assert (found.host, found.port, found.password) == ("db.acme.io", 0, "p@ss")


def test_a_driver_and_a_scheme_tell_the_kind():
    assert login_of(login("odbc-connection-string", "pw", driver_or_data_source="MySQL ODBC 8.0 Unicode Driver")).kind == "mysql"
    assert (
        login_of(login("odbc-connection-string", "pw", driver_or_data_source="ODBC Driver 18 for SQL Server")).kind == "sqlserver"
    )
    assert login_of(login("redis-connection-string", "pw", scheme="rediss")).tls == "yes"
    assert login_of(login("database-password", "pw", kind="django.db.backends.postgresql")).kind == "postgresql"


@pytest.mark.parametrize("value", ["", "a\0b", "x" * 20_000])
def test_impossible_passwords_are_not_asked_about(value):
    with pytest.raises(NotAskedError) as caught:
        login_of(login("database-password", value))
    assert caught.value.reason == "value_unusable"


def test_the_missing_part_is_named():
    with pytest.raises(NotAskedError, match="The host of the database is needed"):
        needed(Login(user="svc"), "host", "user")


def test_a_login_shows_no_password():
    assert "hunter" not in f"{Login(password='hunter')!r}"
