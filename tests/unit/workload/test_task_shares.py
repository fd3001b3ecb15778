"""The expected share of each task class in a run: from rates, shares, mixes and what traces record."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from sim.chance import Streams
from sim.workload.calendar import Calendar
from sim.workload.outcome_table import ModelOutcomes, OutcomeTable
from sim.workload.requests import Inputs, Requests, draw_requests
from sim.workload.sources import Horizon
from sim.workload.traces import Labels, Trace
from sim.workload.workload import Workload

SECOND = 10**9
POISSON = {"kind": "poisson", "rate_per_s": 30.0}
TASKS = {name: {"input_tokens": 1, "output_tokens": 1} for name in ("a", "b")}
MIX = {"a": 0.2, "b": 0.8}
OTHER = {"a": 0.9, "b": 0.1}


def replay(**more: Any) -> dict[str, Any]:
    """Arrivals from a trace."""
    return {"kind": "trace", "source": {"format": "azure_llm", "file": "unread.csv"}, **more}


def trace(gap_ns: int = SECOND, tasks: str = "", segments: str = "") -> Trace:
    """Make a trace of a request per gap with these one-letter labels, whose names stand in the order of b, a, v, u."""

    def labels(text: str, names: str) -> Labels | None:
        return Labels(np.array([names.index(x) for x in text], dtype=np.int64), tuple(names)) if text else None

    count = len(tasks or segments) or 10
    times = np.arange(count, dtype=np.int64) * gap_ns
    return Trace(times, None, None, task=labels(tasks, "ba"), segment=labels(segments, "vu"))


def drawn(
    workload: dict[str, Any],
    traces: dict[str, Trace] | None = None,
    table: OutcomeTable | None = None,
    *,
    most: int | None = None,
    **horizon: int,
) -> Requests:
    """Draw the requests of one replication in one piece, or the first of them."""
    spec = Workload.model_validate({"tasks": TASKS, "mix": MIX, **workload})
    inputs = Inputs(traces or {}, table)
    return next(draw_requests(spec, Streams(3, 0), NOON, Horizon(**horizon), inputs, size=None, most=most))


def shares(*args: Any, **horizon: int) -> dict[str, float]:
    """Give the expected shares by task class, as the first request of a run knows them."""
    requests = drawn(*args, most=1, **horizon)
    return dict(zip(requests.tasks, requests.task_shares.tolist(), strict=True))


def own(**arrivals: Any) -> dict[str, Any]:
    """Make segments with arrivals of their own; the one called v has the other mix."""
    parts = {name: {"arrivals": process} for name, process in arrivals.items()}
    return {"segments": {name: {**part, "mix": OTHER} if name == "v" else part for name, part in parts.items()}}


SHARED = {"segments": {"v": {"share": 0.25, "mix": OTHER}, "u": {"share": 0.75}}}
GROWING = {"kind": "profile", "rate_per_s": 0.001, "growth_per_month": 1.0}
STEADY = {"kind": "poisson", "rate_per_s": 0.001}
MONTH_S = 365.2425 / 12 * 86_400
GROWN = (2**2 - 1) / math.log(2)  # what two months of doubling bring, in months of the first rate
IN_TWO_MONTHS = (GROWN * 0.9 + 2 * 0.2) / (GROWN + 2)
NOON = Calendar(datetime(2026, 1, 5, 12, tzinfo=UTC))
AFTERNOON = {"kind": "profile", "rate_per_s": 0.5, "hour_of_day": [0] * 12 + [1] * 12}
MORNING = {"kind": "profile", "rate_per_s": 0.5, "hour_of_day": [1] * 12 + [0] * 12}
BOTH = replay(bootstrap="1s")

CASES: list[tuple[str, dict[str, Any], dict[str, Trace], dict[str, int], float]] = [
    ("mix", {"arrivals": POISSON}, {}, {"requests": 9}, 0.2),
    ("segments with a share", {"arrivals": POISSON, **SHARED}, {}, {"requests": 9}, 0.25 * 0.9 + 0.75 * 0.2),
    ("rates", own(v={**POISSON, "rate_per_s": 10.0}, u=POISSON), {}, {"requests": 9}, 0.25 * 0.9 + 0.75 * 0.2),
    ("growth", own(v=GROWING, u=STEADY), {}, {"until_ns": round(2 * MONTH_S) * SECOND}, IN_TWO_MONTHS),
    (
        "growth to a number of requests",
        own(v={**GROWING, "rate_per_s": 1.0}, u={**STEADY, "rate_per_s": 1.0}),
        {},
        {"requests": round(MONTH_S * (GROWN + 2))},
        IN_TWO_MONTHS,
    ),
    (
        "the last of a tie",
        own(v={"kind": "constant", "rate_per_s": 2.0}, u={"kind": "constant", "rate_per_s": 2.0}),
        {},
        {"requests": 9},
        (5 * 0.9 + 4 * 0.2) / 9,
    ),
    ("half a day", own(v=AFTERNOON, u=MORNING), {}, {"until_ns": 3 * 3600 * SECOND}, 0.9),
    ("a day and a quarter", own(v=AFTERNOON, u=MORNING), {}, {"until_ns": 18 * 3600 * SECOND}, (2 * 0.9 + 0.2) / 3),
    ("requests of one afternoon", own(v=AFTERNOON, u=MORNING), {}, {"requests": 12 * 3600}, 0.9),
    ("requests until the morning", own(v=AFTERNOON, u=MORNING), {}, {"requests": 18 * 3600}, (2 * 0.9 + 0.2) / 3),
    ("nothing expected", own(v=MORNING, u=MORNING), {}, {"until_ns": SECOND}, (0.9 + 0.2) / 2),
    ("recorded classes", {"arrivals": replay()}, {"all": trace(tasks="aaab")}, {}, 0.75),
    ("played classes", {"arrivals": replay()}, {"all": trace(tasks="aabbbb")}, {"until_ns": 3 * SECOND}, 2 / 3),
    ("first requests", {"arrivals": replay()}, {"all": trace(tasks="aabbbb")}, {"requests": 3}, 2 / 3),
    ("more requests than rows", {"arrivals": replay()}, {"all": trace(tasks="aabbbb")}, {"requests": 9}, 1 / 3),
    ("before the bootstrap", {"arrivals": BOTH}, {"all": trace(tasks="aabbbb")}, {"until_ns": 3 * SECOND}, 2 / 3),
    ("bootstrap", {"arrivals": BOTH}, {"all": trace(tasks="aabbbb")}, {"until_ns": 8 * SECOND}, 1 / 3),
    (
        "bootstrap beside others",
        own(v=BOTH, u={**POISSON, "rate_per_s": 2.0}),
        {"v": trace(tasks="aabbbb")},
        {"requests": 36},
        (4 + 24 * 0.2) / 36,
    ),
    ("first segments", {"arrivals": replay(), **SHARED}, {"all": trace(segments="vvvu")}, {"requests": 2}, 0.9),
    ("recorded segments", {"arrivals": replay(), **SHARED}, {"all": trace(segments="vvvu")}, {}, 0.75 * 0.9 + 0.05),
    ("unknown segments", {"arrivals": replay()}, {"all": trace(segments="vvvu")}, {}, 0.2),
    ("trace without labels", {"arrivals": replay(), **SHARED}, {"all": trace()}, {}, 0.25 * 0.9 + 0.75 * 0.2),
    (
        "a trace has its own rate",
        own(v=replay(), u={**POISSON, "rate_per_s": 3.0}),
        {"v": trace()},
        {"requests": 9},
        (3 * 0.9 + 6 * 0.2) / 9,
    ),
    (
        "a trace that ends",
        own(v=replay(), u={**POISSON, "rate_per_s": 3.0}),
        {"v": trace()},
        {"requests": 100},
        0.1 * 0.9 + 0.9 * 0.2,
    ),
    (
        "a trace counts by what is played",
        own(v=replay(), u={**POISSON, "rate_per_s": 6.0}),
        {"v": trace(gap_ns=SECOND // 2, tasks="aaaaabbbbb")},
        {"until_ns": 3 * SECOND},
        0.25 * 5 / 6 + 0.75 * 0.2,
    ),
    ("all at once", own(v=replay(), u=replay()), {"v": trace(0), "u": trace(0)}, {}, (0.9 + 0.2) / 2),
]


@pytest.mark.parametrize(
    ("workload", "traces", "horizon", "share"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_shares_by_hand(
    workload: dict[str, Any], traces: dict[str, Trace], horizon: dict[str, int], share: float
) -> None:
    """The share of a class is the mean of its sources' mixes, weighted by their requests, and all add up to 1."""
    found = shares(workload, traces, **horizon)
    assert found == pytest.approx({"a": share, "b": 1 - share}, rel=1e-6)
    assert math.fsum(found.values()) == pytest.approx(1, abs=1e-15)


