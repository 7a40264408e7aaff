from tests.support.databases import clock, database, desk, empty_url, kind, servers  # noqa: F401
