"""Where a database credential belongs: host, user, database, read from connection strings and from what stands beside a password.

Each family of drivers writes and escapes differently: URLs (percent escapes), libpq's keywords (backslashes in quotes), ADO.NET
and ODBC (semicolons; doubled quotes, braces), JDBC (any of these behind its own prefix), Go's MySQL driver, StackExchange.Redis
(commas). Nothing here is looked up or connected to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final
from urllib.parse import unquote

from stanch.issuers.model import Credential
from stanch.issuers.rendering import MAX_VALUE, NotAskedError

KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "pgsql", "pg", "psql", "cockroachdb", "cockroach", "crdb",
                     "timescaledb", "greenplum", "redshift", "npgsql"), "postgresql"),
    **dict.fromkeys(("mysql", "mysql2", "mysqli", "mariadb", "aurora", "tidb", "vitess", "singlestoredb"), "mysql"),
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys", "keydb", "dragonfly"), "redis"),
    **dict.fromkeys(("sqlserver", "mssql", "sybase"), "sqlserver"),
    **dict.fromkeys(("mongodb", "mongo"), "mongodb"),
}  # fmt: skip
"""What people call a database → the protocol it speaks."""

MOST_TEXT: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """A way into a database; empty is what is not known. It has no repr because of the password.

    Attributes:
        kind: protocol, one of the values of `KINDS`.
        host: name or address.
        port: 0 when none is stated.
        user: name.
        password: plain; bytes that are no UTF-8 are kept as surrogates.
        database: name, or number for Redis.
        tls: ``yes`` or ``no`` where it is stated.
    """

    kind: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    database: str = ""
    tls: str = ""

    @property
    def secret(self) -> bytes:
        """The password as bytes."""
        return self.password.encode("utf-8", "surrogateescape")

    def filled(self, other: Login) -> Login:
        """Return this one with its gaps filled from another."""
        gaps = {field.name: getattr(other, field.name) for field in fields(self) if not getattr(self, field.name)}
        if self.host and not self.port:
            gaps.pop("port")  # the port of another host
        return replace(self, **gaps)


def login_of(credential: Credential) -> Login:
    """Return the login that a credential and its companions make.

    The value is the password alone, or a whole connection string.

    Raises:
        NotAskedError: the value is not there or makes no sense.
    """
    if not credential.secret.has_value:
        raise NotAskedError("value_not_kept", "The value was not kept, so nobody could be asked.")
    value = credential.secret.reveal().decode("utf-8", "surrogateescape")
    if not value or len(value) > MAX_VALUE or "\0" in value:
        raise NotAskedError(
            "value_unusable", "The value is empty, very long, or holds a null, so it is no password of a database."
        )
    whole = parse(value) if len(value) <= MOST_TEXT else None
    if whole is not None and whole.host and whole.password:
        return whole.filled(_beside(credential))
    options = ""
    if credential.detector in _COMMA:
        value, _, options = value.partition(",")
    beside = _from_pairs(_split_pairs(options, ",")).filled(_beside(credential))
    return replace(beside, password=_unescaped(value, credential.detector))


def needed(login: Login, *names: str) -> None:
    """Refuse a login without a part.

    Raises:
        NotAskedError: one of ``host``, ``user``, ``password`` … is missing.
    """
    for name in names:
        if not getattr(login, name):
            message = f"The {name} of the database is needed to ask it, and none stands near by. Give it, and ask again."
            raise NotAskedError("companion_missing", message)


def parse(text: str) -> Login | None:
    """Return what a connection string says, ``None`` when it is none."""
    text = text.strip()
    if len(text) > MOST_TEXT:
        return None
    if text[:5].lower() == "jdbc:":
        return _jdbc(text[5:])
    if _SCHEME.match(text):
        return _url(text)
    if _GO.match(text):
        return _go(text)
    if _STACK_EXCHANGE.match(text):
        host, _, options = text.partition(",")
        return replace(_from_pairs(_split_pairs(options, ",")).filled(_at(host)), kind="redis")
    if ";" in text:
        return _from_pairs(_split_pairs(text, ";"))
    keywords = dict(_keywords(text))
    return _from_pairs(keywords.items(), kind="postgresql") if _LIBPQ & keywords.keys() else None


_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9.-]{1,30})(?:\+[A-Za-z0-9_]{1,20})?://")
_GO: Final = re.compile(
    r"(?P<user>[^:@/\s]{1,80}):(?P<password>.{0,400})@(?:tcp[46]?|cloudsql)\((?P<at>[^)\s]{1,260})\)/(?P<database>[^?]{0,120})"
)
_STACK_EXCHANGE: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}:[0-9]{2,5},[^=]{1,40}=")
_LIBPQ: Final = frozenset(("host", "hostaddr", "dbname", "user", "password"))
# Spellings of all drivers in one table; none means one thing here and another there.
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("host", "hostaddr", "server", "data source", "datasource", "addr", "address", "network address",
                     "servername"), "host"),
    **dict.fromkeys(("user", "user id", "userid", "user name", "username", "uid"), "user"),
    **dict.fromkeys(("password", "pwd", "pass"), "password"),
    **dict.fromkeys(("database", "initial catalog", "dbname", "databasename", "db", "defaultdatabase"), "database"),
    **dict.fromkeys(("sslmode", "ssl mode", "ssl-mode", "ssl", "tls", "usessl", "encrypt"), "tls"),
    "port": "port",
    "driver": "driver",
}  # fmt: skip
_TLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("true", "yes", "1", "require", "required", "mandatory", "strict", "verify-ca", "verify-full", "verify_ca",
                     "verify_identity", "verifyca", "verifyfull"), "yes"),
    **dict.fromkeys(("false", "no", "0", "disable", "disabled", "none"), "no"),
}  # fmt: skip
# Detectors whose value is a password as it stands in a URL.
_PERCENT: Final = frozenset(
    (
        "postgresql-connection-string",
        "mysql-connection-string",
        "redis-connection-string",
        "mongodb-connection-string",
        "sqlserver-uri",
        "amqp-connection-string",
        "jdbc-connection-string",
        "database-uri",
        "azure-cosmosdb-mongodb-uri",
    )
)
# Detectors whose value runs on over the options behind the password, which cannot have a comma.
_COMMA: Final = frozenset(("stackexchange-redis-connection-string", "azure-cache-for-redis-connection-string"))
_ESCAPED_QUOTE: Final = frozenset(("postgresql-keyword-connection-string",))


def _unescaped(value: str, detector: str) -> str:
    """Return a password as it was before it was written into the text it was found in."""
    if detector in _PERCENT:
        return _plain(value)
    if detector in _ESCAPED_QUOTE:
        return re.sub(r"\\(.)", r"\1", value)
    # Connection strings in XML files. A password with a literal "&amp;" is rarer than these by far.
    return re.sub(r"&(amp|quot|lt|gt|apos);", lambda found: _ENTITIES[found[1]], value) if "&" in value else value


_ENTITIES: Final = {"amp": "&", "quot": '"', "lt": "<", "gt": ">", "apos": "'"}


def _beside(credential: Credential) -> Login:
    """Return what the companions say: a connection string first, then single parts."""
    found = Login()
    for name in ("connection", "connection string", "host or database"):
        found = found.filled(parse(credential.text(name)) or Login())
    host = next((text for name in ("host", "server", "endpoint") if (text := credential.text(name).strip())), "")
    parts = replace(
        _at(host),
        user=_plain(credential.text("user") or credential.text("username")),
        database=_plain(credential.text("database")),
        tls=_TLS.get(credential.text("tls").lower(), ""),
    )
    kind = _kind(credential.text("scheme")) or _kind(credential.text("kind")) or _kind(credential.text("driver or data source"))
    if credential.text("scheme").lower() in ("rediss", "valkeys"):
        parts = replace(parts, tls="yes")
    if not parts.port:
        parts = replace(parts, port=_port(credential.text("port")))
    return replace(found.filled(parts), kind=found.kind or kind)


def _kind(text: str) -> str:
    words = re.split(r"[^a-z0-9]+", text.lower())
    return next((KINDS[word] for word in words if word in KINDS), "sqlserver" if {"sql", "server"} <= set(words) else "")


def _plain(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _port(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text.strip()) and 0 < int(text) < 65_536 else 0


def _at(text: str) -> Login:
    r"""Read the ways to write a host: ``h``, ``h:1``, ``h,1``, ``tcp:h,1``, ``[::1]:1``, ``h\instance``; of several the first."""
    text = re.sub(r"(?i)\A(?:tcp|np|admin):", "", text.strip()).strip("/")
    bracketed = re.match(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{1,5}))?", text)
    if bracketed:
        return Login(host=bracketed[1], port=_port(bracketed[2] or ""))
    if text.count(":") > 1 and re.fullmatch(r"[0-9A-Fa-f:.]{2,45}", text):
        return Login(host=text)
    host, port = re.match(r"([^:,\\/\s]{0,255})(?:\\[^,:]{0,60})?(?:[:,]\s{0,3}([0-9]{1,5}))?", text).groups()  # type: ignore[union-attr]  # all of it may be empty
    return Login(host=host, port=_port(port or ""))


def _url(text: str) -> Login:
    scheme = _SCHEME.match(text)
    assert scheme is not None
    end = re.compile(r"[/?#]|\Z").search(text, scheme.end())
    assert end is not None
    user_info, _, where = text[scheme.end() : end.start()].rpartition("@")
    user, _, password = user_info.partition(":")
    path, _, query = text[end.start() :].partition("?")
    given = replace(
        _at(where),
        kind=_kind(scheme["scheme"]),
        user=_plain(user),
        password=_plain(password),
        database=_plain(path.partition("#")[0].strip("/")),
        tls="yes" if scheme["scheme"].lower() in ("rediss", "valkeys") else "",
    )
    options = _from_pairs(
        (name, _plain(value)) for name, value in _split_pairs(query.partition("#")[0].replace("&amp;", "&"), "&")
    )
    return given.filled(replace(options, kind=""))


def _jdbc(text: str) -> Login:
    """Read what follows ``jdbc:``. SQL Server has its options behind semicolons, the others behind a question mark."""
    name = text.partition(":")[0].lower()
    if name == "sqlserver":
        where, _, options = re.sub(r"\A[^:]+:/{0,2}", "", text).partition(";")
        return replace(_at(where).filled(_from_pairs(_split_pairs(options, ";"))), kind="sqlserver")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Login(kind=_kind(name), database=text.partition(":")[2] if name in KINDS else "")
    return _url(text)


def _go(text: str) -> Login:
    """Read ``user:password@tcp(host:port)/database?options``: nothing of it is escaped."""
    found = _GO.match(text)
    assert found is not None
    return replace(_at(found["at"]), kind="mysql", user=found["user"], password=found["password"], database=found["database"])


def _from_pairs(pairs: Iterable[tuple[str, str]], *, kind: str = "") -> Login:
    """Make a login of named options; of one that is said twice the last counts, as drivers have it."""
    said: dict[str, str] = {}
    for name, value in pairs:
        known = _NAMES.get(" ".join(name.lower().replace("_", " ").split()), "")
        if known and value:
            said[known] = value
    at = _at(said.get("host", ""))
    return Login(
        kind=kind or _kind(said.get("driver", "")),
        host=at.host,
        port=at.port or _port(said.get("port", "")),
        user=said.get("user", ""),
        password=said.get("password", ""),
        database=said.get("database", ""),
        tls=_TLS.get(said.get("tls", "").lower(), ""),
    )


_PAIR: Final = re.compile(
    r"""\s*(?P<name>[^=;\s][^=;]{0,59})=\s*(?:'(?P<single>(?:[^']|'')*)'|"(?P<double>(?:[^"]|"")*)"|\{(?P<brace>(?:[^}]|\}\})*)\}|(?P<bare>[^;]*))\s*(?:;|\Z)"""
)


