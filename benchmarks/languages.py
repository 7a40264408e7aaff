"""How people write settings down in each language: the forms of an assignment, its literals, what stands around it.

A form is a template: ``@UPPER@``, ``@camel@`` and so on are the value's name as that language likes it, ``@short…@`` the name
without the provider, ``@word@`` the provider, ``@V@`` the literal. (Lines of the table are long: a form reads best unbroken.)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from leaks import Leak
from literals import (
    Literal,
    Text,
    csharp,
    double,
    env,
    go,
    in_env,
    in_properties,
    java,
    javascript,
    php,
    python,
    ruby,
    shell,
    terraform,
    toml,
    xml,
    yaml,
)
from naming import Name

_NOISE = (
    ("log_level", "info"), ("port", "8080"), ("region", "eu-west-1"), ("retries", "5"), ("service_name", "checkout"), ("timezone", "Europe/Berlin"),
    ("cache_ttl", "300"), ("queue_size", "64"), ("feature_search", "true"), ("max_upload", "25MB"), ("worker_count", "4"), ("theme", "dark"),
    ("currency", "EUR"), ("release_channel", "stable"), ("support_mail", "help@acme.io"), ("public_host", "shop.acme.io"),
)  # fmt: skip
Assign = Callable[[Name, Text], Text]


def _fields(template: str, name: Name, short: Name, word: str) -> str:
    forms = {
        "UPPER": name.upper,
        "snake": name.snake,
        "kebab": name.kebab,
        "camel": name.camel,
        "Pascal": name.pascal,
        "dotted": name.dotted,
    }
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
        forms=("export @UPPER@=@V@", "@UPPER@=@V@ ./deploy.sh --wait", "@snake@=@V@", "./deploy.sh --@kebab@ @V@"), literal=shell,
        owned=("@word@ login --@shortKebab@=@V@ --quiet",),
        head="#!/usr/bin/env bash\nset -euo pipefail\ncd \"$(dirname \"$0\")\"\n\n", foot="\nexec ./run.sh \"$@\"\n",
    ),
    "env": Language(
        forms=("@UPPER@=@V@", "export @UPPER@=@V@", "@UPPER@ = @V@"), literal=env, loud=lambda text: text.through(in_env).inside('"', '"'),
        head="# settings of the checkout service\n", foot="\n",
    ),
    "yaml": Language(
        forms=("  @snake@: @V@", "  @camel@: @V@", "  @kebab@: @V@", "  @UPPER@: @V@"), owned=("  @word@:\n    @short@: @V@",), literal=yaml(6),
        head="service:\n  replicas: 3\nsettings:\n", foot="\n",
    ),
    "json": Language(
        forms=('  "@camel@": @V@', '  "@snake@": @V@', '  "@UPPER@": @V@'), owned=('  "@word@": {"enabled": true, "@shortCamel@": @V@}',),
        head='{\n  "version": 2,\n', foot="\n}\n", separator=",\n",
    ),
    "toml": Language(
        forms=("@snake@ = @V@", "@kebab@ = @V@"), owned=("[services.@word@]\n@short@ = @V@",), literal=toml, head="[app]\ndebug = false\n", foot="\n",
    ),
    "xml": Language(
        forms=('<add key="@Pascal@" value="@V@" />', "<@camel@>@V@</@camel@>", '<property name="@dotted@" value="@V@"/>', '<string name="@snake@">@V@</string>'),
        owned=('<@word@ enabled="true" @shortCamel@="@V@" />',), literal=xml, head=_XML_HEAD, foot="\n</configuration>\n", indent="  ",
    ),
    "properties": Language(
        forms=("@dotted@=@V@", "@dotted@ = @V@", "@dotted@: @V@", "@camel@=@V@"), literal=lambda text: text.through(in_properties),
        head="# application settings\nserver.port=8080\n", foot="\n",
    ),
    "python": Language(
        forms=("@UPPER@ = @V@", 'os.environ["@UPPER@"] = @V@', 'settings = {"debug": False, "@snake@": @V@}'),
        owned=("client = @Word@Client(@short@=@V@, timeout=30)", "@word@.@short@ = @V@"), literal=python,
        head='"""Settings of the checkout service."""\n\nimport os\n\n', foot='\n\n\ndef ready() -> bool:\n    return bool(os.environ.get("HOME"))\n',
    ),
    "javascript": Language(
        forms=("const @camel@ = @V@;", "process.env.@UPPER@ = @V@;", "module.exports = { debug: false, @camel@: @V@ };", "  headers: { '@header@': @V@ },"),
        owned=("const client = new @Word@({ @shortCamel@: @V@, timeout: 3000 });",), literal=javascript,
        head="'use strict';\n\nconst express = require('express');\n", foot="\n\nconst app = express();\napp.listen(8080);\n",
    ),
    "java": Language(
        forms=("private static final String @UPPER@ = @V@;", "String @camel@ = @V@;", 'props.setProperty("@dotted@", @V@);'),
        owned=("this.client = @Word@Client.builder().@shortCamel@(@V@).build();",), literal=java,
        head="package io.acme.shop;\n\nimport java.util.Properties;\n\npublic class Settings {\n", foot="\n}\n", indent="    ",
    ),
    "go": Language(
        forms=("@camel@ := @V@", 'os.Setenv("@UPPER@", @V@)', "cfg.@Pascal@ = @V@", 'req.Header.Set("@header@", @V@)'), owned=("client := @word@.New(@word@.Config{@ShortPascal@: @V@})",),
        literal=go, head='package main\n\nimport (\n\t"log"\n\t"os"\n)\n\nfunc main() {\n', foot='\n\tlog.Println("ready")\n}\n', indent="\t",
    ),
    "csharp": Language(
        forms=("private const string @Pascal@ = @V@;", "var @camel@ = @V@;", 'Environment.SetEnvironmentVariable("@UPPER@", @V@);', "options.@Pascal@ = @V@;"),
        owned=("builder.Services.Add@Word@(o => o.@ShortPascal@ = @V@);",), literal=csharp, head="using System;\n\nnamespace Acme.Shop;\n\npublic static class Settings\n{\n", foot="\n}\n", indent="    ",
    ),
    "ruby": Language(
        forms=("@UPPER@ = @V@", "ENV['@UPPER@'] = @V@", "config.@snake@ = @V@"), owned=("@Word@.configure { |c| c.@short@ = @V@ }",), literal=ruby,
        head="# frozen_string_literal: true\n\nrequire 'json'\n\n", foot="\n\nputs JSON.dump(ready: true)\n",
    ),
    "php": Language(
        forms=("$@camel@ = @V@;", "define('@UPPER@', @V@);", "$config['@snake@'] = @V@;", "return ['debug' => false, '@snake@' => @V@];"), literal=php,
        owned=("$services = ['@word@' => ['@short@' => @V@, 'timeout' => 3]];",),
        head="<?php\n\ndeclare(strict_types=1);\n\n", foot="\n\nrequire __DIR__ . '/vendor/autoload.php';\n",
    ),
    "terraform": Language(
        forms=("  @snake@ = @V@", "  @UPPER@ = @V@", '}\n\nvariable "@snake@" {\n  type    = string\n  default = @V@\n}\n\nlocals {'), literal=terraform,
        owned=('}\nprovider "@word@" {\n  @short@ = @V@',), head='terraform {\n  required_version = ">= 1.5"\n}\n\nlocals {\n', foot="\n}\n",
    ),
}  # fmt: skip
