"""The compiled engine with conditions, where it is not as usual: the clock's end, many who wait, no compiler."""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import naive
import numpy as np
import pytest
from naive_conditions import conditional, laned
from programs import printed

from sim.engine import ENGINES, LegLog, order, play, sources
from sim.routing.conditions import AS_USUAL, NO_LIMIT, Conditions, LegOutcome
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import Lanes, lanes_of

general = pytest.importorskip("sim.engine.general", reason="needs numba")
check, world, kernel = (
    importlib.import_module(f"sim.engine.{name}") for name in ("general_check", "general_world", "general_kernel")
)

ROOT = Path(__file__).resolve().parents[3]
LAST = 2**63 - 1

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


def columns(log: LegLog) -> list[list[int]]:
    """Give the log as plain lists, which compare exactly and print well."""
    return [getattr(log, name).tolist() for name in LegLog.__slots__ if getattr(log, name) is not None]


@pytest.fixture
def equality(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the program that compares the engines on random scenarios."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("conditions_equality")


def test_small_scenarios_give_the_same_on_both_engines(equality: ModuleType) -> None:
    """If random scenarios are played whole and in parts, no leg differs in a nanosecond or in its outcome."""
    assert equality.differences(range(500))[0] == 0


def test_large_scenarios_give_the_same_on_both_engines(equality: ModuleType) -> None:
    """If random scenarios have thousands of requests, lines of hundreds and stale timers, the engines still agree."""
    assert equality.differences(range(equality.LARGE, equality.LARGE + 6))[0] == 0


def test_the_loop_is_also_plain_python() -> None:
    """If numba is told not to compile, the same loop gives the reference engine's log, whole and in parts.

    Python also says if it goes beyond the room that it asked for, so it is given no more.
    """
    code = """
from conditions_equality import differences
from sim.engine import general, general_kernel
general._ROOM, general._GROWTH = 0, 1
general_kernel.forget_cache()
print(hasattr(general_kernel.advance, "py_func"), differences(range(150))[0])
"""
    assert printed(code, NUMBA_DISABLE_JIT="1") == "False 0"


def test_the_general_loop_is_loaded_by_those_who_need_it() -> None:
    """If no itinerary has conditions, the general loop is neither loaded nor compiled."""
    code = """
import sys
import naive
from sim.engine import play
play(naive.itinerary_of([1], [(0, [[(0, 5)]])]), "compiled")
print([name for name in sys.modules if name.startswith("sim.engine.general")])
"""
    assert printed(code) == "[]"


def test_what_numba_keeps_is_made_anew_if_any_file_of_the_loop_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If a file that goes into the loop is another one, so is the number that numba's cache goes by."""
    compiled_in = [
        path.stem
        for path in (ROOT / "sim" / "engine").glob("*.py")
        if "@part" in path.read_text() or "@_loop" in path.read_text()
    ]
    assert {*compiled_in, "general_world"} <= set(kernel.FILES)
    for name in kernel.FILES:
        (tmp_path / f"{name}.py").write_bytes((ROOT / "sim" / "engine" / f"{name}.py").read_bytes())
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "sources.py"))
    before = sources.sources_of(kernel.FILES)
    for name in kernel.FILES:
        file = tmp_path / f"{name}.py"
        as_it_was = file.read_bytes()
        file.write_bytes(as_it_was + b"\n")
        assert sources.sources_of(kernel.FILES) != before
        file.write_bytes(as_it_was)


def test_the_loop_has_the_ranks_and_outcomes_of_the_contract() -> None:
    """If numba freezes a number, it is the one that the contract has."""
    assert (world.GIVING_UP, world.JOINING, world.TURNS) == (order.GIVING_UP, order.JOINING, order.TURNS)
    names = {"DONE": "WELL"}
    assert all(getattr(world, names.get(outcome.name, outcome.name)) == outcome for outcome in LegOutcome)
    assert (world.NO_LIMIT, world.AS_USUAL) == (NO_LIMIT, AS_USUAL)


