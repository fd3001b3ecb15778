"""Laws that every engine keeps exactly, as integers, on itineraries that hypothesis draws.

Half of the itineraries have tied times on purpose: most mistakes in the order of events show only there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Stages, itinerary_of
from numpy.typing import NDArray

from sim.engine import ENGINES, LegLog
from sim.engine import play as play_on
from sim.routing.itinerary import UNLIMITED, Itinerary

Requests = list[tuple[int, Stages]]

TIED = st.sampled_from([0, 10, 20, 30, 40, 50])
FREE = st.integers(0, 10**6)

Play = Callable[[Itinerary], LegLog]

on_every_engine = pytest.mark.parametrize(
    "play", [pytest.param(partial(play_on, engine=name), id=name) for name in ENGINES]
)
examples = settings(max_examples=100, deadline=None, derandomize=True)


@st.composite
def requests_on(draw: st.DrawFn, stations: st.SearchStrategy[int], *, most_stages: int = 3) -> Requests:
    """Draw up to 12 requests with up to `most_stages` stages of one to three parallel legs; half of them tied."""
    times = draw(st.sampled_from([TIED, FREE]))
    stage = st.lists(st.tuples(stations, times), min_size=1, max_size=3)
    drawn = draw(st.lists(st.tuples(times, st.lists(stage, max_size=most_stages)), max_size=12))
    return sorted(drawn, key=lambda request: request[0])


def lasting(servers: list[int], requests: Requests, least: int = 10) -> Itinerary:
    """Build an itinerary whose legs hold a server for some time, as the contract says; others may take none."""
    plan = itinerary_of(servers, requests)
    held = plan.servers[plan.leg_station] != UNLIMITED
    return replace(plan, leg_service_ns=np.where(held, np.maximum(plan.leg_service_ns, least), plan.leg_service_ns))


@st.composite
def plans(draw: st.DrawFn) -> Itinerary:
    """Draw an itinerary over one to four stations with zero (unlimited) to four servers."""
    servers = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    return lasting(servers, draw(requests_on(st.integers(0, len(servers) - 1))))


@st.composite
def feed_forward_plans(draw: st.DrawFn) -> Itinerary:
    """Draw an itinerary whose stage s uses the stations 2s and 2s + 1 only; all service times are positive."""
    servers = draw(st.lists(st.integers(0, 4), min_size=6, max_size=6))
    plan = itinerary_of(servers, draw(requests_on(st.integers(0, 1))))
    station = plan.leg_station + 2 * plan.leg_stage
    return replace(plan, leg_station=station, leg_service_ns=np.maximum(plan.leg_service_ns, 10))


@st.composite
def one_station_plans(draw: st.DrawFn) -> Itinerary:
    """Draw an itinerary of one-stage requests at one station with one to four servers."""
    return lasting([draw(st.integers(1, 4))], draw(requests_on(st.just(0), most_stages=1)))


def columns(log: LegLog) -> list[list[int]]:
    """Give the log as plain lists, which compare exactly and print well."""
    return [log.joined_ns.tolist(), log.started_ns.tolist(), log.ended_ns.tolist()]


def present(since: NDArray[np.int64], until: NDArray[np.int64], instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count those with since <= instant < until, at each instant."""
    return np.sum((since[:, None] <= instants) & (instants < until[:, None]), axis=0, dtype=np.int64)


def station_views(plan: Itinerary, log: LegLog) -> list[tuple[int, LegLog, NDArray[np.int64]]]:
    """Give, for each station, its servers, its part of the log and the instants at which anything happens there."""
    views = []
    for station, servers in enumerate(plan.servers.tolist()):
        here = plan.leg_station == station
        part = LegLog(log.joined_ns[here], log.started_ns[here], log.ended_ns[here])
        views.append((servers, part, np.unique(np.concatenate(columns(part)).astype(np.int64))))
    return views


@on_every_engine
@given(plan=plans())
@settings(examples, max_examples=300)
def test_agrees_with_the_event_loop(play: Play, plan: Itinerary) -> None:
    """If a plain event loop plays the itinerary, it gives the same log on every column."""
    assert columns(play(plan)) == columns(naive.play(plan))


@on_every_engine
@given(plan=feed_forward_plans())
@settings(examples, max_examples=200)
def test_agrees_with_the_waiting_time_recursion(play: Play, plan: Itinerary) -> None:
    """If the itinerary is feed-forward, the Kiefer-Wolfowitz recursion gives the same log without any events."""
    assert columns(play(plan)) == columns(naive.play_layers(plan))


@on_every_engine
@given(plan=plans())
@examples
def test_every_leg_takes_its_service_time_after_its_wait(play: Play, plan: Itinerary) -> None:
    """If a leg was played, it started no earlier than it joined and held its server for exactly its service time."""
    log = play(plan)
    assert np.all(log.started_ns >= log.joined_ns)
    assert np.array_equal(log.ended_ns - log.started_ns, plan.leg_service_ns)


