"""The API against its own description: data that it says it takes, and data that it says it refuses, made up by schemathesis.

One thing is let pass: a request that fits the schema and is refused for what it means (a cursor of another list, a filter with
an unknown value) — with a code of its own, never as ``invalid``, which is what the schema itself refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from tests.support.api import PLAIN, Api, opened_api
from tests.support.api_routes import TABLE

DESCRIPTION = Path(__file__).parents[3] / "docs" / "openapi.json"
OPERATIONS = [
    (operation["operationId"], path, method)
    for path, methods in json.loads(DESCRIPTION.read_text("utf-8"))["paths"].items()
    for method, operation in methods.items()
]
EXAMPLES = {"administrator token": 5, "viewer token": 1}
_MEANT = "RejectedPositiveData"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with opened_api(Path(tmp_path_factory.mktemp("api"))) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr("stanch.incidents.notifying.MOST_CHANNELS", 10_000)
        for _ in range(3):
            found.incident(kept=True)
        yield found


@pytest.fixture(scope="module")
def schema(api: Api) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", api.site.app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "wrong"])
@pytest.mark.parametrize(("operation", "path", "method"), OPERATIONS, ids=[name for name, _, _ in OPERATIONS])
def test_the_api_does_what_it_says(api: Api, schema: Any, operation: str, path: str, method: str, mode: GenerationMode) -> None:
    described = schema[path][method.upper()]
    line = TABLE.get(operation)
    ids = line.make(api) if line is not None and line.make is not None else {}

    def tried(caller: str) -> None:
        @settings(
            max_examples=EXAMPLES[caller], deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=described.as_strategy(generation_mode=mode), real=st.booleans())
        def one(case: Any, real: bool) -> None:
            if mode is GenerationMode.POSITIVE and ids and real:
                case.path_parameters.update(ids)
            if mode is GenerationMode.POSITIVE and real and case.headers:
                case.headers.pop("X-Stanch-Workspace", None)
            answer = case.call(headers={"Authorization": f"Bearer {api.tokens[caller]}"})
            check(case, answer)
            if operation != "reveal_value":
                assert PLAIN.decode() not in answer.text

        try:
            one()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # there is nothing to get wrong

    for caller in EXAMPLES:
        tried(caller)


def check(case: Any, answer: Any) -> None:
    """Run all checks of schemathesis."""
    try:
        case.validate_response(answer)
    except BaseExceptionGroup as group:
        wrong = [exc for exc in group.exceptions if not (type(exc).__name__ == _MEANT and meant(answer))]
        assert not wrong, ([f"{type(exc).__name__}: {exc}" for exc in wrong], answer.text[-400:])


def meant(answer: Any) -> bool:
    """Whether something is refused for what it means."""
    if answer.status_code != 422:
        return False
    problem = answer.json()
    # a schema has no words for the years that a time may lie in
    return problem["code"] != "invalid" or all(e["message"].startswith("must lie between") for e in problem["errors"])