def test_itineraries_with_and_without_conditions_do_not_mix() -> None:
    """If an itinerary has conditions and the one before had none, or the other way round, it is refused."""
    plain = naive.itinerary_of([1], [(0, [[(0, 5)]])])
    for first, second in ((plain, conditional(plain)), (conditional(plain), plain)):
        engine = ENGINES["compiled"]()
        engine.advance(first, 0)
        with pytest.raises(ValueError, match="conditions"):
            engine.advance(second, None)


TWO = naive.itinerary_of([1], [(2**62, [[(0, 2**62 - 1)]]), (2**62, [[(0, 5)]])])
LATE = naive.itinerary_of([1], [(2**62 + 9, [[(0, 2**62 + 1)]])])
TRIED_TWICE = naive.itinerary_of([1], [(2**62 + 9, [[(0, 5), (0, 5)]])])


@on_every_engine
@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(conditional(TWO), id="a wait for a server"),
        pytest.param(conditional(LATE, timeout_ns=[2**62 - 1]), id="a service and its timeout"),
        pytest.param(
            conditional(TRIED_TWICE, after=[-1, 0], fails=[True, False], delay_ns=[0, 2**62 - 1]), id="a delay"
        ),
        pytest.param(
            conditional(
                TWO,
                limit_period_ns=[2**62 - 1],
                limit_burst_ns=[2**62 - 1],
                station_limit=[[0, 0]],
                queue_most=[NO_LIMIT, NO_LIMIT],
            ),
            id="a turn at limits",
        ),
    ],
)
def test_what_would_end_after_the_clock_is_refused(engine: str, plan: Itinerary) -> None:
    """If a leg would join or end after the last nanosecond of a 64-bit clock, no log is given."""
    with pytest.raises(ValueError, match=r"clock|memoryview|64"):
        play(plan, engine)


def test_timers_beyond_the_clock_are_not_needed() -> None:
    """If patience, timeout or a service beyond the clock never matter, the log is as it would be without an end."""
    plan = conditional(
        TWO,
        patience_ns=[2**62 - 1, 2**62 - 1],
        timeout_ns=[10, 2**62 - 1],
        cancels=[True],
    )
    assert columns(play(plan, "compiled")) == columns(naive.play(plan))


def test_a_leg_may_end_with_the_last_nanosecond() -> None:
    """If a leg ends with the last nanosecond of the clock, or gives up then, that is still in time."""
    plan = naive.itinerary_of([1], [(LAST - 5, [[(0, 5)]]), (LAST - 5, [[(0, 5)]])])
    plan = conditional(plan, patience_ns=[NO_LIMIT, 5], fails=[True, False])
    plan = replace(plan, leg_service_ns=np.array([5, 1], dtype=np.int64))
    timeless = conditional(plan, patience_ns=[NO_LIMIT, 4])
    assert play(timeless, "compiled").ended_ns.tolist() == [LAST, LAST - 1]


def crowd(size: int, **conditions: Any) -> Itinerary:
    """Let so many arrive at once at one server."""
    plan = naive.itinerary_of([1], [(0, [[(0, 1)]]) for _ in range(size)])
    return conditional(plan, **conditions)


def test_thousands_may_wait_and_give_up() -> None:
    """If more wait than there is room for to begin with, the heap grows; those who lose patience leave together."""
    log = play(crowd(5_000, patience_ns=[1_000] * 5_000), "compiled")
    assert np.bincount(log.outcome).tolist() == [0, 1_001, 0, 0, 3_999]
    assert log.ended_ns[1_001:].tolist() == [1_000] * 3_999


