"""Hand traces of lanes: each clause of `sim.routing.lanes`, with whole logs that were worked out on paper.

A log is written as one (joined, started, ended, outcome) per leg; the same for every engine and the naive twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from naive_conditions import laned
from traces import ABANDONED, DONE, REJECTED, Row, Trace, call, laid_out

from sim.engine import ENGINES
from sim.routing.conditions import NO_LIMIT

A = 0
FIRST, SECOND, THIRD = 0, 1, 2
Leg = tuple[int, int, int]
"""When a request joins station A, how long it is served, and by which lane it goes; what follows are other columns."""


def served(trace: Trace, servers: int, *legs: Any, lanes: dict[str, Any], **shared: Any) -> list[Row]:
    """Play requests of one call each to one station with as many lanes as `lane_rank` says."""
    requests = [(time, [[call(A, service, **(rest[0] if rest else {}))]]) for time, service, _, *rest in legs]
    number = len(next(iter(lanes.values()))) if "fair" not in lanes else len(lanes["lane_stride"])
    bare = laid_out([servers], *requests, **shared)
    lane = [lane for _, _, lane, *_ in legs]
    return trace([servers], *requests, lanes=laned(bare, [A] * number, lane=lane, **lanes), **shared)


def started(log: list[Row]) -> list[int]:
    """Give when each was taken by a server, or gave up."""
    return [row[1] for row in log]


# Priority


def test_the_lowest_rank_goes_first_and_equal_ones_as_they_come(trace: Trace) -> None:
    """If several wait, a server goes to the lowest rank, of equal ones to who came first, and nobody makes way."""
    legs = [(0, 10, SECOND), (1, 5, SECOND), (2, 5, THIRD), (3, 5, FIRST), (4, 5, SECOND), (5, 5, FIRST)]
    log = served(trace, 1, *legs, lanes={"lane_rank": [-1, 3, 3]})
    assert started(log) == [0, 20, 25, 10, 30, 15]


def test_a_server_goes_to_a_waiter_before_the_request_that_freed_it_moves_on(trace: Trace) -> None:
    """If a request's next call has the highest priority, the waiter who was there has the freed server all the same."""
    plan = [(0, [[call(A, 10)], [call(A, 3)]]), (1, [[call(A, 5)]])]
    bare = laid_out([1], *plan)
    log = trace([1], *plan, lanes=laned(bare, [A, A], lane=[1, 0, 1], lane_rank=[0, 1]))
    assert log == [(0, 0, 10, DONE), (10, 15, 18, DONE), (1, 10, 15, DONE)]


def test_who_has_left_is_passed_over(trace: Trace) -> None:
    """If the whole of the first rank has given up, the server goes to the next rank."""
    legs = [(0, 10, SECOND), (1, 5, FIRST, {"patience_ns": 4}), (2, 5, SECOND), (3, 5, FIRST, {"patience_ns": 6})]
    log = served(trace, 1, *legs, lanes={"lane_rank": [0, 1]})
    assert [row[1:] for row in log] == [(0, 10, DONE), (5, 5, ABANDONED), (10, 15, DONE), (9, 9, ABANDONED)]


def test_a_higher_priority_takes_the_turn_at_the_limits(trace: Trace) -> None:
    """If one of higher rank comes to the line at a station's limits, it has the next turn, earlier if it costs less."""
    limits = {"limit_of_tokens": [True], "limit_period_ns": [10], "limit_burst_ns": [40], "station_limit": [(A, 0)]}
    legs = [(0, 1, SECOND, {"tokens": 4}), (1, 1, SECOND, {"tokens": 3}), (5, 1, FIRST, {"tokens": 2})]
    assert started(served(trace, 0, *legs[:2], lanes={"lane_rank": [0, 1]}, **limits)) == [0, 30]
    # 4 cells of 10 are full at 0: 2 of them have room at 20, and then 3 have it at 50.
    assert started(served(trace, 0, *legs, lanes={"lane_rank": [0, 1]}, **limits)) == [0, 50, 20]
    impatient = [*legs[:2], (5, 1, FIRST, {"tokens": 4, "patience_ns": 6})]
    assert started(served(trace, 0, *impatient, lanes={"lane_rank": [0, 1]}, **limits)) == [0, 30, 11]


