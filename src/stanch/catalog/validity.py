"""How an issuer is asked whether a credential works, as data: the ``[detector.validity]`` table.

A table says one harmless request and what its answers mean. It is run by `stanch.issuers.declared`; a table that can only be
said in prose has ``how`` alone and is not run. What a person has to know to write one is in ``docs/detectors.md``.

Reading is lazy: the scan path never comes here, and `validity_specs` opens only the files of the detectors it is asked for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from stanch.catalog.answers import SHORTHANDS, answers_from, evidence_from
from stanch.catalog.model import DetectorError
from stanch.catalog.template import Template, TemplateError, holes, template
from stanch.catalog.validity_spec import ValiditySpec

DATA: Final = Path(__file__).parent / "data"
KEYS: Final = frozenset(
    [
        "request",
        "headers",
        "basic",
        "form",
        "json",
        "hosts",
        "self_hosted",
        "regions",
        "answers",
        "evidence",
        "docs",
        "idempotent",
        "control",
        "html",
        "how",
    ]
) | frozenset(SHORTHANDS)
METHODS: Final = frozenset(["GET", "HEAD", "POST"])
MAX_REGIONS: Final = 8
MAX_DEPTH: Final = 8  # of a JSON body

_OLD: Final = {"header": 'write headers = { "Name" = "… {value}" }, or basic = "{companion:user}:{value}"'}
_HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,60}")
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](?::[0-9]{1,5})?")
_PATTERN: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?\.)+[a-z][a-z0-9-]{0,61}")
_AUTHORITY_TEXT: Final = re.compile(r"[a-z0-9.:-]*")


def validity_from(table: Any, *, detector: str, provider: str, companions: Collection[str] = ()) -> ValiditySpec:
    """Build a spec from one ``[detector.validity]`` table.

    Args:
        table: as TOML gives it.
        detector: id of the detector it belongs to.
        provider: name from the file's ``[provider]`` table.
        companions: names of the detector's companions.

    Raises:
        DetectorError: with the key that is wrong.
    """
    if not isinstance(table, dict) or not table:
        raise DetectorError("validity", "validity must be a table with at least request or how")
    for key in table:
        if key not in KEYS:
            raise _wrong(key, f"is not known; {_OLD.get(key) or 'known are ' + ', '.join(sorted(KEYS))}")
    how, docs = _text(table, "how"), _text(table, "docs")
    if docs and not re.fullmatch(r"https://[!-~]{4,300}", docs):
        raise _wrong("docs", "has to be an https:// address")
    if "request" not in table:
        if extra := sorted(table.keys() - {"how", "docs"}):
            raise _wrong(extra[0], "needs a request beside it; prose alone goes into how")
        return ValiditySpec(detector=detector, provider=provider, how=how, docs=docs)
    method, authority, path, query = _request(table)
    spec = ValiditySpec(
        detector=detector,
        provider=provider,
        how=how,
        docs=docs,
        method=method,
        authority=authority,
        path=path,
        query=query,
        headers=tuple((name, _template("headers", text)) for name, text in _texts(table, "headers").items()),
        basic=_template("basic", _text(table, "basic")),
        form=tuple((name, _template("form", text)) for name, text in _texts(table, "form").items()),
        json=_body(table.get("json"), 0),
        hosts=_patterns(table),
        self_hosted=_flag(table, "self_hosted"),
        regions=_regions(table),
        rules=answers_from(table),
        evidence=evidence_from(table.get("evidence", {})),
        idempotent=_flag(table, "idempotent"),
        control=_flag(table, "control", default=not docs),
        html=_flag(table, "html"),
    )
    _check(spec, companions)
    return spec


def _check(spec: ValiditySpec, companions: Collection[str]) -> None:
    """Refuse what is well formed and yet wrong."""
    if spec.method == "POST" and not spec.idempotent:
        raise _wrong(
            "idempotent", "has to be true with POST: only a request that changes nothing, and may be sent again, is allowed"
        )
    if spec.method != "POST" and (spec.form or spec.json is not None):
        raise _wrong("request", "has a body, so it is a POST")
    if spec.form and spec.json is not None:
        raise _wrong("form", "and json exclude each other")
    if spec.basic and len([part for part in spec.basic if isinstance(part, str) and ":" in part]) != 1:
        raise _wrong("basic", 'has one colon between user and password: "{companion:user}:{value}"')
    for name, _ in spec.headers:
        if not _HEADER.fullmatch(name):
            raise _wrong("headers", f"{name!r} is no name of a header")
        if name.lower() in {"host", "content-length", "transfer-encoding", "connection"}:
            raise _wrong("headers", f"{name} is set by the transport alone")
        if spec.basic and name.lower() == "authorization":
            raise _wrong("headers", "Authorization and basic exclude each other")
    used = list(holes(spec.templates()))
    if not spec.address_is_value and not any(not hole.companion for hole in used):
        raise _wrong("request", "nothing of the request holds {value}")
    if any(not hole.companion for hole in holes([spec.authority])):
        raise _wrong("request", "{value} cannot name the host; an address as a whole is written as: GET {value}")
    if (spec.address_is_value or any(True for _ in holes([spec.authority]))) and not (spec.hosts or spec.self_hosted):
        raise _wrong("hosts", 'is missing: the host comes from what was scanned, so say where it may lead: ["*.vendor.com"]')
    for hole in used:
        known = hole.companion in companions or hole.default is not None or spec.self_hosted
        if hole.companion and not known:
            raise _wrong("request", f"no companion is called {hole.companion!r}; there are: {', '.join(companions) or 'none'}")


def _request(table: Mapping[str, Any]) -> tuple[str, Template, Template, Template]:
    """Split ``METHOD https://host/path?query``; an empty authority means that the credential is the address."""
    method, _, url = _text(table, "request").partition(" ")
    if method not in METHODS:
        raise _wrong("request", f"begins with {', '.join(sorted(METHODS))} and a space, then the address")
    if url == "{value}":
        return method, (), (), ()
    if not url.startswith("https://"):
        raise _wrong("request", "goes to https:// only")
    address = _template("request", url.removeprefix("https://"))
    if any(re.search(r"[\s#\\]|[^!-~]", part) for part in address if isinstance(part, str)):
        raise _wrong("request", "has white space, #, \\ or foreign letters in its address")
    authority, rest = _split(address, "/?")
    path, query = _split(rest, "?")
    fixed = "".join(part if isinstance(part, str) else "x" for part in authority)
    if not _AUTHORITY_TEXT.fullmatch(fixed) or not authority:
        raise _wrong("request", "has no plain host: small letters, digits, dots, hyphens, a port; no user, no @")
    if authority == (fixed,) and not _HOST.fullmatch(fixed):
        raise _wrong("request", f"{fixed!r} is no host name")
    return method, authority, path, _without_mark(query)


