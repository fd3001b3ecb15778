"""Both engines give the same where there are conditions: random scenarios, whole and in parts.

`python benchmarks/conditions_equality.py` plays 2,000 small ones and 20 of some thousand requests, and ends with exit
code 1 if a single nanosecond or outcome differs. A scenario is drawn from its number alone, so one that fails can be
played again: `--first NUMBER --scenarios 1`. Two of three take their times from a handful, so that many are tied.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.engine import ENGINES, LegLog
from sim.routing.callers import Callers
from sim.routing.conditions import LEG_COLUMNS, NO_LIMIT, NONE, Conditions, LegOutcome
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.routing.lanes import Lanes
from sim.routing.replicas import FULL_SPEED, LOT_BITS, Balance, Replicas, Usage
from sim.routing.replicas import LEG_COLUMNS as OF_LEGS

Part = tuple[Itinerary, int | None]
Column = NDArray[np.int64]
FEW = np.arange(0, 60, 10)
_WITHOUT_CALLERS = 2
LARGE = 1_000_000
"""Scenarios from this number on have some thousand requests."""
WITH_LANES = 0.6
"""Share of the scenarios in which stations have several lanes."""


class Drawing:
    """What one scenario is drawn with: times are tied, or long and free."""

    def __init__(self, number: int) -> None:
        self.chance = np.random.Generator(np.random.Philox(number))
        self.is_tied = number % 3 > 0
        self.unit = 10 if self.is_tied else int(self.chance.integers(10, 10**7))

    def times(self, size: int, least: int = 0, most: int = 6) -> Column:
        """Draw times of up to `most` units."""
        if self.is_tied:
            return self.chance.integers(least, most, size) * 10
        return self.chance.integers(least * self.unit, most * self.unit, size)

    def flags(self, size: int, share: float = 0.5) -> NDArray[np.bool_]:
        """Draw a mask that is all false in one of three scenarios."""
        return self.chance.random(size) < (share if self.chance.random() < 2 / 3 else 0)

    def or_never(self, values: Column, share: float = 0.5) -> Column:
        """Replace some of the values, or all of them, by `NO_LIMIT`."""
        return np.where(self.flags(len(values), share), values, NO_LIMIT)


def scenario(number: int) -> tuple[Itinerary, list[int]]:
    """Draw a scenario and where to cut it."""
    drawing = Drawing(number)
    chance = drawing.chance
    requests = int(chance.integers(2_000, 6_000) if number >= LARGE else chance.integers(1, 30))
    stations = int(chance.integers(1, 5))
    servers = chance.integers(0, 4, stations)
    most = int(chance.integers(1, 5))
    spread = 1 if number < LARGE else requests // int(chance.integers(1, 5))
    arrival = np.sort(drawing.times(requests, most=6 * spread))
    legs_of = chance.integers(0, 2 * most, requests, endpoint=True)
    request = np.repeat(np.arange(requests), legs_of)
    legs = len(request)
    first = np.repeat(np.cumsum(legs_of) - legs_of, legs_of)
    goes_on = (chance.random(legs) < 0.3) & (np.arange(legs) > first)
    passed = np.cumsum(goes_on)
    stage = passed - passed[first]
    station = chance.integers(0, stations, legs)
    service = drawing.times(legs)
    itinerary = Itinerary(
        arrival,
        servers,
        request,
        stage,
        station,
        np.where(servers[station] == UNLIMITED, service, np.maximum(service, 1)),
    )
    cuts = sorted(set(chance.integers(0, requests, chance.integers(0, 6), endpoint=True).tolist()))
    conditions = _conditions(drawing, itinerary)
    lanes = _lanes(drawing, itinerary, conditions) if drawing.chance.random() < WITH_LANES else None
    itinerary = replace(itinerary, conditions=replace(conditions, lanes=lanes))
    itinerary = itinerary if number % 2 else _with_replicas(drawing, itinerary)
    return (itinerary if number % 5 < _WITHOUT_CALLERS else _with_callers(drawing, itinerary)), cuts


def _with_replicas(drawing: Drawing, plan: Itinerary) -> Itinerary:
    """Let some stations serve in batches."""
    chance, stations = drawing.chance, len(plan.servers)
    slots = chance.choice([0, 1, 2, 3, 8], stations)
    curve = int(slots.sum())
    service = np.where(slots[plan.leg_station] > 0, np.maximum(plan.leg_service_ns, 1), plan.leg_service_ns)

    def speeds() -> Column:
        return FULL_SPEED // chance.integers(1, 9, curve)

    start = int(chance.integers(0, 20 * drawing.unit))
    most = chance.integers(1, 6, stations)
    number = chance.integers(1, most, endpoint=True)
    plans = {
        (int(station), int(at)): int(chance.integers(1, most[station], endpoint=True))
        for station, at in zip(chance.integers(0, stations, 4), drawing.times(4), strict=True)
        if slots[station]
    }
    plan_columns = np.array([(*key, plans[key]) for key in sorted(plans)], dtype=np.int64).reshape(-1, 3).T.copy()
    replicas = Replicas(
        prefill_ns=service * chance.integers(0, 4, plan.legs) // 4,
        lot=chance.integers(0, 2**LOT_BITS, plan.legs),
        slots=slots,
        number=np.where(drawing.flags(stations), number, most),
        most=most,
        startup_ns=drawing.times(stations, most=3),
        every_ns=np.where(drawing.flags(stations), drawing.times(stations, least=1), 0),
        load_ns=np.maximum(drawing.times(stations), 1),
        least=chance.integers(1, number, endpoint=True),
        cooldown_ns=drawing.times(stations),
        plan_station=plan_columns[0],
        plan_at_ns=plan_columns[1],
        plan_replicas=plan_columns[2],
        balance=chance.integers(0, len(Balance), stations),
        prefill_speed=speeds(),
        decode_speed=speeds(),
        beside_speed=speeds(),
        window_ns=np.array([start, start + int(chance.integers(0, 50 * drawing.unit))]),
    )
    return replace(plan, leg_service_ns=service, replicas=replicas)


def _with_callers(drawing: Drawing, plan: Itinerary) -> Itinerary:
    """Let callers do something of their own accord: breakers at some stations, hedges beside some legs."""
    chance, legs, stations = drawing.chance, plan.legs, len(plan.servers)
    callers = Callers(
        lenient=drawing.flags(legs),
        hedges=_hedges(drawing, plan),
        hedge_ns=np.maximum(drawing.times(legs, most=4), 1),
        allowed_fails=drawing.or_never(chance.integers(0, 4, stations)),
        within_ns=chance.integers(1, 6 * drawing.unit, stations),
        cooldown_ns=chance.integers(1, 6 * drawing.unit, stations),
    )
    return replace(plan, callers=callers)


def _hedges(drawing: Drawing, plan: Itinerary) -> Column:
    """Let some legs that are in no chain hedge one above in their stage."""
    assert plan.conditions is not None  # noqa: S101 - every scenario has some
    after, share = plan.conditions.after, drawing.chance.choice([0.0, 0.5, 1.0])
    hedges = np.full(plan.legs, NONE, dtype=np.int64)
    alone = np.flatnonzero((after == NONE) & ~np.isin(np.arange(plan.legs), after))
    stage = plan.leg_request * (int(plan.leg_stage.max(initial=0)) + 1) + plan.leg_stage
    named: set[int] = set()
    for row in alone[drawing.chance.random(len(alone)) < share].tolist():
        above = [other for other in range(max(row - 8, 0), row) if stage[other] == stage[row] and other not in named]
        above = [other for other in above if hedges[other] == NONE]
        if above:
            hedges[row] = above[int(drawing.chance.integers(len(above)))]
            named.add(int(hedges[row]))
    return hedges


def _conditions(drawing: Drawing, plan: Itinerary) -> Conditions:
    """Draw conditions; each kind is there or not."""
    chance, legs, stations = drawing.chance, plan.legs, len(plan.servers)
    limits, outages = int(chance.integers(0, 4)), int(chance.integers(0, 5))
    unit = drawing.unit
    pairs = {
        (int(chance.integers(stations)), int(chance.integers(limits))) for _ in range(6 if limits else 0)
    }  # some are the same
    span = int(plan.arrival_ns[-1]) + 6 * unit
    outage_station = np.sort(chance.integers(0, stations, outages))
    start = chance.integers(0, span, outages) // unit * unit
    order = np.lexsort((start, outage_station))
    return Conditions(
        after=_after(drawing, plan),
        delay_ns=np.where(drawing.flags(legs), drawing.times(legs, most=3), 0),
        heeds=drawing.flags(legs),
        patience_ns=drawing.or_never(np.maximum(drawing.times(legs), 1)),
        timeout_ns=drawing.or_never(np.maximum(drawing.times(legs, most=8), 1)),
        queue_most=drawing.or_never(chance.integers(0, 4, legs)),
        fails=drawing.flags(legs, 0.3),
        tokens=chance.integers(0, 6, legs),
        ends=drawing.flags(legs, 0.2),
        stops=drawing.flags(legs, 0.2),
        cancels=drawing.flags(stations),
        rejects=drawing.flags(stations),
        budget=drawing.or_never(chance.integers(0, 1200, stations)),
        budget_most=chance.integers(0, 4000, stations),
        limit_of_tokens=drawing.flags(limits),
        limit_period_ns=chance.integers(1, 3 * unit, limits),
        limit_per_period=chance.integers(1, 4, limits),
        limit_burst_ns=chance.integers(1, 5 * unit, limits),
        station_limit=np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
        outage_station=outage_station,
        outage_start_ns=start[order],
        outage_end_ns=start[order] + unit * chance.integers(1, 6, outages),
        outage_slowdown=np.where(drawing.flags(outages, 0.8), 0, chance.integers(1000, 3000, outages)),
    )


def _lanes(drawing: Drawing, plan: Itinerary, conditions: Conditions) -> Lanes:
    """Draw up to four lanes for each station, and limits of theirs that the station does not have."""
    chance, stations, limits = drawing.chance, len(plan.servers), len(conditions.limit_burst_ns)
    lanes_of = chance.integers(1, 5, stations)
    first = np.cumsum(lanes_of) - lanes_of
    station = np.repeat(np.arange(stations), lanes_of)
    number, taken = len(station), set(map(tuple, conditions.station_limit.tolist()))
    free = [(lane, n) for lane in range(number) for n in range(limits) if (int(station[lane]), n) not in taken]
    chosen = chance.random(len(free)) < chance.choice([0.0, 0.2, 0.6])
    return Lanes(
        lane=first[plan.leg_station] + chance.integers(0, 1 << 20, plan.legs) % lanes_of[plan.leg_station],
        lane_station=station,
        lane_rank=chance.integers(0, 3, number),
        lane_stride=chance.integers(1, 5, number),
        lane_most=drawing.or_never(chance.integers(0, 6, number)),
        fair=drawing.flags(stations),
        lane_limit=np.array([free[row] for row in np.flatnonzero(chosen)], dtype=np.int64).reshape(-1, 2),
    )


def _after(drawing: Drawing, plan: Itinerary) -> Column:
    """Let some legs follow one above in their stage that nobody follows yet."""
    share = drawing.chance.choice([0.0, 0.5, 0.9, 1.0])
    after = np.full(plan.legs, NONE, dtype=np.int64)
    named: set[int] = set()
    stages = list(zip(plan.leg_request.tolist(), plan.leg_stage.tolist(), strict=True))
    first = 0
    for row, stage in enumerate(stages):
        first = first if stages[first] == stage else row
        above = [other for other in range(first, row) if other not in named]
        if above and drawing.chance.random() < share:
            after[row] = above[int(drawing.chance.integers(len(above)))]
            named.add(int(after[row]))
    return after


def parts_of(itinerary: Itinerary, cuts: list[int]) -> list[Part]:
    """Cut a run with conditions into parts that begin at these request numbers, as `Engine.advance` takes them."""
    conditions = itinerary.conditions
    assert conditions is not None  # noqa: S101 - those without are cut by `systems.parts_of`
    arrival = itinerary.arrival_ns
    parts: list[Part] = []
    for begin, end in pairwise([0, *cuts, itinerary.requests]):
        legs = slice(*np.searchsorted(itinerary.leg_request, [begin, end]))
        columns = {name: getattr(conditions, name)[legs].copy() for name in LEG_COLUMNS}
        columns["after"] = np.where(columns["after"] == NONE, NONE, columns["after"] - legs.start)
        replicas = itinerary.replicas and replace(
            itinerary.replicas, **{name: getattr(itinerary.replicas, name)[legs] for name in OF_LEGS}
        )
        part = Itinerary(
            arrival_ns=arrival[begin:end],
            servers=itinerary.servers,
            leg_request=itinerary.leg_request[legs] - begin,
            leg_stage=itinerary.leg_stage[legs],
            leg_station=itinerary.leg_station[legs],
            leg_service_ns=itinerary.leg_service_ns[legs],
            conditions=replace(conditions, **columns, lanes=_lanes_of(conditions, legs)),
            replicas=replicas,
            callers=None if itinerary.callers is None else itinerary.callers.of(legs),
        )
        parts.append((part, int(arrival[end] if end < itinerary.requests else arrival[-1])))
    return [*parts[:-1], (parts[-1][0], None)]


def _lanes_of(conditions: Conditions, legs: slice) -> Lanes | None:
    lanes = conditions.lanes
    return None if lanes is None else replace(lanes, lane=lanes.lane[legs])


def play_parts(engine: str, parts: list[Part]) -> LegLog:
    """Hand a run over in parts; give the log of the whole."""
    return played(engine, parts)[0]


def played(engine: str, parts: list[Part]) -> tuple[LegLog, list[Usage]]:
    """Hand a run over in parts; give the log of the whole, and what replicas did."""
    player = ENGINES[engine]()
    logs = [log for part, until_ns in parts for log in player.advance(part, until_ns)]
    names = [name for name in LegLog.__slots__ if getattr(logs[0], name) is not None]
    return LegLog(*(np.concatenate([getattr(log, column) for log in logs]) for column in names)), player.usage()


def same(one: LegLog, other: LegLog) -> bool:
    """Say whether two logs are equal on every column, outcomes included."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in LegLog.__slots__)


