"""The browser that end-to-end tests share; see `tests.support.browser`."""

from __future__ import annotations

from tests.support.browser import browser, open_page, page
from tests.support.databases import servers

__all__ = ["browser", "open_page", "page", "servers"]
