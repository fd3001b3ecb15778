"""Hand traces: small itineraries whose whole log fits a screen and was worked out on paper; the same for every engine.

A log is written as one (joined, started, ended) per leg.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from naive import Stages, itinerary_of

from sim.engine import ENGINES, Engine, LegLog, order
from sim.engine import play as play_on
from sim.routing.itinerary import UNLIMITED, Itinerary

A, B, C = 0, 1, 2


Play = Callable[[Itinerary], LegLog]


@pytest.fixture(params=sorted(ENGINES))
def play(request: pytest.FixtureRequest) -> Play:
    """Each engine in turn."""
    return partial(play_on, engine=request.param)


def trace(play: Play, servers: list[int], *requests: tuple[int, Stages]) -> list[tuple[int, int, int]]:
    """Play requests and give the log as rows."""
    log = play(itinerary_of(servers, list(requests)))
    return list(zip(log.joined_ns.tolist(), log.started_ns.tolist(), log.ended_ns.tolist(), strict=True))


def test_one_server_serves_in_order_of_arrival(play: Play) -> None:
    """If the server is busy, those who wait are served first come first served."""
    log = trace(play, [1], (0, [[(A, 10)]]), (1, [[(A, 5)]]), (2, [[(A, 1)]]))
    assert log == [(0, 0, 10), (1, 10, 15), (2, 15, 16)]


def test_two_servers_work_side_by_side(play: Play) -> None:
    """If one of two servers is free, a request starts at once; the third waits for the first who ends."""
    log = trace(play, [2], (0, [[(A, 10)]]), (1, [[(A, 4)]]), (2, [[(A, 4)]]))
    assert log == [(0, 0, 10), (1, 1, 5), (2, 5, 9)]


def test_a_server_is_freed_once(play: Play) -> None:
    """If a server has gone to the next waiter, somebody who arrives later does not find it free as well."""
    log = trace(play, [1], (0, [[(A, 10)]]), (1, [[(A, 10)]]), (12, [[(A, 10)]]))
    assert log == [(0, 0, 10), (1, 10, 20), (12, 20, 30)]


def test_a_server_that_was_idle_can_be_taken_again(play: Play) -> None:
    """If nobody waits when a leg ends, its server is free for the next arrival, and only for one."""
    log = trace(play, [1], (0, [[(A, 3)]]), (7, [[(A, 3)]]), (8, [[(A, 3)]]))
    assert log == [(0, 0, 3), (7, 7, 10), (8, 10, 13)]


def test_an_unlimited_station_has_no_queue(play: Play) -> None:
    """If a station is unlimited, everybody starts on joining."""
    log = trace(play, [UNLIMITED], *[(time, [[(A, 10)]]) for time in (0, 0, 1, 1)])
    assert log == [(0, 0, 10), (0, 0, 10), (1, 1, 11), (1, 1, 11)]


def test_completion_comes_before_an_arrival_of_the_same_instant(play: Play) -> None:
    """If an escalation and a new request reach station B at the same instant, the escalation is first."""
    log = trace(play, [1, 1], (0, [[(A, 10)], [(B, 5)]]), (10, [[(B, 7)]]))
    assert log == [(0, 0, 10), (10, 10, 15), (10, 15, 22)]


def test_an_arrival_at_the_instant_of_a_completion_finds_the_server_free(play: Play) -> None:
    """If the only server ends at the instant of an arrival, the arrival does not wait."""
    log = trace(play, [1], (0, [[(A, 10)]]), (10, [[(A, 2)]]))
    assert log == [(0, 0, 10), (10, 10, 12)]


def test_a_freed_server_goes_to_the_waiter_first(play: Play) -> None:
    """If a request comes back to the station it has just left, it queues behind those who already wait."""
    log = trace(play, [1], (0, [[(A, 10)], [(A, 5)]]), (3, [[(A, 4)]]))
    assert log == [(0, 0, 10), (10, 14, 19), (3, 10, 14)]


def test_tied_completions_are_taken_in_order_of_their_rows(play: Play) -> None:
    """If two legs end together, the one of the earlier request moves on first, though it was scheduled later."""
    log = trace(play, [1, 1, 1], (0, [[(A, 4)], [(A, 6)], [(C, 2)]]), (0, [[(B, 10)], [(C, 2)]]))
    assert log == [(0, 0, 4), (4, 4, 10), (10, 10, 12), (0, 0, 10), (10, 12, 14)]


def test_tied_arrivals_are_taken_in_order_of_their_numbers(play: Play) -> None:
    """If requests arrive together, they join in order of their numbers."""
    log = trace(play, [1], (5, [[(A, 3)]]), (5, [[(A, 2)]]), (5, [[(A, 1)]]))
    assert log == [(5, 5, 8), (5, 8, 10), (5, 10, 11)]


def test_a_stage_waits_for_its_slowest_leg(play: Play) -> None:
    """If two legs run in parallel, the judge starts when the slower has ended, whichever of them that is."""
    log = trace(play, [1, 1, 1], (0, [[(A, 3), (B, 9)], [(C, 1)]]), (20, [[(A, 9), (B, 3)], [(C, 1)]]))
    assert log == [(0, 0, 3), (0, 0, 9), (9, 9, 10), (20, 20, 29), (20, 20, 23), (29, 29, 30)]


def test_legs_that_end_together_let_their_request_move_on_once(play: Play) -> None:
    """If both legs of a stage end at the same instant, the next stage joins once, ahead of a tied arrival."""
    log = trace(play, [1, 1, 1], (0, [[(A, 10), (B, 10)], [(C, 4)]]), (10, [[(C, 4)]]))
    assert log == [(0, 0, 10), (0, 0, 10), (10, 10, 14), (10, 14, 18)]


def test_a_request_moves_on_at_the_event_that_ends_its_last_leg(play: Play) -> None:
    """If stages of two requests end at one instant, the one whose last completion ranks lower moves on first."""
    # At 10 row 1 ends stage 0 of request 0, whose row 0 ended long ago, and row 3 ends stage 0 of request 1.
    log = trace(play, [0, 0, 1], (0, [[(A, 2), (B, 10)], [(C, 5)]]), (2, [[(A, 8)], [(C, 5)]]))
    assert log == [(0, 0, 2), (0, 0, 10), (10, 10, 15), (2, 2, 10), (10, 15, 20)]


def test_legs_of_a_stage_join_in_their_order(play: Play) -> None:
    """If two legs of one stage share a server, the first of them is served first."""
    log = trace(play, [1], (0, [[(A, 3), (A, 4)], [(A, 1)]]))
    assert log == [(0, 0, 3), (0, 3, 7), (7, 7, 8)]


def test_a_leg_without_length_ends_at_once_and_before_tied_arrivals(play: Play) -> None:
    """If a leg takes no time, its request has moved on before a request that arrives at the same instant."""
    log = trace(play, [UNLIMITED, 1], (5, [[(A, 0)], [(B, 3)]]), (5, [[(B, 3)]]), (5, [[(A, 0)]]))
    assert log == [(5, 5, 5), (5, 5, 8), (5, 8, 11), (5, 5, 5)]


def test_a_server_cannot_be_held_for_no_time(play: Play) -> None:
    """If a leg at a station with servers takes no time, the itinerary is refused."""
    with pytest.raises(ValueError, match="holds a server for no time"):
        trace(play, [1], (0, [[(A, 0)]]))


def test_a_request_without_legs_leaves_no_trace(play: Play) -> None:
    """If a request has no legs, the others are played as if it were absent."""
    log = trace(play, [1], (0, []), (1, [[(A, 2)]]), (1, []), (2, [[(A, 2)]]), (9, []))
    assert log == [(1, 1, 3), (2, 3, 5)]


def test_no_requests(play: Play) -> None:
    """If there are no requests, the log is empty."""
    assert trace(play, [1]) == []
    assert trace(play, []) == []


def test_the_clock_keeps_single_nanoseconds_at_any_date(play: Play) -> None:
    """If times are beyond 2**53, where floats lose odd numbers, the log is still exact."""
    late = 2**62 + 1
    assert trace(play, [1], (late, [[(A, 1)]]), (late, [[(A, 2)]])) == [
        (late, late, late + 1),
        (late, late + 1, late + 3),
    ]


def test_time_may_begin_before_zero(play: Play) -> None:
    """If requests arrive at negative times, as early as 64 bits go, they are played like any others."""
    early = -(2**63)
    assert trace(play, [1], (early, [[(A, 10)]]), (early, [[(A, 3)]]), (2**63 - 5, [[(A, 4)]])) == [
        (early, early, early + 10),
        (early, early + 10, early + 13),
        (2**63 - 5, 2**63 - 5, 2**63 - 1),
    ]


def test_a_time_beyond_64_bits_is_refused(play: Play) -> None:
    """If a leg would end after the clock's last nanosecond, the engine says so instead of wrapping around."""
    with pytest.raises(ValueError, match=r".+"):
        trace(play, [1], (2**63 - 10, [[(A, 10)]]))