# Fair queueing


def test_servers_are_shared_by_weight(trace: Trace) -> None:
    """If two lanes with weights two and one have all to do, servers take two legs of one for each of the other."""
    legs = [(0, 10, FIRST) for _ in range(6)] + [(0, 10, SECOND) for _ in range(3)]
    log = served(trace, 1, *legs, lanes={"lane_stride": [1, 2], "fair": [True]})
    # Leads after the first has started: 10 and 0; then 0 and 20 (less 10: 10), ...
    assert started(log) == [0, 20, 30, 50, 60, 80, 10, 40, 70]


def test_long_legs_count_for_more(trace: Trace) -> None:
    """If the legs of one lane take three times as long, it has one for three of the other."""
    legs = [(0, 30, FIRST) for _ in range(3)] + [(0, 10, SECOND) for _ in range(6)]
    log = served(trace, 1, *legs, lanes={"lane_stride": [1, 1], "fair": [True]})
    assert started(log) == [0, 60, 120, 30, 40, 50, 90, 100, 110]


def test_what_is_not_used_is_not_saved_up(trace: Trace) -> None:
    """If a lane comes after a long time, it shares from then on, and does not catch up on what it left to the other."""
    legs = [(0, 10, FIRST) for _ in range(8)] + [(35, 10, SECOND) for _ in range(4)]
    log = served(trace, 1, *legs, lanes={"lane_stride": [1, 1], "fair": [True]})
    # At 30 the fourth of the first lane started, whose lead is 10 then: at 40 the other has none, and goes first.
    assert started(log) == [0, 10, 20, 30, 50, 70, 90, 110, 40, 60, 80, 100]


def test_who_starts_at_once_pays_as_well(trace: Trace) -> None:
    """If a lane was served without waiting, it stands behind one that was not when both wait."""
    legs = [(0, 50, FIRST), (0, 50, SECOND), (1, 10, FIRST), (2, 10, SECOND), (3, 10, THIRD)]
    log = served(trace, 2, *legs, lanes={"lane_stride": [1, 1, 1], "fair": [True]})
    # When the second starts, its lead is 50 and that of the first 50; the third has none. Ties go by lane.
    assert started(log) == [0, 0, 50, 60, 50]


def test_limits_are_shared_by_what_a_leg_takes_from_them(trace: Trace) -> None:
    """If a station's limits queue, lanes share what they let through, however long the calls are served."""
    limits = {"limit_of_tokens": [True], "limit_period_ns": [10], "limit_burst_ns": [20], "station_limit": [(A, 0)]}
    legs = [(0, 1, FIRST, {"tokens": 2}) for _ in range(3)] + [(0, 99, SECOND, {"tokens": 1}) for _ in range(4)]
    log = served(trace, 0, *legs, lanes={"lane_stride": [1, 1], "fair": [True]}, **limits)
    # The first takes both cells. Then cells come every 10: two legs of the second lane for each of the first.
    assert started(log) == [0, 40, 80, 10, 20, 50, 60]


# Limits and queues of a lane


def test_a_lane_waits_at_its_own_limits_and_holds_nobody_up(trace: Trace) -> None:
    """If a lane has a limit of its own, its legs wait for that in their order, and others go past them."""
    limits = {"limit_period_ns": [10], "limit_burst_ns": [10]}
    legs = [(0, 5, SECOND), (1, 5, SECOND), (2, 5, SECOND), (3, 5, FIRST), (30, 5, SECOND)]
    log = served(trace, 0, *legs, lanes={"lane_rank": [0, 0], "lane_limit": [(SECOND, 0)]}, **limits)
    assert started(log) == [0, 10, 20, 3, 30]