def _split(text: Template, marks: str) -> tuple[Template, Template]:
    """Cut a template before the first of some characters that stands outside its holes."""
    for number, part in enumerate(text):
        cut = re.search(f"[{re.escape(marks)}]", part) if isinstance(part, str) else None
        if cut is not None and isinstance(part, str):
            before = (*text[:number], part[: cut.start()])
            return tuple(one for one in before if one != ""), (part[cut.start() :], *text[number + 1 :])
    return text, ()


def _without_mark(query: Template) -> Template:
    """Drop the question mark that a query begins with."""
    first = query[0] if query else ""
    return tuple(part for part in (first[1:], *query[1:]) if part != "") if isinstance(first, str) else query


def _template(key: str, text: str, *, braces: bool = False) -> Template:
    try:
        return template(text, braces=braces)
    except TemplateError as exc:
        raise _wrong(key, f"has a mistake: {exc}") from exc


def _body(body: Any, depth: int) -> Any:
    """Return a JSON body with its strings as templates."""
    if depth > MAX_DEPTH:
        raise _wrong("json", f"is nested more than {MAX_DEPTH} deep")
    if isinstance(body, str):
        return _template("json", body, braces=True)
    if isinstance(body, dict):
        return {str(name): _body(child, depth + 1) for name, child in body.items()}
    if isinstance(body, list):
        return [_body(child, depth + 1) for child in body]
    if body is None or isinstance(body, (bool, int, float)):
        return body
    raise _wrong("json", "holds something that JSON has no word for")


