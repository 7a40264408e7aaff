"""Icons: shapes of one sprite, shown by name. They are decoration; the word beside them carries the meaning."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from markupsafe import Markup, escape

from stanch.web.assets import Assets

SPRITE: Final = "icons.svg"
_SYMBOL: Final = re.compile(rb'<symbol id="([a-z0-9_-]+)"')


@cache
def icon_names(assets: Assets) -> frozenset[str]:
    """Return the names of the shapes that the sprite holds."""
    return frozenset(name.decode() for name in _SYMBOL.findall(assets[SPRITE].content))


def icon(assets: Assets, name: str, label: str = "", classes: str = "") -> Markup:
    """Return an icon.

    Args:
        assets: where the sprite is.
        name: of `icon_names`.
        label: what it says when no word stands beside it; without one, screen readers skip it.
        classes: more classes: ``small``, ``large``, ``spin`` …

    Raises:
        KeyError: the sprite has no such shape; a template is wrong.
    """
    if name not in icon_names(assets):
        raise KeyError(f"no icon {name!r}")
    what = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon {}" width="16" height="16" focusable="false" {}><use href="{}#{}"/></svg>').format(
        classes, what, assets.url(SPRITE), escape(name)
    )
