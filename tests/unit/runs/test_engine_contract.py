"""What every engine promises, in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.runs.bench import Bench, Gate, until

from stanch.core.errors import ConflictError, InputError, NotFoundError, SourceError
from stanch.core.incident import Actor
from stanch.core.secret import Secret
from stanch.runs.errors import NotJsonError, SecretInRunError, StepFailedError
from stanch.runs.port import Retries, RunContext, RunError, RunState

QUICK = Retries(attempts=4, first=0.02, factor=1.5)


def nothing(context: RunContext, arguments: Any) -> None: ...


def secret() -> Secret:
    return Secret(b"correct horse battery staple", fingerprint="0" * 64, redacted="…")


def failing(times: int, error: Callable[[], Exception]) -> tuple[Callable[[], str], list[int]]:
    calls: list[int] = []

    def function() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error()
        return "done"

    return function, calls


# ── starting ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_does_its_steps_and_tells_how_it_ended(bench: Bench) -> None:
    def job(context: RunContext, arguments: Any) -> Any:
        half = context.step("half", lambda number: {"is": number // 2}, arguments["number"])
        return context.step("add", lambda a, b: [a, b], half["is"], context.workspace)

    actor = Actor(kind="user", id="usr_1", name="Ada")
    run = bench.start(job, arguments={"number": 84}, subject="src_1", title="Halve", actor=actor)
    status = bench.over(run)
    assert (status.state, status.result, status.error) == (RunState.SUCCEEDED, [42, bench.workspace], None)
    assert (status.subject, status.title, status.actor) == ("src_1", "Halve", actor)
    assert status.attempts >= 1  # on a machine that stands still for seconds it may be begun twice; its steps are not
    assert status.created_at <= status.started_at <= status.ended_at  # type: ignore[operator]
    assert (status.started_at - status.created_at).total_seconds() < 4, "only the watcher found it"  # type: ignore[operator]
    assert bench.steps(run) == [("half", "succeeded"), ("add", "succeeded")]
    first, second = bench.engine.steps(run)
    assert (first.number, second.number) == (1, 2)
    assert first.started_at <= first.ended_at <= second.ended_at  # type: ignore[operator]


def test_the_same_key_is_the_same_run(bench: Bench) -> None:
    calls: list[str] = []

    def job(context: RunContext, arguments: Any) -> None:
        context.step("call", calls.append, context.run_id)

    first = bench.start(job, key="once")
    assert bench.engine.start("script", {"script": bench.name}, workspace=bench.workspace, key="once") == first
    other = bench.start(job, key="once", workspace=bench.other)
    third = bench.start(job, key="twice")
    for run in (first, other, third):
        bench.over(run)
    assert bench.engine.start("script", {"script": bench.name}, workspace=bench.workspace, key="once") == first
    assert sorted(calls) == sorted({first, other, third})
    assert len(first) == 30
    assert first.startswith("run_")


def test_without_a_key_each_run_is_another(bench: Bench) -> None:
    runs = [bench.start(nothing) for _ in range(3)]
    assert len(set(runs)) == 3
    assert {bench.over(run).state for run in runs} == {RunState.SUCCEEDED}


@pytest.mark.parametrize(
    "value",
    [b"bytes", (1, 2), {1, 2}, {1: "one"}, float("nan"), object(), RunState.QUEUED, "nul\0", {"deep": [[b"x"]]}],
    ids=["bytes", "tuple", "set", "number as name", "nan", "object", "enum", "nul", "deep"],
)
def test_an_argument_that_is_not_json_is_refused_before_it_is_kept(bench: Bench, value: object) -> None:
    before = bench.engine.list(bench.workspace).items
    with pytest.raises(NotJsonError) as caught:
        bench.start(nothing, arguments={"value": value})
    assert caught.value.code == "not_json"
    assert bench.engine.list(bench.workspace).items == before


def test_a_secret_is_refused_wherever_it_would_be_kept(bench: Bench) -> None:
    with pytest.raises(SecretInRunError):
        bench.start(nothing, arguments={"list": [{"of": secret()}]})
    waiting = bench.start(lambda context, arguments: context.wait("go"))
    with pytest.raises(SecretInRunError):
        bench.engine.signal(waiting, "go", secret())  # type: ignore[arg-type]
    bench.engine.signal(waiting, "go", True)
    step = bench.do(lambda context, arguments: context.step("read", secret))
    result = bench.do(lambda context, arguments: secret())
    assert step.error == RunError(
        code="secret_in_run",
        message="the result of the step read holds a plain credential. Pass the id of the incident instead.",
        step="read",
    )
    assert result.error is not None
    assert (result.state, result.error.code) == (RunState.FAILED, "secret_in_run")


def test_an_unknown_job_or_queue_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError):
        bench.engine.start("nonsense", {}, workspace=bench.workspace)
    with pytest.raises(InputError):
        bench.start(nothing, queue="nonsense")


def test_a_job_starts_another_run_once(bench: Bench) -> None:
    started: list[str] = []

    def parent(context: RunContext, arguments: Any) -> str:
        one = context.start("script", {"script": arguments["child"]}, key="child of " + context.run_id)
        two = context.start("script", {"script": arguments["child"]}, key="child of " + context.run_id)
        assert one == two
        return one

    bench.do(lambda context, arguments: started.append(context.run_id))
    child = bench.name
    status = bench.do(parent, arguments={"child": child})
    assert bench.over(str(status.result)).state is RunState.SUCCEEDED
    assert len(started) == 2


# ── failing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_is_tried_again_while_the_error_may_pass(bench: Bench) -> None:
    flaky, calls = failing(2, lambda: OSError("connection reset"))
    status = bench.do(lambda context, arguments: context.step("ask", flaky, retries=QUICK))
    assert (status.state, status.result, len(calls)) == (RunState.SUCCEEDED, "done", 3)


def test_a_step_that_never_works_fails_the_run_after_its_attempts(bench: Bench) -> None:
    flaky, calls = failing(99, lambda: OSError("connection reset"))
    run = bench.start(lambda context, arguments: context.step("ask", flaky, retries=QUICK))
    status = bench.over(run)
    assert (status.state, len(calls)) == (RunState.FAILED, QUICK.attempts)
    assert bench.steps(run) == [("ask", "failed")]


def test_an_error_of_ours_is_not_tried_again_and_is_shown_whole(bench: Bench) -> None:
    flaky, calls = failing(99, lambda: SourceError("the repository is gone.", hint="Clone it again.", code="gone"))
    run = bench.start(lambda context, arguments: context.step("clone", flaky, retries=QUICK))
    error = RunError(code="gone", message="the repository is gone. Clone it again.", step="clone")
    assert bench.over(run).error == error
    assert bench.engine.steps(run)[0].error == error
    assert len(calls) == 1


def test_any_other_error_is_shown_by_its_type_and_place_only(bench: Bench) -> None:
    flaky, _ = failing(99, lambda: ValueError("password=correct horse"))
    for script in (lambda context, arguments: context.step("read", flaky), lambda context, arguments: flaky()):
        run = bench.start(script)
        status = bench.over(run)
        assert status.error is not None
        assert (status.error.code, status.error.message) == ("unexpected", "ValueError")
        assert status.error.place.startswith("test_engine_contract.py:")
        assert "horse" not in repr((status, bench.engine.steps(run)))


def test_a_job_may_catch_a_failed_step_and_go_on(bench: Bench) -> None:
    flaky, _ = failing(99, lambda: SourceError("gone.", code="gone"))

    def job(context: RunContext, arguments: Any) -> str:
        try:
            context.step("ask", flaky)
        except StepFailedError as exc:
            return context.step("instead", lambda code: f"without: {code}", exc.code)
        return ""

    run = bench.start(job)
    assert bench.over(run).result == "without: gone"
    assert bench.steps(run) == [("ask", "failed"), ("instead", "succeeded")]


# ── waiting ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_waits_for_a_signal_and_people_see_it_wait(bench: Bench) -> None:
    run = bench.start(lambda context, arguments: context.wait("approval", 60))
    bench.comes_to(run, RunState.WAITING)
    assert bench.steps(run) == [("wait:approval", "running")]
    bench.engine.signal(run, "approval", {"by": "Ada"})
    assert bench.over(run).result == {"by": "Ada"}
    assert bench.steps(run) == [("wait:approval", "succeeded")]


def test_a_signal_may_come_first_and_topics_do_not_mix(bench: Bench) -> None:
    with Gate().closed() as gate:

        def job(context: RunContext, arguments: Any) -> Any:
            context.step("gate", gate.pass_)
            return [context.wait("b", 10), context.wait("a", 10), context.wait("a", 10)]

        run = bench.start(job)
        for topic, value in (("a", 1), ("a", 2), ("b", 3)):
            bench.engine.signal(run, topic, value)
    assert bench.over(run).result == [3, 1, 2]


def test_waiting_ends_with_nothing_when_its_time_is_over(bench: Bench) -> None:
    begun = time.monotonic()
    assert bench.do(lambda context, arguments: [context.wait("approval", 0.2)]).result == [None]
    assert time.monotonic() - begun < 10


def test_a_signal_that_nobody_could_tell_from_silence_is_refused(bench: Bench) -> None:
    run = bench.start(lambda context, arguments: context.wait("go", 60))
    with pytest.raises(NotJsonError):
        bench.engine.signal(run, "go", None)
    bench.engine.signal(run, "go", False)
    assert bench.over(run).result is False


def test_a_run_that_is_over_takes_no_signal(bench: Bench) -> None:
    run = bench.start(nothing)
    bench.over(run)
    with pytest.raises(ConflictError):
        bench.engine.signal(run, "go", True)


def test_sleeping_is_a_step(bench: Bench) -> None:
    run = bench.start(lambda context, arguments: context.sleep(0.2))
    status = bench.over(run)
    assert bench.steps(run) == [("sleep", "succeeded")]
    assert (status.ended_at - status.started_at).total_seconds() >= 0.2  # type: ignore[operator]


# ── being stopped, going on ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_run_stops_before_its_next_step_and_can_go_on(bench: Bench) -> None:
    calls: list[str] = []
    with Gate().closed() as gate:

        def job(context: RunContext, arguments: Any) -> str:
            context.step("first", calls.append, "first")
            context.step("second", gate.pass_)
            context.step("third", calls.append, "third")
            return "whole"

        run = bench.start(job)
        until(lambda: bool(gate.came))
        bench.engine.cancel(run)
        assert bench.engine.status(run).state is RunState.CANCELLED
    time.sleep(0.1)
    assert calls == ["first"]
    with pytest.raises(ConflictError):
        bench.engine.cancel(run)
    bench.engine.resume(run)
    status = bench.over(run)
    assert (status.state, status.result, calls) == (RunState.SUCCEEDED, "whole", ["first", "third"])
    with pytest.raises(ConflictError):
        bench.engine.resume(run)


@pytest.mark.parametrize("how", ["wait", "sleep", "retry", "loop"])
def test_a_run_can_be_cancelled_whatever_it_waits_for(bench: Bench, how: str) -> None:
    ended = threading.Event()
    flaky, _ = failing(99, OSError)

    def loop(context: RunContext) -> None:
        for _ in range(3000):
            context.check()
            time.sleep(0.01)

    def job(context: RunContext, arguments: Any) -> None:
        try:
            if how == "wait":
                context.wait("never")
            elif how == "sleep":
                context.sleep(60)
            elif how == "retry":
                context.step("ask", flaky, retries=Retries(attempts=9, first=60))
            else:
                context.step("loop", loop, context)
        finally:
            ended.set()

    run = bench.start(job)
    until(lambda: bool(bench.engine.steps(run)))
    bench.engine.cancel(run)
    assert ended.wait(5), "it still waits"
    assert bench.over(run).state is RunState.CANCELLED
    assert [state for _, state in bench.steps(run)] == ["stopped"]


def test_a_wait_that_was_cancelled_goes_on_waiting(bench: Bench) -> None:
    run = bench.start(lambda context, arguments: context.wait("go", 60))
    bench.comes_to(run, RunState.WAITING)
    bench.engine.cancel(run)
    bench.engine.resume(run)
    bench.comes_to(run, RunState.WAITING)
    bench.engine.signal(run, "go", "yes")
    assert bench.over(run).result == "yes"


def test_a_failed_run_is_tried_again_from_the_step_that_failed(bench: Bench) -> None:
    flaky, calls = failing(1, lambda: SourceError("gone."))
    done: list[int] = []

    def job(context: RunContext, arguments: Any) -> str:
        context.step("first", done.append, 1)
        return context.step("second", flaky)

    old = bench.start(job)
    assert bench.over(old).state is RunState.FAILED
    new = bench.engine.retry(old)
    status = bench.over(new)
    assert (status.state, status.result, status.retry_of, done, len(calls)) == (RunState.SUCCEEDED, "done", old, [1], 2)
    assert bench.steps(new) == [("first", "succeeded"), ("second", "succeeded")]
    assert bench.engine.status(old).state is RunState.FAILED


def test_a_run_is_tried_again_from_its_start(bench: Bench) -> None:
    done: list[int] = []
    old = bench.start(lambda context, arguments: context.step("first", done.append, 1), subject="src_9")
    bench.over(old)
    new = bench.engine.retry(old, from_start=True)
    status = bench.over(new)
    assert (status.state, status.subject, done) == (RunState.SUCCEEDED, "src_9", [1, 1])


def test_a_run_that_goes_on_is_not_tried_again(bench: Bench) -> None:
    with Gate().closed() as gate:
        run = bench.start(lambda context, arguments: context.step("gate", gate.pass_))
        with pytest.raises(ConflictError):
            bench.engine.retry(run)
    bench.over(run)


def test_a_job_that_changed_meanwhile_is_told_apart(bench: Bench) -> None:
    names = ["before"]
    with Gate().closed() as gate:

        def job(context: RunContext, arguments: Any) -> None:
            context.step(names[-1], lambda: 1)
            context.step("gate", gate.pass_)

        run = bench.start(job)
        until(lambda: bool(gate.came))
        bench.engine.cancel(run)
    names.append("after")
    time.sleep(0.1)
    bench.engine.resume(run)
    error = bench.over(run).error
    assert error is not None
    assert error.code == "run_changed"


def test_a_run_that_takes_too_long_fails(bench: Bench) -> None:
    def loop(context: RunContext) -> None:
        for _ in range(3000):
            context.check()
            time.sleep(0.01)

    for script in (
        lambda context, arguments: context.step("loop", loop, context),
        lambda context, arguments: context.wait("never"),
        lambda context, arguments: context.sleep(60),
    ):
        status = bench.do(script, job="brief")
        assert status.error is not None
        assert (status.state, status.error.code) == (RunState.FAILED, "run_timed_out")


# ── queues ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_more_runs_than_a_queue_allows_go_on_at_a_time(bench: Bench) -> None:
    with Gate().closed() as gate:
        runs = [bench.start(lambda context, arguments: context.step("gate", gate.pass_), job="scan") for _ in range(5)]
        until(lambda: len(gate.came) == 2)
        time.sleep(0.3)
        assert len(gate.came) == 2
        assert sorted(bench.engine.status(run).state for run in runs) == ["queued"] * 3 + ["running"] * 2
    for run in runs:
        bench.over(run)
    assert len(gate.came) == 5


def test_a_queue_begins_no_more_runs_than_its_rate(bench: Bench) -> None:
    begun: list[float] = []
    runs = [bench.start(lambda context, arguments: begun.append(time.monotonic()), job="paced") for _ in range(5)]
    for run in runs:
        bench.over(run)
    assert begun[2] - begun[0] > 0.9  # of two seconds: DBOS counts whole ones on SQLite
    assert begun[4] - begun[0] > 2.5


def test_what_is_urgent_is_begun_first(bench: Bench) -> None:
    order: list[str] = []
    with Gate().closed() as gate:
        first = bench.start(lambda context, arguments: context.step("gate", gate.pass_), job="single")
        until(lambda: bool(gate.came))
        runs = [
            bench.start(lambda context, arguments: order.append(arguments["name"]), job="single", priority=priority, arguments={"name": name})
            for name, priority in (("later", 5), ("last", 9), ("now", 0))
        ]  # fmt: skip
    for run in (first, *runs):
        bench.over(run)
    assert order == ["now", "later", "last"]


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_and_the_step_it_is_in_are_seen_while_it_goes_on(bench: Bench) -> None:
    with Gate().closed() as gate:

        def job(context: RunContext, arguments: Any) -> None:
            context.step("first", lambda: 1)
            context.progress("3 of 10 repositories")
            context.step("scan", gate.pass_)

        run = bench.start(job)
        until(lambda: bool(gate.came))
        status = bench.engine.status(run)
        assert (status.state, status.progress, status.step) == (RunState.RUNNING, "3 of 10 repositories", "scan")
        assert bench.steps(run) == [("first", "succeeded"), ("scan", "running")]
    bench.over(run)


def test_runs_are_listed_by_workspace_state_job_and_subject(bench: Bench) -> None:
    runs = [bench.start(nothing, subject="src_list", workspace=bench.other) for _ in range(5)]
    flaky, _ = failing(9, OSError)
    failed = bench.start(lambda context, arguments: flaky(), subject="src_list", workspace=bench.other, job="scan")
    for run in (*runs, failed):
        bench.over(run)

    def listed(**filters: Any) -> list[str]:
        return [run.id for run in bench.engine.list(bench.other, **filters).items]

    assert listed(subject="src_list") == [failed, *reversed(runs)]
    assert listed(subject="src_list", states=[RunState.FAILED]) == [failed]
    assert listed(subject="src_list", job="script") == list(reversed(runs))
    assert not {run.id for run in bench.engine.list(bench.workspace, limit=200).items} & set(runs)


def test_a_long_list_comes_in_pages(bench: Bench) -> None:
    runs = [bench.start(nothing, subject="src_pages") for _ in range(7)]
    found: list[str] = []
    cursor = ""
    pages = 0
    while pages < 9:
        pages += 1
        page = bench.engine.list(bench.workspace, subject="src_pages", limit=3, cursor=cursor)
        found += [run.id for run in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert (found, pages) == (list(reversed(runs)), 3)
    for run in runs:
        bench.over(run)


def test_an_unknown_run_is_not_found(bench: Bench) -> None:
    for ask in (bench.engine.status, bench.engine.steps, bench.engine.cancel, bench.engine.resume, bench.engine.retry):
        with pytest.raises(NotFoundError):
            ask("run_nobody")
    with pytest.raises(NotFoundError):
        bench.engine.signal("run_nobody", "go", True)


def test_what_a_schedule_starts_can_be_started_by_hand(bench: Bench) -> None:
    bench.scripts["nightly"] = lambda context, arguments: context.workspace
    status = bench.over(bench.engine.fire("nightly"))
    assert (status.state, status.result, status.workspace) == (RunState.SUCCEEDED, "", "")
