"""The 25 contexts in which people leave values, each a small file with unrelated lines around the one that matters.

A context takes a leak (`leaks.py`) and writes it the way that language's users do: its quoting and escapes, its habits of naming
(``DATADOG_API_KEY``, ``datadogApiKey``, ``datadog.api.key``), a key block over many lines where the language has a literal for
that and as a one-liner with ``\\n`` where it has none. `plant` gives the bytes and the exact span of the value in them.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from leaks import Leak, Name, Text

Context = Callable[[Leak, random.Random, int], Text | None]
Literal = Callable[[Text], Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A file with one value in it.

    Attributes:
        context: name of the context.
        path: what such a file is called.
        data: its bytes.
        start: first byte of the value, in whatever form it stands there.
        end: the byte after its last.
    """

    context: str
    path: str
    data: bytes
    start: int
    end: int


# --- literals -----------------------------------------------------------------------------------------------------


def _escape(*pairs: tuple[str, str]) -> Callable[[str], str]:
    table = str.maketrans(dict(pairs))
    return lambda text: text.translate(table)


_SLASH, _LINE, _TAB, _RETURN = ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")
in_double = _escape(_SLASH, ('"', '\\"'), _LINE, _TAB, _RETURN)
in_single = _escape(_SLASH, ("'", "\\'"), _LINE, _TAB, _RETURN)
in_xml = _escape(("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
_in_raw_single = _escape(_SLASH, ("'", "\\'"))
_in_shell = _escape(("'", "'\\''"))
_in_yaml_single = _escape(("'", "''"))
_in_verbatim = _escape(('"', '""'))
_in_backticks = _escape(_SLASH, ("`", "\\`"))
_in_properties = _escape(_SLASH, ("\n", "\\n\\\n    "))
_in_env = _escape(("\\", "\\\\"), ('"', '\\"'))  # dotenv files may hold line ends within quotes


def double(text: Text) -> Text:
    """``"text"`` with backslash escapes: JSON, Java, Go, C, JavaScript."""
    return text.through(in_double).inside('"', '"')


def _single(text: Text) -> Text:
    return text.through(in_single).inside("'", "'")


def _indented(text: Text, spaces: int) -> Text:
    pad = "\n" + " " * spaces
    return text.through(lambda part: part.replace("\n", pad))


def _shell(text: Text) -> Text:
    return text.through(_in_shell).inside("'", "'") if set(text.whole) & set(" $&;|<>\"'\n`#!()*\\") else text


def _env(text: Text) -> Text:
    if "\n" in text.whole:
        return double(text)
    if set(text.whole) & set(" #'\""):
        return text.inside("'", "'") if "'" not in text.whole else double(text)
    return text


def _yaml(indent: int) -> Literal:
    def literal(text: Text) -> Text:
        if "\n" in text.whole:
            return _indented(text, indent).inside("|\n" + " " * indent)
        plain = text.whole
        if set(plain[:1]) & set("*&!%@`{[>|'\"#-?:") or ": " in plain or " #" in plain or plain.endswith(":"):
            return text.through(_in_yaml_single).inside("'", "'") if '"' in plain or "\\" in plain else double(text)
        return text

    return literal


def _toml(text: Text) -> Text:
    if "\n" in text.whole:
        return text.inside('"""\n', '\n"""') if "\\" not in text.whole else text.inside("'''\n", "\n'''")
    return text.inside("'", "'") if ('"' in text.whole or "\\" in text.whole) and "'" not in text.whole else double(text)


def _python(text: Text) -> Text:
    if "\n" in text.whole and '"""' not in text.whole:
        return text.inside('"""', '"""') if "\\" not in text.whole else text.inside('r"""', '"""')
    return _single(text) if '"' in text.whole else double(text)


def _javascript(text: Text) -> Text:
    return text.through(_in_backticks).inside("`", "`") if "\n" in text.whole else _single(text) if "'" not in text.whole else double(text)


def _java(text: Text) -> Text:
    if text.whole.count("\n") > 3:  # a key block is written one line a string
        joined = '\\n" +\n            "'
        return text.through(lambda part: joined.join(in_double(line) for line in part.split("\n"))).inside('"', '"')
    return double(text)


def _go(text: Text) -> Text:
    return text.inside("`", "`") if ("\n" in text.whole or '"' in text.whole) and "`" not in text.whole else double(text)


def _csharp(text: Text) -> Text:
    if "\n" in text.whole or '"' in text.whole:
        return text.through(_in_verbatim).inside('@"', '"')
    return double(text)


def _ruby(text: Text) -> Text:
    if "\n" in text.whole:
        return _indented(text, 2).inside("<<~TEXT\n  ", "\nTEXT")
    return text.through(_in_raw_single).inside("'", "'")


def _php(text: Text) -> Text:
    return text.through(_in_raw_single).inside("'", "'")


def _terraform(text: Text) -> Text:
    return text.inside("<<EOT\n", "\nEOT") if "\n" in text.whole else double(text)


def _xml(text: Text) -> Text:
    return text.through(in_xml)


# --- files --------------------------------------------------------------------------------------------------------

_NOISE = (
    ("log_level", "info"), ("port", "8080"), ("region", "eu-west-1"), ("retries", "5"), ("service_name", "checkout"), ("timezone", "Europe/Berlin"),
    ("cache_ttl", "300"), ("queue_size", "64"), ("feature_search", "true"), ("max_upload", "25MB"), ("worker_count", "4"), ("theme", "dark"),
    ("currency", "EUR"), ("release_channel", "stable"), ("support_mail", "help@acme.io"), ("public_host", "shop.acme.io"),
)  # fmt: skip
Assign = Callable[[Name, Text], Text]


def _fields(template: str, name: Name, short: Name, word: str) -> str:
    forms = {"UPPER": name.upper, "snake": name.snake, "kebab": name.kebab, "camel": name.camel, "Pascal": name.pascal, "dotted": name.dotted}
    forms["header"] = name.header
    forms |= {"short": short.snake, "shortCamel": short.camel, "ShortPascal": short.pascal, "shortKebab": short.kebab}
    forms |= {"word": word.lower(), "Word": word[:1].upper() + word[1:]}
    for key in sorted(forms, key=len, reverse=True):
        template = template.replace(f"@{key}@", forms[key])
    return template


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a language writes assignments down.

    Attributes:
        forms: templates of an assignment, ``@V@`` for the literal; the first is also used for unrelated lines.
        owned: forms in which the provider is said beside the name (a client class, a section).
        literal: writes a text as a value.
        loud: another way to write it, used by turns.
        head: what files begin with.
        foot: what they end with.
        indent: what stands before each line of the body.
    """

    forms: tuple[str, ...]
    owned: tuple[str, ...] = ()
    literal: Literal = double
    loud: Literal | None = None
    head: str = ""
    foot: str = ""
    indent: str = ""
    separator: str = "\n"

    def __call__(self, leak: Leak, rng: random.Random, turn: int) -> Text:
        """Write a file with the leak among unrelated lines."""
        noise = rng.sample(_NOISE, 6)
        count = rng.randint(1, 3)
        above = [self._plain(Name(tuple(key.split("_"))), value) for key, value in noise[:count]]
        below = [self._plain(Name(tuple(key.split("_"))), value) for key, value in noise[count:]]
        above += [self._plain(name, value) for name, value in leak.others]
        forms = self.forms + (self.owned if leak.word else ())
        template = _fields(forms[turn % len(forms)], leak.name, leak.short, leak.word or "api")
        before, _, after = template.partition("@V@")
        literal = self.loud if self.loud and turn // len(forms) % 2 else self.literal
        text = literal(leak.text).inside(before, after)
        first = "".join(f"{self.indent}{line}{self.separator}" for line in above)
        last = self.separator.join(f"{self.indent}{line}" for line in below)
        return text.inside(f"{self.head}{first}{self.indent}", f"{self.separator}{last}{self.foot}")

    def _plain(self, name: Name, value: str) -> str:
        before, _, after = _fields(self.forms[0], name, name, "").partition("@V@")
        return before + self.literal(Text("", value)).whole + after


_XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n'
LANGUAGES: dict[str, Language] = {
    "shell": Language(
        forms=("export @UPPER@=@V@", "@UPPER@=@V@ ./deploy.sh --wait", "@snake@=@V@", "./deploy.sh --@kebab@ @V@"), literal=_shell,
        owned=("@word@ login --@shortKebab@=@V@ --quiet",),
        head="#!/usr/bin/env bash\nset -euo pipefail\ncd \"$(dirname \"$0\")\"\n\n", foot="\nexec ./run.sh \"$@\"\n",
    ),
    "env": Language(
        forms=("@UPPER@=@V@", "export @UPPER@=@V@", "@UPPER@ = @V@"), literal=_env, loud=lambda text: text.through(_in_env).inside('"', '"'),
        head="# settings of the checkout service\n", foot="\n",
    ),
    "yaml": Language(
        forms=("  @snake@: @V@", "  @camel@: @V@", "  @kebab@: @V@", "  @UPPER@: @V@"), owned=("  @word@:\n    @short@: @V@",), literal=_yaml(6),
        head="service:\n  replicas: 3\nsettings:\n", foot="\n",
    ),
    "json": Language(
        forms=('  "@camel@": @V@', '  "@snake@": @V@', '  "@UPPER@": @V@'), owned=('  "@word@": {"enabled": true, "@shortCamel@": @V@}',),
        head='{\n  "version": 2,\n', foot="\n}\n", separator=",\n",
    ),
    "toml": Language(
        forms=("@snake@ = @V@", "@kebab@ = @V@"), owned=("[services.@word@]\n@short@ = @V@",), literal=_toml, head="[app]\ndebug = false\n", foot="\n",
    ),
    "xml": Language(
        forms=('<add key="@Pascal@" value="@V@" />', "<@camel@>@V@</@camel@>", '<property name="@dotted@" value="@V@"/>', '<string name="@snake@">@V@</string>'),
        owned=('<@word@ enabled="true" @shortCamel@="@V@" />',), literal=_xml, head=_XML_HEAD, foot="\n</configuration>\n", indent="  ",
    ),
    "properties": Language(
        forms=("@dotted@=@V@", "@dotted@ = @V@", "@dotted@: @V@", "@camel@=@V@"), literal=lambda text: text.through(_in_properties),
        head="# application settings\nserver.port=8080\n", foot="\n",
    ),
    "python": Language(
        forms=("@UPPER@ = @V@", 'os.environ["@UPPER@"] = @V@', 'settings = {"debug": False, "@snake@": @V@}'),
        owned=("client = @Word@Client(@short@=@V@, timeout=30)", "@word@.@short@ = @V@"), literal=_python,
        head='"""Settings of the checkout service."""\n\nimport os\n\n', foot='\n\n\ndef ready() -> bool:\n    return bool(os.environ.get("HOME"))\n',
    ),
    "javascript": Language(
        forms=("const @camel@ = @V@;", "process.env.@UPPER@ = @V@;", "module.exports = { debug: false, @camel@: @V@ };", "  headers: { '@header@': @V@ },"),
        owned=("const client = new @Word@({ @shortCamel@: @V@, timeout: 3000 });",), literal=_javascript,
        head="'use strict';\n\nconst express = require('express');\n", foot="\n\nconst app = express();\napp.listen(8080);\n",
    ),
    "java": Language(
        forms=("private static final String @UPPER@ = @V@;", "String @camel@ = @V@;", 'props.setProperty("@dotted@", @V@);'),
        owned=("this.client = @Word@Client.builder().@shortCamel@(@V@).build();",), literal=_java,
        head="package io.acme.shop;\n\nimport java.util.Properties;\n\npublic class Settings {\n", foot="\n}\n", indent="    ",
    ),
    "go": Language(
        forms=("@camel@ := @V@", 'os.Setenv("@UPPER@", @V@)', "cfg.@Pascal@ = @V@", 'req.Header.Set("@header@", @V@)'), owned=("client := @word@.New(@word@.Config{@ShortPascal@: @V@})",),
        literal=_go, head='package main\n\nimport (\n\t"log"\n\t"os"\n)\n\nfunc main() {\n', foot='\n\tlog.Println("ready")\n}\n', indent="\t",
    ),
    "csharp": Language(
        forms=("private const string @Pascal@ = @V@;", "var @camel@ = @V@;", 'Environment.SetEnvironmentVariable("@UPPER@", @V@);', "options.@Pascal@ = @V@;"),
        owned=("builder.Services.Add@Word@(o => o.@ShortPascal@ = @V@);",), literal=_csharp, head="using System;\n\nnamespace Acme.Shop;\n\npublic static class Settings\n{\n", foot="\n}\n", indent="    ",
    ),
    "ruby": Language(
        forms=("@UPPER@ = @V@", "ENV['@UPPER@'] = @V@", "config.@snake@ = @V@"), owned=("@Word@.configure { |c| c.@short@ = @V@ }",), literal=_ruby,
        head="# frozen_string_literal: true\n\nrequire 'json'\n\n", foot="\n\nputs JSON.dump(ready: true)\n",
    ),
    "php": Language(
        forms=("$@camel@ = @V@;", "define('@UPPER@', @V@);", "$config['@snake@'] = @V@;", "return ['debug' => false, '@snake@' => @V@];"), literal=_php,
        owned=("$services = ['@word@' => ['@short@' => @V@, 'timeout' => 3]];",),
        head="<?php\n\ndeclare(strict_types=1);\n\n", foot="\n\nrequire __DIR__ . '/vendor/autoload.php';\n",
    ),
    "terraform": Language(
        forms=("  @snake@ = @V@", "  @UPPER@ = @V@", '}\n\nvariable "@snake@" {\n  type    = string\n  default = @V@\n}\n\nlocals {'), literal=_terraform,
        owned=('}\nprovider "@word@" {\n  @short@ = @V@',), head='terraform {\n  required_version = ">= 1.5"\n}\n\nlocals {\n', foot="\n}\n",
    ),
}  # fmt: skip


def _docker(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name, text = leak.name.upper, leak.text
    if leak.multiline:
        text = text.through(in_double).inside(f'ENV {name}="', '"') if turn % 2 else text.inside(f"COPY <<'EOF' /run/{leak.name.kebab}\n", "\nEOF")
    elif leak.kind == "script":
        text = _shell_quoted(text).inside("RUN echo ", " > /opt/setup.txt")
    else:
        quoted = double(text) if set(text.whole) & set(" \"'$;&#\\") else text
        text = quoted.inside(*((f"ENV {name}=", ""), (f"ARG {name}=", ""), (f"ENV {name} ", ""), (f"RUN export {name}=", " && ./install.sh"))[turn % 4])
    others = "".join(f"ENV {n.upper}={v}\n" for n, v in leak.others)
    head = f"FROM python:3.11-slim\nWORKDIR /app\nENV PORT={8000 + rng.randrange(90)}\n{others}"
    return text.inside(head, '\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "-m", "shop"]\n')


def _shell_quoted(text: Text) -> Text:
    return text.through(_in_shell).inside("'", "'")


def _kubernetes(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name = leak.name
    if turn % 3 == 0:
        others = "".join(f"            - name: {n.upper}\n              value: {v}\n" for n, v in leak.others)
        head = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  template:\n    spec:\n      containers:\n        - name: shop\n"
        head += f"          image: registry.acme.io/shop:1.{rng.randrange(40)}\n          env:\n            - name: LOG_LEVEL\n              value: info\n{others}"
        return _yaml(16)(leak.text).inside(f"{head}            - name: {name.upper}\n              value: ", "\n            - name: PORT\n              value: \"8080\"\n")
    head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop-settings\n  namespace: prod\ntype: Opaque\n"
    if turn % 3 == 1:
        others = "".join(f"  {n.upper}: {v}\n" for n, v in leak.others)
        return _yaml(4)(leak.text).inside(f"{head}stringData:\n{others}  {name.upper}: ", "\n  LOG_LEVEL: info\n")
    others = "".join(f"  {n.kebab}: {_b64(v)}\n" for n, v in leak.others)
    return in_base64(leak.text).inside(f"{head}data:\n{others}  {name.kebab}: ", f"\n  log-level: {_b64('info')}\n")


def _ci(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name = leak.name.upper
    if leak.kind == "script":
        text = _indented(leak.text, 10)
        if turn % 2:
            return text.inside("deploy:\n  stage: deploy\n  script:\n    - |\n          ", "\n    - ./deploy.sh\n  only: [main]\n")
        head = "name: deploy\non: [push]\njobs:\n  deploy:\n    runs-on: ubuntu-22.04\n    steps:\n      - uses: actions/checkout@v4\n      - run: |\n          "
        return text.inside(head, "\n          ./deploy.sh\n")
    if turn % 2:
        others = "".join(f"  {n.upper}: {_yaml(4)(Text('', v)).whole}\n" for n, v in leak.others)
        text = _yaml(4)(leak.text)
        return text.inside(f"stages: [build, deploy]\nvariables:\n  GIT_DEPTH: \"{rng.randrange(1, 50)}\"\n{others}  {name}: ", "\ndeploy:\n  script:\n    - ./deploy.sh\n")
    others = "".join(f"      {n.upper}: {_yaml(8)(Text('', v)).whole}\n" for n, v in leak.others)
    head = f"name: deploy\non: [push]\njobs:\n  deploy:\n    runs-on: ubuntu-22.04\n    env:\n      CI: true\n{others}      {name}: "
    return _yaml(8)(leak.text).inside(head, "\n    steps:\n      - uses: actions/checkout@v4\n      - run: ./deploy.sh\n")


def _log(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    stamp = [f"2024-05-1{i}T0{rng.randrange(9)}:{rng.randrange(10, 59)}:{rng.randrange(10, 59)}.{rng.randrange(100, 999)}Z" for i in range(5)]
    head = f"{stamp[0]} INFO  [main] starting shop 1.{rng.randrange(40)}\n{stamp[1]} INFO  [pool-{rng.randrange(9)}] 4 workers ready\n"
    foot = f"\n{stamp[3]} WARN  [pool-2] slow request: GET /cart took {rng.randrange(900, 4000)} ms\n{stamp[4]} INFO  [main] flushed 12 events\n"
    text, name = leak.text.through(_escape(_LINE)), leak.name
    others = "".join(f" {n.snake}={v}" for n, v in leak.others)
    if leak.kind == "script":
        return text.inside(f"{head}{stamp[2]} DEBUG [cmd] ", foot)
    if turn % 3 == 0:
        return text.inside(f"{head}{stamp[2]} DEBUG [config] loaded{others} {name.snake}=", f" region=eu-west-1{foot}")
    if turn % 3 == 1:
        return double(leak.text).inside(f'{head}{{"time": "{stamp[2]}", "level": "debug", "message": "settings", "{name.camel}": ', ', "region": "eu"}' + foot)
    return text.inside(f"{head}{stamp[2]} ERROR [auth] request refused, {name.prose}: ", f"{foot}")


def _host(leak: Leak) -> str:
    return f"api.{leak.word}.com" if leak.word else "api.acme.io"


def _curl(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    head = f"# smoke test {rng.randrange(90)}\nset -e\ncurl -fsS https://shop.acme.io/healthz\n"
    foot = "\necho done\n"
    text, host = leak.text, _host(leak)
    if leak.kind == "token" and leak.url and leak.url.value == text.whole:
        return text.inside(f"{head}curl -X POST -H 'Content-Type: application/json' -d '{{\"text\": \"done\"}}' ", foot)
    if leak.kind == "token" and not leak.multiline:
        bearer = ("Authorization: Bearer ", f"X-{leak.short.header}: ")[rng.randrange(2)] if leak.word else f"{leak.name.header}: "
        if turn % 3 == 0:
            return text.inside(f'{head}curl -sS -H "{bearer}', f'" https://{host}/v1/items?limit=5{foot}')
        if turn % 3 == 1:
            return text.inside(f"{head}curl -X POST https://{host}/v1/items -H 'Accept: application/json' -d '{leak.name.snake}=", f"'{foot}")
    if leak.kind == "script" and text.whole.startswith("curl "):
        return text.inside(head, foot)
    if leak.kind == "string" and text.whole.lower().startswith(("authorization: ", "ocp-apim", "cookie: ")):
        return text.inside(f'{head}curl -H "', f'" https://{host}/v1/items{foot}')
    body = text.through(in_double).through(_in_shell)
    return body.inside(f"{head}curl -X POST https://deploy.acme.io/apps/shop -H 'Content-Type: application/json' -d '{{\"{leak.name.snake}\": \"", f"\"}}'{foot}")


def _url(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    head = f"# Runbook {rng.randrange(90)}\n\nCheck the dashboard first, then call\n\n    "
    foot = "\n\nand compare with the numbers of last week.\n"
    if leak.url is not None:
        return leak.url.inside(*((head, foot), (f"{head}wget '", f"' -O out.txt{foot}"), (f'<a href="', f'">replica</a>{foot}'))[turn % 3])
    if leak.kind != "token" or leak.multiline:
        return None
    escaped = leak.text.through(lambda part: quote(part, safe="~")) if turn % 2 else leak.text
    # Without a provider's host the parameter's name has to tell.
    name = leak.short.snake if leak.word else leak.name.snake
    return escaped.inside(f"{head}https://{_host(leak)}/v1/items?limit=50&{name}=", ("&page=1" if turn % 2 else "") + foot)


def _comment(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    mark, end = (("# ", ""), ("// ", ""), (" * ", "\n */"), ("-- ", ""))[turn % 4]
    opening = "/**\n" if mark == " * " else ""
    text = leak.text.through(lambda part: part.replace("\n", f"\n{mark}"))
    said = "" if leak.kind == "script" else (f"{leak.name.upper}=", f"{leak.name.camel} = ", f"{leak.name.snake}: ")[turn % 3]
    if leak.kind != "script" and turn % 3 == 1 and not leak.multiline:
        text = text.inside('"', '"')
    others = "".join(f"{mark}{n.upper}={v}\n" for n, v in leak.others)
    head = f"{opening}{mark}Retries are counted in units of {rng.randrange(2, 9)} seconds.\n{mark}TODO(anna): remove before the release\n{others}{mark}"
    return text.inside(head + said, f"{end}\n\nint retries = {rng.randrange(9)};\n")


def _escaped_json(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    key = (leak.name.camel, leak.name.snake, leak.name.upper)[turn % 3]
    others = "".join(f'"{n.camel}": {double(Text("", v)).whole}, ' for n, v in leak.others)
    document = double(leak.text).inside(f'{{"retries": {rng.randrange(9)}, {others}"{key}": ', ', "debug": false}')
    text = double(document)
    if turn % 3 == 0:
        return text.inside('import json\n\npayload = ', "\nprint(json.loads(payload)['retries'])\n")
    if turn % 3 == 1:
        return text.inside('package io.acme;\n\nclass Call {\n    static final String BODY = ', ";\n}\n")
    return text.inside('{"level": "debug", "msg": "sent", "body": ', ', "status": 200}\n')


def _b64(text: str) -> str:
    return base64.b64encode(text.encode("latin-1")).decode()


def in_base64(text: Text) -> Text:
    """Encode the whole; the value becomes the characters that hold it."""
    encoded = _b64(text.whole)
    start, end = len(text.before) * 4 // 3, -(-(len(text.before) + len(text.value)) * 4 // 3)
    return Text(encoded[:start], encoded[start:end], encoded[end:])


def _base64(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    inner = LANGUAGES["env"](leak, rng, 0)
    text = in_base64(inner)
    if turn % 3 == 0:
        return text.inside("apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop-env\ndata:\n  .env: ", "\n")
    if turn % 3 == 1:
        return text.inside("#!/bin/sh\nset -e\necho ", " | base64 -d > .env\ndocker compose up -d\n")
    return text.inside("REGION=eu-west-1\nDOTENV_B64=", "\nLOG_LEVEL=info\n")


def _utf16(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    return (LANGUAGES["env"], LANGUAGES["xml"], LANGUAGES["json"])[turn % 3](leak, rng, turn)


CONTEXTS: dict[str, tuple[str, Context]] = {
    "shell": ("deploy/env.sh", LANGUAGES["shell"]),
    ".env": (".env", LANGUAGES["env"]),
    "YAML": ("config/application.yml", LANGUAGES["yaml"]),
    "JSON": ("config/settings.json", LANGUAGES["json"]),
    "TOML": ("config/settings.toml", LANGUAGES["toml"]),
    "XML": ("Web.config", LANGUAGES["xml"]),
    "properties": ("src/main/resources/application.properties", LANGUAGES["properties"]),
    "Python": ("shop/settings.py", LANGUAGES["python"]),
    "JavaScript": ("src/config.js", LANGUAGES["javascript"]),
    "Java": ("src/main/java/io/acme/shop/Settings.java", LANGUAGES["java"]),
    "Go": ("cmd/shop/main.go", LANGUAGES["go"]),
    "C#": ("Shop/Settings.cs", LANGUAGES["csharp"]),
    "Ruby": ("config/initializers/shop.rb", LANGUAGES["ruby"]),
    "PHP": ("config/app.php", LANGUAGES["php"]),
    "Terraform": ("infra/main.tf", LANGUAGES["terraform"]),
    "Dockerfile": ("Dockerfile", _docker),
    "Kubernetes": ("deploy/shop.yaml", _kubernetes),
    "CI file": (".github/workflows/deploy.yml", _ci),
    "log": ("logs/shop.log", _log),
    "curl": ("smoke.sh", _curl),
    "URL": ("RUNBOOK.md", _url),
    "comment": ("src/retry.c", _comment),
    "JSON in a string": ("shop/send.py", _escaped_json),
    "base64": ("deploy/shop-env.yaml", _base64),
    "UTF-16": ("settings.ini", _utf16),
}
"""Name of a context → (path of such a file, function that writes it)."""


def plant(context: str, leak: Leak, rng: random.Random, turn: int) -> Plant | None:
    """Write a leak down in a context; ``None`` where that makes no sense.

    Args:
        context: a key of `CONTEXTS`.
        leak: what to write.
        rng: draws the surroundings.
        turn: takes another form of the context each.
    """
    path, write = CONTEXTS[context]
    if not leak.printable:
        return None
    text = write(leak, rng, turn)
    if text is None:
        return None
    if context == "UTF-16":
        data = b"\xff\xfe" + text.whole.encode("utf-16-le")
        start = 2 + 2 * len(text.before)
        return Plant(context=context, path=path, data=data, start=start, end=start + 2 * len(text.value))
    start = len(text.before)
    return Plant(context=context, path=path, data=text.whole.encode("latin-1"), start=start, end=start + len(text.value))


def masked(given: Plant) -> str:
    """The file as text with the value taken out, for people who look for the reason of a miss."""
    before, after = given.data[: given.start], given.data[given.end :]
    if given.context == "UTF-16":
        before, after = before[2::2], after[::2]
    return f"{before.decode('latin-1')}‹{given.end - given.start} bytes›{after.decode('latin-1')}"