def test_a_broken_itinerary_is_refused(play: Play) -> None:
    """If arrivals are not sorted, however far they go back, or servers are fewer than none, the engine refuses them."""
    with pytest.raises(ValueError, match="sorted"):
        trace(play, [1], (5, [[(A, 1)]]), (4, [[(A, 1)]]))
    with pytest.raises(ValueError, match="sorted"):
        trace(play, [1], (2**63 - 1, []), (-(2**63), []))
    with pytest.raises(ValueError, match="number of servers"):
        trace(play, [-1])


def test_the_input_is_left_alone(play: Play) -> None:
    """If an engine has played an itinerary, the columns are as before and a second play gives the same log."""
    plan = itinerary_of([1, 0], [(0, [[(A, 3), (B, 4)], [(A, 1)]]), (1, [[(A, 2)]])])
    columns = [
        getattr(plan, name)
        for name in Itinerary.__dataclass_fields__
        if name not in {"conditions", "replicas", "callers"}
    ]
    for column in columns:
        column.setflags(write=False)
    first, second = play(plan), play(plan)
    times = ("joined_ns", "started_ns", "ended_ns")
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in times)
    assert first.outcome is None
    assert first.joined_ns.dtype == first.started_ns.dtype == first.ended_ns.dtype == np.int64


