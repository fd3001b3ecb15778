"""Slow twins of fast or clever code, written another way on purpose, to be compared with exactly."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import pairwise

import numpy as np
from naive_conditions import ConditionedLoop
from naive_replicas import replicas_of

from sim.engine import Engine, LegLog
from sim.routing.conditions import LEG_COLUMNS, NONE, Conditions
from sim.routing.itinerary import UNLIMITED, Itinerary

_COMPLETION, _ARRIVAL = 0, 1

Stages = list[list[tuple[int, int]]]
"""What one request does: stages of legs, each leg a (station, service time in ns)."""


def itinerary_of(servers: list[int], requests: list[tuple[int, Stages]]) -> Itinerary:
    """Build the columns from what a person would write: per request its arrival time and its stages of legs."""
    legs = [
        (number, stage, station, service)
        for number, (_, stages) in enumerate(requests)
        for stage, members in enumerate(stages)
        for station, service in members
    ]
    columns = np.array(legs, dtype=np.int64).reshape(-1, 4).T.copy()
    arrivals = np.array([arrival for arrival, _ in requests], dtype=np.int64)
    return Itinerary(arrivals, np.array(servers, dtype=np.int64), *columns)


class EventLoop:
    """Plays an itinerary with one heap of (time, kind, request, leg) and lists for queues.

    Unlike the reference engine it has no processes: every arrival is in the heap from the start, a stage is a counter
    of legs still open, and a station is the list of those in service plus the list of those waiting.
    """

    def __init__(self, itinerary: Itinerary) -> None:
        self.plan: list[list[list[int]]] = [[] for _ in range(itinerary.requests)]
        for leg, (request, stage) in enumerate(zip(itinerary.leg_request, itinerary.leg_stage, strict=True)):
            stages = self.plan[request]
            if stage == len(stages):
                stages.append([])
            stages[stage].append(leg)
        self.request = itinerary.leg_request.tolist()
        self.stage = itinerary.leg_stage.tolist()
        self.station = itinerary.leg_station.tolist()
        self.service = itinerary.leg_service_ns.tolist()
        self.servers = itinerary.servers.tolist()
        self.waiting: list[list[int]] = [[] for _ in self.servers]
        self.serving: list[list[int]] = [[] for _ in self.servers]
        self.open = [[len(stage) for stage in stages] for stages in self.plan]
        self.heap = [(time, _ARRIVAL, request, -1) for request, time in enumerate(itinerary.arrival_ns.tolist())]
        self.joined, self.started, self.ended = ([0] * itinerary.legs for _ in range(3))

    def play(self) -> LegLog:
        """Take the smallest event until none is left."""
        heapq.heapify(self.heap)
        while self.heap:
            time, kind, request, leg = heapq.heappop(self.heap)
            if kind == _ARRIVAL:
                self.enter(time, request, 0)
            else:
                self.complete(time, request, leg)
        return LegLog(*(np.array(column, dtype=np.int64) for column in (self.joined, self.started, self.ended)))

    def enter(self, time: int, request: int, stage: int) -> None:
        """Let all legs of a stage join their stations; beyond the last stage nothing happens."""
        for leg in self.plan[request][stage] if stage < len(self.plan[request]) else []:
            self.joined[leg] = time
            self.waiting[self.station[leg]].append(leg)
            self.admit(time, self.station[leg])

    def admit(self, time: int, station: int) -> None:
        """Start those who wait, first come first served, while servers are free."""
        waiting, serving, servers = self.waiting[station], self.serving[station], self.servers[station]
        while waiting and (servers == UNLIMITED or len(serving) < servers):
            leg = waiting.pop(0)
            serving.append(leg)
            self.started[leg] = time
            heapq.heappush(self.heap, (time + self.service[leg], _COMPLETION, self.request[leg], leg))

    def complete(self, time: int, request: int, leg: int) -> None:
        """Free the server, let the next waiter start, and only then move the request on."""
        self.ended[leg] = time
        self.serving[self.station[leg]].remove(leg)
        self.admit(time, self.station[leg])
        self.open[request][self.stage[leg]] -= 1
        if self.open[request][self.stage[leg]] == 0:
            self.enter(time, request, self.stage[leg] + 1)


def play_in_parts(engine: Engine, itinerary: Itinerary, cuts: list[int]) -> list[LegLog]:
    """Hand an itinerary over in parts that begin at these request numbers; give the log of each part."""
    edges = [0, *cuts, itinerary.requests]
    logs: list[LegLog] = []
    for number, (begin, end) in enumerate(pairwise(edges)):
        legs = slice(*np.searchsorted(itinerary.leg_request, [begin, end]))
        part = replace(
            itinerary,
            arrival_ns=itinerary.arrival_ns[begin:end],
            leg_request=itinerary.leg_request[legs] - begin,
            leg_stage=itinerary.leg_stage[legs],
            leg_station=itinerary.leg_station[legs],
            leg_service_ns=itinerary.leg_service_ns[legs],
            conditions=conditions_of(itinerary, legs),
            replicas=replicas_of(itinerary, legs),
            callers=None if itinerary.callers is None else itinerary.callers.of(legs),
        )
        beyond = itinerary.arrival_ns[end:].tolist() or itinerary.arrival_ns[-1:].tolist() or [0]
        logs += engine.advance(part, None if number == len(cuts) else beyond[0])
    return logs


def conditions_of(itinerary: Itinerary, legs: slice) -> Conditions | None:
    """Give the conditions of some legs, all those of some requests."""
    conditions = itinerary.conditions
    if conditions is None:
        return None
    columns = {name: getattr(conditions, name)[legs] for name in LEG_COLUMNS}
    columns["after"] = np.where(columns["after"] == NONE, NONE, columns["after"] - legs.start)
    lanes = conditions.lanes
    if lanes is not None:
        lanes = replace(lanes, lane=lanes.lane[legs])
    return replace(conditions, **columns, lanes=lanes)


def play(itinerary: Itinerary) -> LegLog:
    """Play an itinerary event by event."""
    return EventLoop(itinerary).play() if itinerary.conditions is None else ConditionedLoop(itinerary).play()


def play_layers(itinerary: Itinerary) -> LegLog:
    """Play an itinerary without events: the waiting-time recursion of Kiefer & Wolfowitz (1955), stage by stage.

    Valid when every station serves one stage number only (a feed-forward chain) and service times are positive: then
    who joins a station, when and in which order is known once the stages before are done. Those who join at one
    instant do so in the order of the completions that let them move on, and before those who have just arrived.
    """
    joined, started, ended = (np.zeros(itinerary.legs, dtype=np.int64) for _ in range(3))
    moves = {request: (int(time), _ARRIVAL, request) for request, time in enumerate(itinerary.arrival_ns)}
    for stage in range(int(itinerary.leg_stage.max(initial=-1)) + 1):
        rows = np.flatnonzero(itinerary.leg_stage == stage).tolist()
        queue = sorted(rows, key=lambda leg: (moves[int(itinerary.leg_request[leg])], leg))
        free_at = [[0] * int(servers) for servers in itinerary.servers]
        for leg in queue:
            joined[leg] = moves[int(itinerary.leg_request[leg])][0]
            station = itinerary.leg_station[leg]
            limited = itinerary.servers[station] != UNLIMITED
            started[leg] = max(int(joined[leg]), heapq.heappop(free_at[station])) if limited else joined[leg]
            ended[leg] = started[leg] + itinerary.leg_service_ns[leg]
            if limited:
                heapq.heappush(free_at[station], int(ended[leg]))
        for leg in rows:  # the last completion of the stage lets its request move on
            request = int(itinerary.leg_request[leg])
            done = (int(ended[leg]), _COMPLETION, leg)
            fresh = moves[request][1] == _ARRIVAL or itinerary.leg_stage[moves[request][2]] < stage
            moves[request] = done if fresh else max(moves[request], done)
    return LegLog(joined, started, ended)