@on_every_engine
@given(plan=plans())
@examples
def test_a_stage_joins_when_the_one_before_has_ended(play: Play, plan: Itinerary) -> None:
    """If a leg is of stage 0 it joins at the arrival, else at the latest end of the stage before."""
    log = play(plan)
    for leg, (request, stage) in enumerate(zip(plan.leg_request, plan.leg_stage, strict=True)):
        before = (plan.leg_request == request) & (plan.leg_stage == stage - 1)
        expected = log.ended_ns[before].max() if stage else plan.arrival_ns[request]
        assert log.joined_ns[leg] == expected


@on_every_engine
@given(plan=plans())
@examples
def test_what_joins_is_waiting_in_service_or_gone(play: Play, plan: Itinerary) -> None:
    """If one looks at any instant, joined = waiting + in service + ended, and nobody is left at the end."""
    for _, log, instants in station_views(plan, play(plan)):
        joined, ended = (np.sum(times[:, None] <= instants, axis=0) for times in (log.joined_ns, log.ended_ns))
        waiting, serving = (
            present(log.joined_ns, log.started_ns, instants),
            present(log.started_ns, log.ended_ns, instants),
        )
        assert np.array_equal(joined, waiting + serving + ended)
        assert np.array_equal(joined[-1:], ended[-1:])


@on_every_engine
@given(plan=plans())
@examples
def test_little_and_busy_time_hold_as_integers(play: Play, plan: Itinerary) -> None:
    """If one integrates the number present over time, it is the sum of sojourns; for the busy servers, of services."""
    for _, log, instants in station_views(plan, play(plan)):
        steps = np.diff(instants, append=instants[-1:])
        inside, busy = (present(since, log.ended_ns, instants) for since in (log.joined_ns, log.started_ns))
        assert np.sum(inside * steps) == np.sum(log.ended_ns - log.joined_ns)
        assert np.sum(busy * steps) == np.sum(log.ended_ns - log.started_ns)


@on_every_engine
@given(plan=plans())
@examples
def test_servers_are_neither_exceeded_nor_idle_while_somebody_waits(play: Play, plan: Itinerary) -> None:
    """If a station has c servers, at most c are busy, and all c are whenever somebody waits."""
    for servers, log, instants in station_views(plan, play(plan)):
        waiting, busy = (
            present(log.joined_ns, log.started_ns, instants),
            present(log.started_ns, log.ended_ns, instants),
        )
        if servers == UNLIMITED:
            assert not waiting.any()
        else:
            assert np.all(busy <= servers)
            assert np.all(busy[waiting > 0] == servers)


@on_every_engine
@given(plan=plans())
@examples
def test_first_come_first_served(play: Play, plan: Itinerary) -> None:
    """If a leg joins a station before another, it does not start after it."""
    for _, log, _ in station_views(plan, play(plan)):
        earlier = log.joined_ns[:, None] < log.joined_ns
        assert not np.any(earlier & (log.started_ns[:, None] > log.started_ns))


@on_every_engine
@given(plan=plans(), factor=st.integers(1, 1000), shift=st.integers(0, 10**9))
@examples
def test_scaling_and_shifting_time(play: Play, plan: Itinerary, factor: int, shift: int) -> None:
    """If all times are multiplied by k and arrivals shifted by d, so is the log."""
    moved = replace(plan, arrival_ns=plan.arrival_ns * factor + shift, leg_service_ns=plan.leg_service_ns * factor)
    expected = [[time * factor + shift for time in column] for column in columns(play(plan))]
    assert columns(play(moved)) == expected


@on_every_engine
@given(plan=plans(), data=st.data())
@examples
def test_names_of_stations_do_not_matter(play: Play, plan: Itinerary, data: st.DataObject) -> None:
    """If stations are numbered otherwise, the log is the same."""
    new_number = np.array(data.draw(st.permutations(range(len(plan.servers)))), dtype=np.int64)
    relabelled = replace(plan, servers=plan.servers[np.argsort(new_number)], leg_station=new_number[plan.leg_station])
    assert columns(play(relabelled)) == columns(play(plan))


def appended(plan: Itinerary, later: Itinerary, since_ns: int) -> Itinerary:
    """Let the requests of `later` arrive too, from `since_ns` on; both use the stations of `plan`."""
    names = ("leg_stage", "leg_service_ns")
    merged = {name: np.concatenate((getattr(plan, name), getattr(later, name))) for name in names}
    merged["leg_service_ns"] = np.maximum(merged["leg_service_ns"], 1)
    return Itinerary(
        arrival_ns=np.concatenate((plan.arrival_ns, later.arrival_ns + since_ns)),
        servers=plan.servers,
        leg_request=np.concatenate((plan.leg_request, later.leg_request + plan.requests)),
        leg_station=np.concatenate((plan.leg_station, later.leg_station % len(plan.servers))),
        **merged,
    )


