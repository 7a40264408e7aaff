"""Pages from templates: what every template may rely on.

`Templates.render` gives a template the values of the page and these names:

- ``request``: the `RequestValues`; ``csrf``: hidden field for forms that are POSTed; ``now``;
- ``may("triage")``: whether the person may do that;
- ``url("/incidents", state="open")``: address in this workspace; ``site("/account")``: address outside of workspaces;
  ``here(cursor=None)``: the page's own address with parameters changed (``None`` takes one away, a list repeats it);
- ``asset("stanch.css")``, ``icon("search")``, ``chart`` (module `stanch.web.charts`);
- ``ui``: all macros of ``templates/macros/``;
- filters of `stanch.web.filters`: ``ago``, ``age``, ``moment``, ``day``, ``duration``, ``count``, ``short_count``, ``bytes``,
  ``percent``, ``plural``, ``words``, ``sentence``, ``visible``, ``middle``, ``initials``, ``listed``.

Everything is escaped unless it is `Markup`, and a name that nobody gave is an error, not an empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from stanch.web import charts, code, filters
from stanch.web.assets import Assets, shipped_assets
from stanch.web.icons import icon

FOLDER: Final = Path(__file__).parent / "templates"
THEMES: Final = ("auto", "light", "dark")
# No styles of its own, no code from attributes, no scripts from answers; what went wrong is told by a toast and changes nothing.
HTMX: Final = (
    '{"includeIndicatorCSS":false,"prefix":"","history":true,"noSwap":[204,304,"401","403","429","5xx"],"defaultTimeout":30000}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceLink:
    """A workspace that the person may enter.

    Attributes:
        slug: in addresses.
        name: for people.
        url: where it begins.
    """

    slug: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """A message that is shown once, after something was done.

    Attributes:
        text: a sentence.
        kind: ``success``, ``info``, ``warning`` or ``error``; an error stays until it is closed.
        url: where more is, or the way back.
        link: what that address is called.
    """

    text: str
    kind: str = "success"
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestValues:
    """What a page knows about who looks at it, and where.

    Attributes:
        path: of the page, as the browser shows it; `query` without ``?``.
        base: what addresses of this workspace begin with, such as ``/w/acme``; may be empty.
        csrf: token for forms; empty where nobody is signed in.
        theme: of `THEMES`.
        now: the time of the request.
        htmx: whether a fragment is asked for, not a page.
        name: of the person; empty where nobody is signed in. `email` likewise.
        role: in this workspace, for people.
        operator: whether the person administers the installation.
        workspace: the one the page belongs to; `workspaces` all that the person may enter.
        permissions: wire values of `stanch.core.people.Permission`.
        counts: numbers beside entries of the side navigation, by the entry's path: ``{"/incidents": 12}``.
        toasts: to show on this page.
        version: of Stanch, for the foot of the side navigation.
    """

    path: str = "/"
    query: str = ""
    base: str = ""
    csrf: str = ""
    theme: str = "auto"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    htmx: bool = False
    name: str = ""
    email: str = ""
    role: str = ""
    operator: bool = False
    workspace: WorkspaceLink | None = None
    workspaces: tuple[WorkspaceLink, ...] = ()
    permissions: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    toasts: tuple[Toast, ...] = ()
    version: str = ""

    def may(self, permission: object) -> bool:
        """Whether the person may do that here."""
        return str(getattr(permission, "value", permission)) in self.permissions

    def url(self, path: str = "/", **query: object) -> str:
        """Return an address in this workspace."""
        return with_query(self.base + path if path != "/" or not self.base else self.base, _pairs(query))

    def here(self, **changed: object) -> str:
        """Return the address of this page with some of its parameters changed."""
        kept = [(name, value) for name, value in parse_qsl(self.query, keep_blank_values=False) if name not in changed]
        return with_query(self.path, [*kept, *_pairs(changed)])

    def inside(self, path: str) -> bool:
        """Whether this page is *path* in this workspace, or below it."""
        full = self.url(path)
        return self.path == full or (path != "/" and self.path.startswith(full + "/"))


class Templates:
    """All templates of the dashboard.

    Args:
        folder: where they are.
        assets: what ``asset`` and ``icon`` show.
        reload: whether to look for changed templates; for development.
    """

    def __init__(self, folder: Path = FOLDER, *, assets: Assets | None = None, reload: bool = False) -> None:
        self.assets = assets if assets is not None else shipped_assets()
        self._environment = _environment(folder, self.assets, reload)
        self._where = _macro_files(self._environment)

    def render(self, name: str, request: RequestValues, **values: object) -> str:
        """Return a page, or a fragment of one.

        Args:
            name: path below the folder of templates.
            request: who looks at it, and where.
            values: what the template shows.
        """
        return self._environment.get_template(name).render(self._shared(request) | values)

    def block(self, name: str, block: str, request: RequestValues, **values: object) -> str:
        """Return one block of a page alone: what htmx puts into a page that is already there."""
        template = self._environment.get_template(name)
        context = template.new_context(self._shared(request) | values)
        return "".join(template.blocks[block](context))

    def names(self) -> list[str]:
        """Return the names of all templates."""
        return sorted(self._environment.list_templates())

    def warm(self) -> None:
        """Compile all templates, so that the first visitor does not wait."""
        for name in self.names():
            self._environment.get_template(name)

    def _shared(self, request: RequestValues) -> dict[str, object]:
        shared: dict[str, object] = {
            "request": request,
            "csrf": Markup('<input type="hidden" name="csrf" value="{}">').format(request.csrf),
            "may": request.may,
            "url": request.url,
            "here": request.here,
            "now": request.now,
            "htmx_config": HTMX,
        }
        shared["ui"] = _Macros(self._environment, self._where, shared)
        return shared


class _Macros:
    """All macros as one name, so that a page does not import file by file. A file is run when one of its macros is wanted."""

    def __init__(self, environment: Environment, where: Mapping[str, str], shared: dict[str, object]) -> None:
        self._environment, self._where, self._shared = environment, where, shared

    def __getattr__(self, name: str) -> Any:
        if name not in self._where:
            raise AttributeError(f"no macro {name!r} in macros/")
        module = self._environment.get_template(self._where[name]).make_module(self._shared)
        for known, macro in vars(module).items():
            if not known.startswith("_"):
                vars(self).setdefault(known, macro)
        return vars(self)[name]


def _macro_files(environment: Environment) -> dict[str, str]:
    """Return which file holds which macro; a name in two files would be one of them by chance."""
    where: dict[str, str] = {}
    for file in environment.list_templates(filter_func=lambda name: name.startswith("macros/")):
        for name in vars(environment.get_template(file).make_module({"ui": None})):
            if not name.startswith("_") and where.setdefault(name, file) != file:
                raise ValueError(f"macro {name!r} stands in {where[name]} and in {file}")
    return where


def with_query(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a path with parameters."""
    text = urlencode(list(pairs))
    return f"{path}?{text}" if text else path


