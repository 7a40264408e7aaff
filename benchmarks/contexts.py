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

from languages import LANGUAGES
from leaks import Leak
from literals import LINE, Text, double, escape, in_double, in_shell, indented, yaml

Context = Callable[[Leak, random.Random, int], Text | None]


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


def _docker(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name, text = leak.name.upper, leak.text
    if leak.multiline:
        text = (
            text.through(in_double).inside(f'ENV {name}="', '"')
            if turn % 2
            else text.inside(f"COPY <<'EOF' /run/{leak.name.kebab}\n", "\nEOF")
        )
    elif leak.kind == "script":
        text = _shell_quoted(text).inside("RUN echo ", " > /opt/setup.txt")
    else:
        quoted = double(text) if set(text.whole) & set(" \"'$;&#\\") else text
        text = quoted.inside(
            *((f"ENV {name}=", ""), (f"ARG {name}=", ""), (f"ENV {name} ", ""), (f"RUN export {name}=", " && ./install.sh"))[
                turn % 4
            ]
        )
    others = "".join(f"ENV {n.upper}={v}\n" for n, v in leak.others)
    head = f"FROM python:3.11-slim\nWORKDIR /app\nENV PORT={8000 + rng.randrange(90)}\n{others}"
    return text.inside(head, '\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "-m", "shop"]\n')


def _shell_quoted(text: Text) -> Text:
    return text.through(in_shell).inside("'", "'")


def _kubernetes(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name = leak.name
    if turn % 3 == 0:
        others = "".join(f"            - name: {n.upper}\n              value: {v}\n" for n, v in leak.others)
        head = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  template:\n    spec:\n      containers:\n        - name: shop\n"
        head += f"          image: registry.acme.io/shop:1.{rng.randrange(40)}\n          env:\n            - name: LOG_LEVEL\n              value: info\n{others}"
        return yaml(16)(leak.text).inside(
            f"{head}            - name: {name.upper}\n              value: ",
            '\n            - name: PORT\n              value: "8080"\n',
        )
    head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop-settings\n  namespace: prod\ntype: Opaque\n"
    if turn % 3 == 1:
        others = "".join(f"  {n.upper}: {v}\n" for n, v in leak.others)
        return yaml(4)(leak.text).inside(f"{head}stringData:\n{others}  {name.upper}: ", "\n  LOG_LEVEL: info\n")
    others = "".join(f"  {n.kebab}: {_b64(v)}\n" for n, v in leak.others)
    return in_base64(leak.text).inside(f"{head}data:\n{others}  {name.kebab}: ", f"\n  log-level: {_b64('info')}\n")


def _ci(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    name = leak.name.upper
    if leak.kind == "script":
        text = indented(leak.text, 10)
        if turn % 2:
            return text.inside(
                "deploy:\n  stage: deploy\n  script:\n    - |\n          ", "\n    - ./deploy.sh\n  only: [main]\n"
            )
        head = "name: deploy\non: [push]\njobs:\n  deploy:\n    runs-on: ubuntu-22.04\n    steps:\n      - uses: actions/checkout@v4\n      - run: |\n          "
        return text.inside(head, "\n          ./deploy.sh\n")
    if turn % 2:
        others = "".join(f"  {n.upper}: {yaml(4)(Text('', v)).whole}\n" for n, v in leak.others)
        text = yaml(4)(leak.text)
        return text.inside(
            f'stages: [build, deploy]\nvariables:\n  GIT_DEPTH: "{rng.randrange(1, 50)}"\n{others}  {name}: ',
            "\ndeploy:\n  script:\n    - ./deploy.sh\n",
        )
    others = "".join(f"      {n.upper}: {yaml(8)(Text('', v)).whole}\n" for n, v in leak.others)
    head = (
        f"name: deploy\non: [push]\njobs:\n  deploy:\n    runs-on: ubuntu-22.04\n    env:\n      CI: true\n{others}      {name}: "
    )
    return yaml(8)(leak.text).inside(head, "\n    steps:\n      - uses: actions/checkout@v4\n      - run: ./deploy.sh\n")


def _log(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    stamp = [
        f"2024-05-1{i}T0{rng.randrange(9)}:{rng.randrange(10, 59)}:{rng.randrange(10, 59)}.{rng.randrange(100, 999)}Z"
        for i in range(5)
    ]
    head = f"{stamp[0]} INFO  [main] starting shop 1.{rng.randrange(40)}\n{stamp[1]} INFO  [pool-{rng.randrange(9)}] 4 workers ready\n"
    foot = f"\n{stamp[3]} WARN  [pool-2] slow request: GET /cart took {rng.randrange(900, 4000)} ms\n{stamp[4]} INFO  [main] flushed 12 events\n"
    text, name = leak.text.through(escape(LINE)), leak.name
    others = "".join(f" {n.snake}={v}" for n, v in leak.others)
    if leak.kind == "script":
        return text.inside(f"{head}{stamp[2]} DEBUG [cmd] ", foot)
    if turn % 3 == 0:
        return text.inside(f"{head}{stamp[2]} DEBUG [config] loaded{others} {name.snake}=", f" region=eu-west-1{foot}")
    if turn % 3 == 1:
        return double(leak.text).inside(
            f'{head}{{"time": "{stamp[2]}", "level": "debug", "message": "settings", "{name.camel}": ', ', "region": "eu"}' + foot
        )
    return text.inside(f"{head}{stamp[2]} ERROR [auth] request refused, {name.prose}: ", f"{foot}")


def _host(leak: Leak) -> str:
    return f"api.{leak.word}.com" if leak.word else "api.acme.io"


def _curl(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    head = f"# smoke test {rng.randrange(90)}\nset -e\ncurl -fsS https://shop.acme.io/healthz\n"
    foot = "\necho done\n"
    text, host = leak.text, _host(leak)
    if leak.kind == "token" and leak.url and leak.url.value == text.whole:
        return text.inside(f"{head}curl -X POST -H 'Content-Type: application/json' -d '{{\"text\": \"done\"}}' ", foot)
    if leak.kind == "token" and not leak.multiline and not leak.in_parts:
        bearer = (
            ("Authorization: Bearer ", f"X-{leak.short.header}: ")[rng.randrange(2)] if leak.word else f"{leak.name.header}: "
        )
        if turn % 3 == 0:
            return text.inside(f'{head}curl -sS -H "{bearer}', f'" https://{host}/v1/items?limit=5{foot}')
        if turn % 3 == 1:
            return text.inside(
                f"{head}curl -X POST https://{host}/v1/items -H 'Accept: application/json' -d '{leak.name.snake}=", f"'{foot}"
            )
    if leak.kind == "script" and text.whole.startswith("curl "):
        return text.inside(head, foot)
    if leak.kind == "string" and text.whole.lower().startswith(("authorization: ", "ocp-apim", "cookie: ")):
        return text.inside(f'{head}curl -H "', f'" https://{host}/v1/items{foot}')
    others = "".join(f'"{n.snake}": "{v}", ' for n, v in leak.others)
    body = text.through(in_double).through(in_shell)
    return body.inside(
        f"{head}curl -X POST https://deploy.acme.io/apps/shop -H 'Content-Type: application/json' -d '{{{others}\"{leak.name.snake}\": \"",
        f"\"}}'{foot}",
    )


def _url(leak: Leak, rng: random.Random, turn: int) -> Text | None:
    head = f"# Runbook {rng.randrange(90)}\n\nCheck the dashboard first, then call\n\n    "
    foot = "\n\nand compare with the numbers of last week.\n"
    if leak.url is not None:
        return leak.url.inside(
            *((head, foot), (f"{head}wget '", f"' -O out.txt{foot}"), ('<a href="', f'">replica</a>{foot}'))[turn % 3]
        )
    if leak.kind != "token" or leak.multiline or leak.in_parts:
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
        return text.inside("import json\n\npayload = ", "\nprint(json.loads(payload)['retries'])\n")
    if turn % 3 == 1:
        return text.inside("package io.acme;\n\nclass Call {\n    static final String BODY = ", ";\n}\n")
    lines = [f'{{"level": "info", "msg": "request {n}", "status": 200}}\n' for n in rng.sample(range(900), 4)]
    return text.inside(
        "".join(lines[:2]) + '{"level": "debug", "msg": "sent", "body": ', ', "status": 200}\n' + "".join(lines[2:])
    )


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