def differences(numbers: range) -> tuple[int, Column]:
    """Count what differs from the reference engine's log of the whole, over scenarios; and the legs by outcome."""
    wrong = 0
    outcomes = np.zeros(len(LegOutcome), dtype=np.int64)
    for number in numbers:
        itinerary, cuts = scenario(number)
        expected, expected_usage = played("reference", [(itinerary, None)])
        if expected.outcome is not None:
            outcomes += np.bincount(expected.outcome, minlength=len(LegOutcome))
        parts = parts_of(itinerary, cuts)
        found = {
            "compiled, whole": played("compiled", [(itinerary, None)]),
            "compiled, in parts": played("compiled", parts),
            "reference, in parts": played("reference", parts),
        }
        for name, (log, usage) in found.items():
            if not same(log, expected) or usage != expected_usage:
                wrong += 1
                print(f"scenario {number}: {name} differs from the reference engine", file=sys.stderr)
    return wrong, outcomes


def main() -> int:
    """Compare; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=int, default=2_000, help="small ones to play")
    parser.add_argument("--large", type=int, default=20, help="large ones to play")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    wanted = parser.parse_args()
    small = range(wanted.first, wanted.first + wanted.scenarios)
    wrong = 0
    for numbers in (small, range(LARGE, LARGE + wanted.large)):
        differ, outcomes = differences(numbers)
        wrong += differ
        print(f"{len(numbers):,} scenarios: {differ} differences; legs by outcome: {outcomes.tolist()}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