def _patterns(table: Mapping[str, Any]) -> tuple[str, ...]:
    found = _list(table, "hosts")
    for pattern in found:
        # What follows the last star has to be a domain of the vendor's own, never a whole top-level domain.
        if not _PATTERN.fullmatch(pattern) or ("*" in pattern and pattern.rpartition("*")[2].count(".") < 2):
            raise _wrong(
                "hosts", f"{pattern!r} is no pattern: a host name, a * for a label or a part of one, or *. in front of a domain"
            )
    return found


def _regions(table: Mapping[str, Any]) -> tuple[str, ...]:
    found = _list(table, "regions")
    if len(found) > MAX_REGIONS:
        raise _wrong("regions", f"are more than {MAX_REGIONS}")
    for host in found:
        if not _HOST.fullmatch(host):
            raise _wrong("regions", f"{host!r} is no host name")
    return found


def _text(table: Mapping[str, Any], key: str) -> str:
    text = table.get(key, "")
    if not isinstance(text, str) or (key in table and not text.strip()) or "\r" in text:
        raise _wrong(key, "has to be a text")
    return text


def _texts(table: Mapping[str, Any], key: str) -> dict[str, str]:
    found = table.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()) or (key in table and not found):
        raise _wrong(key, 'has to be a table of texts: { "Name" = "{value}" }')
    return found


def _list(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) and item for item in found) or (key in table and not found):
        raise _wrong(key, "has to be a list of texts")
    return tuple(found)


def _flag(table: Mapping[str, Any], key: str, *, default: bool = False) -> bool:
    flag = table.get(key, default)
    if not isinstance(flag, bool):
        raise _wrong(key, "has to be true or false")
    return flag


def _wrong(key: str, message: str) -> DetectorError:
    return DetectorError(key, f"validity.{key} {message}")


# --- loading --------------------------------------------------------------------------------------------------------


def validity_specs(ids: Collection[str], extra: Sequence[Path] = (), *, data: Path = DATA) -> dict[str, ValiditySpec]:
    """Return the specs of some detectors, by id. Detectors without a table are left out.

    Args:
        ids: of the detectors that were met.
        extra: the user's detector files and folders; their detectors replace those with the same id.
        data: the shipped detectors.

    Raises:
        ConfigError: a file is wrong.
    """
    wanted = set(ids)
    found: dict[str, ValiditySpec] = {}
    for path in sorted({path for name, path in _places(data).items() if name in wanted}):
        document = tomllib.loads(path.read_text("utf-8"))
        provider = str(document["provider"]["name"])
        for table in document["detector"]:
            if table["id"] in wanted and "validity" in table:
                found[table["id"]] = _from_detector(table, provider)
    if extra:
        _replace(found, wanted, extra)
    return found


def _from_detector(table: Mapping[str, Any], provider: str) -> ValiditySpec:
    names = [str(companion["name"]) for companion in table.get("companion", ())]
    return validity_from(table["validity"], detector=str(table["id"]), provider=provider, companions=names)


def _replace(found: dict[str, ValiditySpec], wanted: set[str], extra: Sequence[Path]) -> None:
    """Let the user's detectors take the place of shipped ones, with or without a table of their own."""
    from stanch.catalog.load import load_paths

    for detector in load_paths(extra):
        if detector.id not in wanted:
            continue
        found.pop(detector.id, None)
        if "validity" in detector.facts:
            names = [companion.name for companion in detector.companions]
            found[detector.id] = validity_from(
                detector.facts["validity"], detector=detector.id, provider=detector.provider, companions=names
            )


@lru_cache(maxsize=4)
def _places(data: Path) -> dict[str, Path]:
    """Return the file of each shipped detector: a look at the ids costs a hundredth of parsing five hundred files."""
    places: dict[str, Path] = {}
    for path in data.glob("*.toml"):
        for name in re.findall(rb'(?m)^id = "([a-z0-9-]+)"', path.read_bytes()):
            places[name.decode()] = path
    return places