def _pairs(query: Mapping[str, object]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for name, value in query.items():
        several = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        out += [(name, str(getattr(item, "value", item))) for item in several if item is not None and item != ""]
    return out


def _site(path: str = "/", **query: object) -> str:
    return with_query(path, _pairs(query))


@pass_context
def _ago(context: Context, value: datetime | None) -> Markup | str:
    return filters.ago(value, context["now"])


@pass_context
def _age(context: Context, value: datetime | None) -> str:
    return "\N{EM DASH}" if value is None else filters.span((context["now"] - value).total_seconds())


_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "ago": _ago,
    "age": _age,
    "moment": filters.moment,
    "day": filters.day,
    "duration": filters.duration,
    "count": filters.count,
    "short_count": filters.short_count,
    "bytes": filters.file_size,
    "percent": filters.percent,
    "plural": filters.plural,
    "words": filters.words,
    "sentence": filters.sentence,
    "visible": filters.visible,
    "middle": filters.middle,
    "breakable": filters.breakable,
    "initials": filters.initials,
    "tint": filters.tint,
    "listed": filters.listed,
}


def _environment(folder: Path, assets: Assets, reload: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=reload,
        cache_size=-1,
        extensions=["jinja2.ext.do"],
    )
    # Jinja's own filters of these names count letters and sum; ours are what pages mean.
    environment.filters.update(_FILTERS)
    environment.globals.update(
        asset=assets.url, icon=partial(icon, assets), site=_site, chart=charts, code_lines=code.code_lines, themes=THEMES
    )
    return environment