def test_columns_may_be_slices_of_a_table(play: Play) -> None:
    """If the columns are strided views, they are read as well as contiguous ones."""
    plan = itinerary_of([1], [(0, [[(A, 3)], [(A, 1)]]), (1, [[(A, 2)]])])
    table = np.stack((plan.leg_request, plan.leg_stage, plan.leg_station, plan.leg_service_ns), axis=1)
    assert np.array_equal(play(replace(plan, leg_service_ns=table[:, 3], leg_stage=table[:, 1])).ended_ns, [3, 6, 5])


def test_the_reference_engine_forgets_what_has_ended() -> None:
    """If a long run never has a long queue, memory holds the log, 16 bytes of index per request and little else."""
    number, play = 10_000, partial(play_on, engine="reference")
    plan = itinerary_of([1], [(10 * request, [[(A, 9)]]) for request in range(number)])
    play(itinerary_of([1], [(0, [[(A, 1)]])]))  # imports what it needs
    tracemalloc.start()
    play(plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < number * (3 * 8 + 16) + 100_000


def test_ranks_are_one_total_order() -> None:
    """If events fall together, their kinds have an order, and within each kind their legs, stations or requests do."""
    kinds = (order.completion, order.giving_up, order.joining, order.turn, order.arrival)
    ranks = [rank(number) for rank in kinds for number in (0, 1, 2, 2**59)]
    assert ranks == sorted(set(ranks))
    assert order.FIRST == ranks[0] > 1


def test_naming_the_engines_loads_no_engine() -> None:
    """If only the names of the engines are wanted, neither SimPy nor numba is imported."""
    code = (
        "import sys, sim.engine; assert list(sim.engine.ENGINES); sys.exit(bool({'simpy', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_loop_knows_the_order_of_events() -> None:
    """If ranks change, the constants frozen into the compiled loop change with them."""
    kernel = pytest.importorskip("sim.engine.kernel", reason="needs numba")
    assert order.completion(0) == kernel.FIRST_RANK
    assert order.arrival(0) == kernel.FIRST_ARRIVAL


def parts(*times: int) -> list[Itinerary]:
    """Give one itinerary of one request per arrival time, all at a single server for ten nanoseconds."""
    return [itinerary_of([1], [(time, [[(A, 10)]])]) for time in times]


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Give a fresh engine of each kind in turn."""
    return ENGINES[request.param]()


def test_a_part_comes_back_when_its_last_leg_is_known(engine: Engine) -> None:
    """If a run is handed over in parts, each log is returned once, in order, and the queue goes on between them."""
    first, second, third = parts(0, 3, 30)
    logs = [*engine.advance(first, 3), *engine.advance(second, 30), *engine.advance(third, None)]
    assert [(log.joined_ns[0], log.started_ns[0], log.ended_ns[0]) for log in logs] == [
        (0, 0, 10),
        (3, 10, 20),
        (30, 30, 40),
    ]


def test_an_arrival_at_the_cut_waits_for_those_who_tie_with_it(engine: Engine) -> None:
    """If the last request of a part arrives at the very cut, a completion that ties with it is still first."""
    first = itinerary_of([1, 1], [(0, [[(A, 10)], [(B, 5)]]), (10, [[(B, 7)]])])
    second = itinerary_of([1, 1], [(10, [[(B, 1)]])])
    logs = [*engine.advance(first, 10), *engine.advance(second, None)]
    assert [log.started_ns.tolist() for log in logs] == [[0, 10, 15], [22]]


def test_a_part_that_does_not_follow_is_refused(engine: Engine) -> None:
    """If arrivals go back, go beyond the cut, or the servers change, the engine says so."""
    early, late = parts(5, 9)
    with pytest.raises(ValueError, match="after the time up to which"):
        engine.advance(late, 7)
    engine.advance(early, 8)
    with pytest.raises(ValueError, match="not sorted"):
        engine.advance(early, None)
    with pytest.raises(ValueError, match="servers are not those"):
        engine.advance(itinerary_of([2], []), None)


def test_heaps_grow_as_needed(engine: Engine) -> None:
    """If more requests are under way than there was room for at first, none is lost."""
    number = 500
    plan = itinerary_of([1000, 1], [(0, [[(A, 1000 + request)], [(B, 2)]]) for request in range(number)])
    logs = [*engine.advance(plan, 1), *engine.advance(itinerary_of([1000, 1], []), None)]
    assert logs[0].ended_ns[1::2].tolist() == [1002 + 2 * request for request in range(number)]


def test_many_may_arrive_at_the_cut(engine: Engine) -> None:
    """If more requests arrive at the very cut than there is room for at first, they join in order once it is passed."""
    number = 500
    first = itinerary_of([1], [(5, [[(A, 1)]] if request % 2 else []) for request in range(number)])
    second = itinerary_of([1], [(5, [[(A, 1)]])])
    logs = [*engine.advance(first, 5), *engine.advance(second, None)]
    assert np.concatenate([log.ended_ns for log in logs]).tolist() == [6 + leg for leg in range(number // 2 + 1)]


def test_a_slow_request_holds_back_the_logs_of_later_parts(engine: Engine) -> None:
    """If a request of the first part goes on after many parts, all logs come back with its end, complete, in order."""
    slow = itinerary_of([0, 1], [(0, [[(A, 1000)], [(B, 7)]])])
    later = [itinerary_of([0, 1], [(10 * part, [[(A, 15)], [(B, 1)]])]) for part in range(1, 40)]
    assert engine.advance(slow, 10) == []
    assert [engine.advance(part, 10 * number) for number, part in enumerate(later, start=2)] == [[]] * len(later)
    logs = engine.advance(itinerary_of([0, 1], [(2000, [])]), None)
    assert [log.ended_ns.tolist() for log in logs] == [
        [1000, 1007],
        *([10 * part + 15, 10 * part + 16] for part in range(1, 40)),
        [],
    ]