def _split_pairs(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """Yield the options of ``name=value`` text; quotes and braces hold a value together where semicolons separate."""
    if mark != ";":
        for part in text.split(mark):
            name, equals, value = part.partition("=")
            if equals:
                yield name, value
        return
    place = 0
    while place < len(text):
        found = _PAIR.match(text, place)  # linear: no two neighbours of the expression take the same characters
        if found is None:
            place = (text.find(";", place) + 1) or len(text)
            continue
        place = found.end()
        yield found["name"], _value(found)


def _value(found: re.Match[str]) -> str:
    if found["single"] is not None:
        return found["single"].replace("''", "'")
    if found["double"] is not None:
        return found["double"].replace('""', '"')
    if found["brace"] is not None:
        return found["brace"].replace("}}", "}")
    return found["bare"].strip()


_KEYWORD: Final = re.compile(
    r"\s*(?P<name>[a-z_]{1,40})\s*=\s*(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?P<bare>(?:[^\s'\\]|\\.)*))(?=\s|\Z)"
)


def _keywords(text: str) -> Iterator[tuple[str, str]]:
    """Yield libpq's keywords: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE."""
    place = 0
    while place < len(text):
        found = _KEYWORD.match(text, place)
        if found is None:
            return
        place = found.end()
        quoted = found["quoted"]
        yield found["name"], re.sub(r"\\(.)", r"\1", found["bare"] if quoted is None else quoted)


def pairs_of(text: str) -> dict[str, str]:
    """Return the fields of ``Name=value;…`` text as Azure writes it, names in lower case; empty for other text."""
    if len(text) > MOST_TEXT or ";" not in text:
        return {}
    parts = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in parts if equals}