@on_every_engine
@given(plan=plans(), later=plans(), since_ns=TIED)
@examples
def test_the_past_does_not_know_the_future(play: Play, plan: Itinerary, later: Itinerary, since_ns: int) -> None:
    """If requests are appended that arrive from T on, whatever happened before T happened at the same times."""
    since_ns += int(plan.arrival_ns.max(initial=0))
    plan = replace(plan, leg_service_ns=np.maximum(plan.leg_service_ns, 1))
    alone, together = play(plan), play(appended(plan, later, since_ns))
    for before, after in zip(columns(alone), columns(together), strict=True):
        kept = after[: plan.legs]
        assert [min(time, since_ns) for time in kept] == [min(time, since_ns) for time in before]


@on_every_engine
@given(plan=one_station_plans(), later=one_station_plans(), since_ns=TIED)
@examples
def test_later_requests_delay_nobody(play: Play, plan: Itinerary, later: Itinerary, since_ns: int) -> None:
    """If requests of one stage share a station, those appended at the end leave the log of the others unchanged."""
    # With more stages this holds only for what is past: an escalation may queue behind a later arrival.
    together = play(appended(plan, later, since_ns + int(plan.arrival_ns.max(initial=0))))
    assert [column[: plan.legs] for column in columns(together)] == columns(play(plan))


@on_every_engine
@given(plan=one_station_plans(), data=st.data())
@examples
def test_more_servers_or_shorter_service_delay_nobody(play: Play, plan: Itinerary, data: st.DataObject) -> None:
    """If a single station gets one more server, or one leg gets shorter, no leg starts later."""
    started = play(plan).started_ns
    assert np.all(play(replace(plan, servers=plan.servers + 1)).started_ns <= started)
    less = np.array([data.draw(st.integers(1, service)) for service in plan.leg_service_ns.tolist()], dtype=np.int64)
    assert np.all(play(replace(plan, leg_service_ns=less)).started_ns <= started)


@on_every_engine
@given(plan=plans(), servers=st.sampled_from([UNLIMITED, 10**6]))
@examples
def test_with_servers_for_all_nobody_waits(play: Play, plan: Itinerary, servers: int) -> None:
    """If every station is unlimited, or has a million servers, each leg's sojourn is its service time."""
    plan = replace(plan, servers=np.full_like(plan.servers, servers), leg_service_ns=np.maximum(plan.leg_service_ns, 1))
    log = play(plan)
    assert np.array_equal(log.ended_ns - log.joined_ns, plan.leg_service_ns)


@on_every_engine
@given(plan=one_station_plans())
@examples
def test_all_at_one_instant_on_one_server_add_up(play: Play, plan: Itinerary) -> None:
    """If all arrive at one instant at one server, each ends at the running sum of the services."""
    crowd = replace(plan, arrival_ns=np.zeros_like(plan.arrival_ns), servers=np.ones_like(plan.servers))
    assert np.array_equal(play(crowd).ended_ns, np.cumsum(plan.leg_service_ns))


@on_every_engine
@given(
    first=st.tuples(st.lists(st.integers(0, 4), min_size=2, max_size=2), requests_on(st.integers(0, 1))),
    second=st.tuples(st.lists(st.integers(0, 4), min_size=2, max_size=2), requests_on(st.integers(0, 1))),
)
@examples
def test_systems_without_a_shared_station_do_not_disturb_each_other(
    play: Play, first: tuple[list[int], Requests], second: tuple[list[int], Requests]
) -> None:
    """If two systems are merged that share no station, each has the log it has alone."""
    moved: Requests = [
        (arrival, [[(station + 2, service) for station, service in stage] for stage in stages])
        for arrival, stages in second[1]
    ]
    tagged = sorted(
        [(False, request) for request in first[1]] + [(True, request) for request in moved], key=lambda t: t[1][0]
    )
    merged = lasting(first[0] + second[0], [request for _, request in tagged])
    is_second = np.array([tag for tag, _ in tagged], dtype=bool)[merged.leg_request]
    log = play(merged)
    for servers, requests, mine in ((*first, ~is_second), (*second, is_second)):
        alone = columns(play(lasting(servers, requests)))
        assert [log.joined_ns[mine].tolist(), log.started_ns[mine].tolist(), log.ended_ns[mine].tolist()] == alone


@given(plan=plans(), data=st.data())
@settings(examples, max_examples=600)
def test_however_a_run_is_cut_every_engine_gives_the_same_log(plan: Itinerary, data: st.DataObject) -> None:
    """If a run is handed over whole or in any parts, on either engine, no column differs in a nanosecond."""
    whole = columns(play_on(plan))
    cuts = sorted(data.draw(st.sets(st.integers(0, plan.requests), max_size=4)))
    for name in ENGINES:
        logs = naive.play_in_parts(ENGINES[name](), plan, cuts)
        assert len(logs) == len(cuts) + 1
        assert [np.concatenate(parts).tolist() for parts in zip(*map(columns, logs), strict=True)] == whole