def test_a_workload_without_classes_has_one() -> None:
    """If no task class is named, the one there is has every request."""
    assert shares({"arrivals": POISSON, "tasks": {}, "mix": None, "default_task": TASKS["a"]}, requests=5) == {"all": 1}


def test_a_table_has_the_shares_of_its_rows() -> None:
    """If requests are rows of an outcome table, a class has its share of the rows, whatever is drawn of it."""
    codes = np.array([0, 1, 1, 1, 2], dtype=np.int64)
    right = ModelOutcomes(np.ones(5, dtype=np.bool_), np.ones(5), None, None)
    table = OutcomeTable(("x", "y", "z"), codes, codes + 1, {"m": right}, 5, "")
    found = shares({"arrivals": POISSON, "tasks": {}, "mix": None}, None, table, requests=1)
    assert found == pytest.approx({"x": 0.2, "y": 0.6, "z": 0.2})


@pytest.mark.parametrize(
    ("workload", "traces"),
    [
        ({"arrivals": POISSON, **SHARED}, {}),
        (own(v=POISSON, u={**POISSON, "rate_per_s": 90.0}), {}),
        (own(v=replay(bootstrap="1s"), u=POISSON), {"v": trace(SECOND // 20, tasks="aab" * 100)}),
        (own(v=replay(), u=POISSON), {"v": trace(SECOND // 20, tasks="aab" * 100)}),
        (own(v=AFTERNOON, u=MORNING), {}),
        (own(v={**GROWING, "rate_per_s": 0.0005}, u=STEADY), {}),
    ],
)
def test_drawn_shares_are_the_expected_ones(workload: dict[str, Any], traces: dict[str, Trace]) -> None:
    """Of twenty thousand requests each class has its expected share, within 4 standard errors of independent ones."""
    requests = drawn(workload, traces, requests=20_000)
    expected = float(requests.task_shares[0])
    error = math.sqrt(expected * (1 - expected) / len(requests))
    assert abs(float((requests.task == 0).mean()) - expected) <= 4 * error


@pytest.mark.parametrize("horizon", [{"requests": 20_000}, {"until_ns": 6 * 3600 * SECOND}])
def test_a_look_at_the_first_requests_has_the_shares_of_the_run(horizon: dict[str, int]) -> None:
    """If only the first hundred requests are drawn, they are those of the run, and so are the expected shares."""
    workload = own(v=AFTERNOON, u={**POISSON, "rate_per_s": 0.2})
    whole, few = drawn(workload, **horizon), drawn(workload, most=100, **horizon)
    assert np.array_equal(few.arrival_ns, whole.arrival_ns[:100])
    assert np.array_equal(few.task, whole.task[:100])
    assert np.array_equal(few.task_shares, whole.task_shares)