def test_behind_its_own_limits_a_lane_comes_to_those_of_the_station(trace: Trace) -> None:
    """If both have limits, a leg takes from its lane's first, and then stands in the station's line."""
    limits = {
        "limit_period_ns": [10, 7],
        "limit_burst_ns": [10, 7],
        "station_limit": [(A, 1)],
        "limit_per_period": [1] * 2,
    }
    legs = [(0, 5, SECOND), (1, 5, SECOND), (8, 5, FIRST), (9, 5, FIRST)]
    log = served(trace, 0, *legs, lanes={"lane_rank": [0, 0], "lane_limit": [(SECOND, 0)]}, **limits)
    # The station lets one through every 7: at 0, 8, 15 and 22. The second leg comes there at 10, behind the fourth.
    assert started(log) == [0, 22, 8, 15]


def test_a_rejection_says_when_all_limits_have_room(trace: Trace) -> None:
    """If a station rejects, a leg takes from all limits or none, and is told of the longest wait."""
    limits = {
        "limit_period_ns": [30, 7],
        "limit_burst_ns": [30, 7],
        "limit_per_period": [1] * 2,
        "station_limit": [(A, 1)],
    }
    retry = {"after": 0, "heeds": True}
    plan = [(0, [[call(A, 2)]]), (3, [[call(A, 2), call(A, 2, **retry)]]), (8, [[call(A, 2)]])]
    bare = laid_out([0], *plan)
    lanes = laned(bare, [A, A], lane=[1, 1, 1, 0], lane_limit=[(1, 0)])
    log = trace([0], *plan, lanes=lanes, rejects=[True], **limits)
    assert log == [(0, 0, 2, DONE), (3, 3, 3, REJECTED), (30, 30, 32, DONE), (8, 8, 10, DONE)]


def test_a_lane_has_a_bounded_queue(trace: Trace) -> None:
    """If as many of a lane wait as may, the next of it is rejected, while others may wait."""
    legs = [(0, 10, SECOND), (1, 10, SECOND), (2, 10, SECOND), (3, 10, FIRST), (11, 10, SECOND)]
    log = served(trace, 1, *legs, lanes={"lane_rank": [0, 0], "lane_most": [NO_LIMIT, 1]})
    assert [row[1:] for row in log] == [(0, 10, DONE), (10, 20, DONE), (2, 2, REJECTED), (20, 30, DONE), (30, 40, DONE)]


def test_who_gives_up_in_the_line_of_a_lane_leaves_room(trace: Trace) -> None:
    """If the head of a lane's line gives up, the next is looked at; its place is free for who comes."""
    limits = {"limit_of_tokens": [True], "limit_period_ns": [10], "limit_burst_ns": [40]}
    legs = [
        (0, 1, FIRST, {"tokens": 4}),
        (1, 1, FIRST, {"tokens": 4, "patience_ns": 9}),
        (2, 1, FIRST, {"tokens": 1}),
        (3, 1, FIRST, {"tokens": 1}),
        (10, 1, FIRST, {"tokens": 1}),
    ]
    lanes = {"lane_rank": [0, 0], "lane_limit": [(FIRST, 0)], "lane_most": [2, 2]}
    log = served(trace, 0, *legs, lanes=lanes, **limits)
    assert [row[1:] for row in log] == [
        (0, 1, DONE),
        (10, 10, ABANDONED),
        (10, 11, DONE),
        (3, 3, REJECTED),
        (20, 21, DONE),
    ]


# Hand-over


@pytest.mark.parametrize("engine", ENGINES)
def test_later_itineraries_have_the_same_lanes(engine: str) -> None:
    """If a later itinerary has other lanes, it is refused."""
    player = ENGINES[engine]()
    plans = [(0, [[call(A, 5)]])], [(9, [[call(A, 5)]])]
    one, other = (
        laid_out([1], *plan, lanes=laned(laid_out([1], *plan), [A, A], lane_rank=ranks))
        for plan, ranks in zip(plans, ([0, 1], [1, 0]), strict=True)
    )
    player.advance(one, 9)
    with pytest.raises(ValueError, match="not those of the itineraries before"):
        player.advance(other, None)
    assert np.array_equal(one.servers, other.servers)