def test_timers_that_do_not_matter_are_thrown_away() -> None:
    """If all who wait are served long before their patience ends, the heap does not keep their timers."""
    size = 20_000
    plan = conditional(
        naive.itinerary_of([1], [(2 * number // 4 * 4, [[(0, 2)]]) for number in range(size)]),
        patience_ns=[10**9] * size,
    )
    engine = ENGINES["compiled"]()
    (log,) = engine.advance(plan, None)
    assert set(log.outcome.tolist()) == {LegOutcome.DONE}
    assert len(engine._general._events) < 1_000


def test_a_run_in_parts_keeps_only_what_is_under_way() -> None:
    """If a run comes in many parts, what is kept of it are the legs of those who are not over."""
    engine = ENGINES["compiled"]()
    plan = conditional(naive.itinerary_of([1], [(10 * number, [[(0, 8), (0, 1)]]) for number in range(1_000)]))
    logs = naive.play_in_parts(engine, plan, list(range(10, 1_000, 10)))
    assert len(logs) == 100
    assert len(engine._general._under_way.row) == 0


GOOD: dict[str, Any] = {
    "after": [-1, 0, -1, 2, -1],
    "delay_ns": [0, 5, 0, 1, 0],
    "patience_ns": [1, NO_LIMIT, 3, 4, 5],
    "timeout_ns": [9, 9, 9, 9, NO_LIMIT],
    "queue_most": [0, 1, 2, NO_LIMIT, 4],
    "tokens": [3, 0, 7, 2, 1],
    "budget": [100, NO_LIMIT],
    "budget_most": [0, 5],
    "limit_of_tokens": [True, False],
    "limit_period_ns": [60, 7],
    "limit_per_period": [10, 1],
    "limit_burst_ns": [5, 5],
    "station_limit": [[0, 0], [1, 0], [1, 1]],
    "outage_station": [0, 0, 1],
    "outage_start_ns": [0, 5, 3],
    "outage_end_ns": [9, 6, 4],
    "outage_slowdown": [0, 1500, 1000],
}
"""Conditions that keep their contract, for the legs below."""
LEGS: naive.Stages = [[(0, 5), (0, 5)], [(1, 6), (0, 2)]]
PLAN = naive.itinerary_of([1, 0], [(0, LEGS), (3, []), (4, [[(1, 2**40)]])])
VALUES = (-(2**63), -1, 0, 1, 2, 999, 2**22, 2**40, 2**61, 2**62, 2**62 + 1, 2**63 - 1)
CHANGES = [(name, place, value) for name in GOOD for place in range(np.size(GOOD[name])) for value in VALUES]


def passes(plan: Itinerary) -> bool:
    """Say what the compiled check says."""
    return longest(check.Check(), plan) is not None


def longest(checks: Any, plan: Itinerary) -> int | None:
    """Give what the compiled check counts; the table of legs has rows before that are nobody's."""
    legs = np.zeros((3 + len(plan.leg_request), world.LEG_FIELDS), dtype=np.int64)
    found: int | None = checks.take_in(plan, legs, (3, 2, 100))
    return found


def keeps_the_contract(plan: Itinerary) -> bool:
    """Say whether the contract's own check lets it pass."""
    try:
        plan.check()
    except ValueError:
        return False
    return True


def changed(*changes: tuple[str, int, int]) -> Itinerary:
    """Give the good conditions with some of their numbers replaced."""
    values = {name: np.array(column) for name, column in GOOD.items()}
    for name, place, value in changes:
        values[name].flat[place] = value
    return conditional(PLAN, **values)


def test_the_compiled_check_agrees_with_the_contract() -> None:
    """If one or two numbers of the conditions are replaced, the compiled pass refuses what the contract refuses."""
    near = [change for change in CHANGES if change[0] in {"after", "tokens", "limit_period_ns", "outage_slowdown"}]
    plans = [changed(), *map(changed, CHANGES), *(changed(*pair) for pair in product(near[::3], near[1::7]))]
    assert {(passes(plan), keeps_the_contract(plan)) for plan in plans} == {(True, True), (False, False)}


@pytest.mark.parametrize("name", [field.name for field in fields(Conditions) if field.name != "lanes"])
def test_the_compiled_check_leaves_other_columns_to_the_contract(name: str) -> None:
    """If a column is of another type or length, the compiled pass does not let it pass."""
    good = changed()
    assert good.conditions is not None
    column = getattr(good.conditions, name)
    for other in (column.astype(np.float64), column[:-1], np.concatenate((column, column))):
        plan = replace(good, conditions=replace(good.conditions, **{name: other}))
        assert not passes(plan) or keeps_the_contract(plan)
    assert not passes(replace(good, conditions=replace(good.conditions, **{name: column.astype(np.float64)})))


def test_what_later_itineraries_have_is_checked_too() -> None:
    """If a later itinerary has more tokens than its limits can count, the check that passed before does not hide it."""
    good = changed()
    checks = check.Check()
    few, many = good, changed(("tokens", 0, 2**61))
    many = replace(many, conditions=replace(good.conditions, tokens=many.conditions.tokens))
    assert longest(checks, few) == 4
    assert longest(checks, few) == 4
    assert longest(checks, many) is None


LANES: dict[str, Any] = {
    "lane": [0, 1, 3, 0, 2],
    "lane_rank": [0, 1, 0, 0],
    "lane_stride": [1, 3, 2, 1],
    "lane_most": [0, NO_LIMIT, 3, 3],
    "fair": [True, False],
    "lane_limit": [(0, 1), (1, 1)],
}
"""Lanes that keep their contract, for the legs above."""
LANE_CHANGES = [
    (name, place, value)
    for name in LANES
    if name != "fair"
    for place in range(np.size(LANES[name]))
    for value in VALUES
]


def with_lanes(*changes: tuple[str, int, int]) -> Itinerary:
    """Give the good conditions and the good lanes with some of their numbers replaced."""
    columns = {name: np.array(column) for name, column in LANES.items()}
    for name, place, value in changes:
        columns[name].flat[place] = value
    good = changed()
    assert good.conditions is not None
    return replace(good, conditions=replace(good.conditions, lanes=laned(good, [0, 0, 1, 1], **columns)))


def test_the_compiled_check_agrees_with_the_contract_of_lanes() -> None:
    """If a number of the lanes is replaced, the compiled pass refuses what the contract refuses."""
    plans = [with_lanes(), *map(with_lanes, LANE_CHANGES)]
    assert {(passes(plan), keeps_the_contract(plan)) for plan in plans} == {(True, True), (False, False)}


@pytest.mark.parametrize("name", [field.name for field in fields(Lanes)])
def test_the_compiled_check_leaves_other_columns_of_lanes_to_the_contract(name: str) -> None:
    """If a column of the lanes is of another type or length, the compiled pass does not let it pass."""
    good = with_lanes()
    assert good.conditions is not None
    lanes = lanes_of(good)
    column = getattr(lanes, name)
    for other in (column.astype(np.float64), column[:-1], np.concatenate((column, column)), column[..., None]):
        plan = replace(good, conditions=replace(good.conditions, lanes=replace(lanes, **{name: other})))
        assert passes(plan) == keeps_the_contract(plan)


def test_leads_are_bounded_however_long_a_run_is() -> None:
    """If two lanes are served for long, what is kept of virtual time is no more than the cost of a leg."""
    requests = [(10 * number, [[(0, 20)]]) for number in range(400)]
    bare = naive.itinerary_of([1], requests)
    lane, stride = np.arange(400) % 2, [1, 3]
    plan = conditional(bare, lanes=laned(bare, [0, 0], lane=lane, lane_stride=stride, fair=[True]))
    engine = ENGINES["compiled"]()
    naive.play_in_parts(engine, plan, [100, 200, 300])
    assert engine._general._system.bands[:, world.LEAD].max() <= 60
