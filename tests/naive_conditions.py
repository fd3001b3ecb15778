"""A slow twin of the engines for itineraries with conditions: plain lists and dictionaries, clause by clause."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, replace
from typing import Any

import numpy as np
from naive_replicas import Batches

from sim.engine import LegLog
from sim.routing.callers import LEG_COLUMNS as CALLER_COLUMNS
from sim.routing.callers import callers_of, plain_callers
from sim.routing.conditions import LEG_COLUMNS, NO_LIMIT, NONE, Conditions, LegOutcome
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.routing.lanes import Lanes, lanes_of


def conditional(itinerary: Itinerary, **columns: Any) -> Itinerary:
    """Put conditions on an itinerary: these columns, and for the others what stands in nobody's way."""
    legs, stations = itinerary.legs, len(itinerary.servers)
    limits, outages = len(columns.get("limit_burst_ns", [])), len(columns.get("outage_station", []))
    values: dict[str, Any] = {
        "after": [NONE] * legs,
        "delay_ns": [0] * legs,
        "heeds": [False] * legs,
        "patience_ns": [NO_LIMIT] * legs,
        "timeout_ns": [NO_LIMIT] * legs,
        "queue_most": [NO_LIMIT] * legs,
        "fails": [False] * legs,
        "tokens": [0] * legs,
        "ends": [False] * legs,
        "stops": [False] * legs,
        "cancels": [False] * stations,
        "rejects": [False] * stations,
        "budget": [NO_LIMIT] * stations,
        "budget_most": [0] * stations,
        "limit_of_tokens": [False] * limits,
        "limit_period_ns": [1] * limits,
        "limit_per_period": [1] * limits,
        "limit_burst_ns": [1] * limits,
        "station_limit": [],
        "outage_station": [],
        "outage_start_ns": [],
        "outage_end_ns": [],
        "outage_slowdown": [0] * outages,
    } | columns
    lanes = values.pop("lanes", None)
    truth = {"heeds", "fails", "ends", "stops", "cancels", "rejects", "limit_of_tokens"}
    arrays = {name: np.array(value, dtype=bool if name in truth else np.int64) for name, value in values.items()}
    arrays["station_limit"] = arrays["station_limit"].reshape(-1, 2)
    return replace(itinerary, conditions=Conditions(**arrays, lanes=lanes))


def laned(itinerary: Itinerary, lane_station: list[int], **columns: Any) -> Lanes:
    """Make lanes: these columns; for the others, the first lane of a leg's station, and what makes all alike."""
    numbers = len(lane_station)
    values = {
        "lane": np.searchsorted(lane_station, itinerary.leg_station),
        "lane_rank": [0] * numbers,
        "lane_stride": [1] * numbers,
        "lane_most": [NO_LIMIT] * numbers,
        "fair": [False] * len(itinerary.servers),
        "lane_limit": [],
    } | columns
    arrays = {name: np.array(value, dtype=bool if name == "fair" else np.int64) for name, value in values.items()}
    arrays["lane_limit"] = arrays["lane_limit"].reshape(-1, 2)
    return Lanes(lane_station=np.array(lane_station, dtype=np.int64), **arrays)


def with_callers(itinerary: Itinerary, **columns: Any) -> Itinerary:
    """Put callers on an itinerary: these columns, of stations as a whole, of legs by row; others do nothing."""
    callers = plain_callers(itinerary.legs, len(itinerary.servers))
    for name, values in columns.items():
        for place, value in values.items() if isinstance(values, dict) else enumerate(values):
            getattr(callers, name)[place] = value
    return replace(itinerary, callers=callers)


_SERVED = {LegOutcome.DONE, LegOutcome.FAILED, LegOutcome.TIMED_OUT, LegOutcome.CANCELLED}
_COMPLETE, _STEP, _GIVE_UP, _JOIN, _TURN, _SCALE, _ARRIVE = range(7)
"""What happens, in the order in which it does at one instant."""


class ConditionedLoop:
    """Plays an itinerary with conditions, clause by clause of `sim.routing.conditions` and `sim.routing.lanes`.

    The events are one list of (time, kind, number of the leg, station or request), sorted anew before each is taken.
    None is ever taken back: one that comes too late finds its leg elsewhere, and nothing happens.
    """

    def __init__(self, itinerary: Itinerary) -> None:
        conditions = itinerary.conditions
        assert conditions is not None
        self.callers = callers_of(itinerary)
        self.failed: dict[int, list[int]] = defaultdict(list)
        self.opened: dict[int, int] = {}
        self.leg = {
            leg: {name: getattr(conditions, name)[leg].item() for name in LEG_COLUMNS}
            | {name: getattr(self.callers, name)[leg].item() for name in CALLER_COLUMNS}
            | {"request": request, "stage": stage, "station": station, "service": service}
            for leg, (request, stage, station, service) in enumerate(
                zip(
                    itinerary.leg_request.tolist(),
                    itinerary.leg_stage.tolist(),
                    itinerary.leg_station.tolist(),
                    itinerary.leg_service_ns.tolist(),
                    strict=True,
                )
            )
        }
        self.next = {columns["after"]: leg for leg, columns in self.leg.items() if columns["after"] != NONE}
        names = [field.name for field in fields(conditions) if field.name != "lanes"]
        self.column = {name: getattr(conditions, name).tolist() for name in names}
        lanes = lanes_of(itinerary)
        self.column |= {field.name: getattr(lanes, field.name).tolist() for field in fields(lanes)}
        self.servers = itinerary.servers.tolist()
        # A place with limits and a line before it: that of a station has its number, that of a lane one behind these.
        self.limits_of: dict[int, list[int]] = defaultdict(list)
        for station, limit in self.column["station_limit"]:
            self.limits_of[station].append(limit)
        for lane, limit in self.column["lane_limit"]:
            self.limits_of[len(self.servers) + lane].append(limit)
        self.leads: dict[Any, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.full: dict[int, int] = {}
        self.balance = dict(enumerate(self.column["budget_most"]))
        self.line: dict[int, list[int]] = defaultdict(list)
        self.queue: dict[int, list[int]] = defaultdict(list)
        self.serving: dict[int, list[int]] = defaultdict(list)
        self.log = {leg: [-1, -1, -1, LegOutcome.NOT_TRIED] for leg in self.leg}
        self.batches = Batches(itinerary)
        self.not_over = itinerary.requests
        self.unseen: set[int] = set()  # legs whose clients hung up before the first token
        self.open_chains: dict[int, int] = {}
        self.answers: dict[int, list[int]] = {}
        self.hedge = {columns["hedges"]: leg for leg, columns in self.leg.items() if columns["hedges"] != NONE}
        self.events = [(time, _ARRIVE, request) for request, time in enumerate(itinerary.arrival_ns.tolist())]

    def play(self) -> LegLog:
        """Take the smallest event until none is left."""
        happens = {
            _COMPLETE: self.complete,
            _GIVE_UP: self.give_up,
            _JOIN: self.join_late,
            _TURN: self.turn,
            _ARRIVE: self.arrive,
        }
        while self.events or self.batches.next_step():
            self.events.sort()
            step, decision = self.batches.next_step(), self.batches.next_decision()
            first = self.events[0] if self.events else (10**30, 0)
            if step is not None and (step[0], _STEP) < first:
                first = (step[0], _STEP)
            if self.not_over and decision is not None and (decision[0], _SCALE) < first:
                self.batches.work_until(decision[0])
                self.batches.decide(*decision)
                continue
            if step is not None and first == (step[0], _STEP):
                self.batches.work_until(step[0])
                self.step(*step)
                continue
            now, kind, number = self.events.pop(0)
            self.batches.work_until(now)
            happens[kind](now, number)
        joined, started, ended, outcome = np.array(list(self.log.values()), dtype=np.int64).reshape(-1, 4).T.copy()
        log = LegLog(joined, started, ended, outcome.astype(np.int8))
        return log if self.batches.is_empty else replace(log, **self.batch_columns())

    def batch_columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """Give when each leg had its first token, if somebody was there to see it, and the replica it was served by."""
        first, replica = [], []
        for leg, (*_, outcome) in self.log.items():
            served = outcome in _SERVED and leg in self.batches.where
            first.append(self.batches.first.get(leg, -1) if served and leg not in self.unseen else -1)
            replica.append(self.batches.where[leg][1] if served else -1)
        return {"first_ns": np.array(first, dtype=np.int64), "replica": np.array(replica, dtype=np.int64)}

    def step(self, now: int, at: tuple[int, int]) -> None:
        """End a phase at a replica: the slot goes to the next waiter, then the client, if still there, moves on."""
        leg = self.batches.step(at)
        if leg is not None:
            self.fill(now, at)
            if self.log[leg][3] == LegOutcome.NOT_TRIED:
                self.over(now, leg, LegOutcome.FAILED if self.leg[leg]["fails"] else LegOutcome.DONE)

    def fill(self, now: int, at: tuple[int, int]) -> None:
        """Start those who wait for a slot, each the next, while there are free ones."""
        while self.batches.waiting[at] and self.batches.has_room(at):
            leg = self.next_of(self.batches.waiting[at], at[0], at)
            self.batches.waiting[at].remove(leg)
            self.pay(leg, at, self.leg[leg]["service"])
            self.log[leg][1] = now
            alone = (self.batches.prefill[leg], self.leg[leg]["service"])
            self.batches.enter(at, leg, *(self.lasting(now, at[0], time) for time in alone))
        self.batches.let_go(at)

    def arrive(self, now: int, request: int) -> None:
        """Begin with the first stage."""
        self.begin(now, request, 0)

    def begin(self, now: int, request: int, stage: int) -> None:
        """Let the first leg of each chain of a stage join; beyond the last stage nothing happens."""
        members = [
            leg
            for leg, c in self.leg.items()
            if (c["request"], c["stage"], c["after"], c["hedges"]) == (request, stage, NONE, NONE)
        ]
        self.not_over -= not members
        self.open_chains[request] = len(members)
        self.answers[request] = []
        for leg in members:
            self.join(now, leg)

    def is_under_way(self, leg: int) -> bool:
        """Say whether a leg has joined and not ended."""
        return self.log[leg][0] != -1 and self.log[leg][3] == LegOutcome.NOT_TRIED

    def join_late(self, now: int, leg: int) -> None:
        """Let a leg join after its delay; a hedge only if the leg that it hedges has not ended."""
        if self.leg[leg]["hedges"] == NONE or self.is_under_way(self.leg[leg]["hedges"]):
            self.join(now, leg)

    def join(self, now: int, leg: int) -> None:
        """Let a leg join, and its hedge later."""
        self.follow_rules(now, leg)
        if leg in self.hedge and self.is_under_way(leg):
            self.events.append((now + self.leg[self.hedge[leg]]["hedge_ns"], _JOIN, self.hedge[leg]))

    def follow_rules(self, now: int, leg: int) -> None:
        """Follow the rules of joining, 1 to 5."""
        columns, station = self.leg[leg], self.leg[leg]["station"]
        self.log[leg][0] = now
        if self.is_open(now, station):
            self.over(now, leg, LegOutcome.SKIPPED)
            return
        if not self.is_granted(leg):
            self.over(now, leg, LegOutcome.DENIED)
            return
        if 0 in self.slowdowns(now, station):
            self.over(now, leg, LegOutcome.FAILED)
            return
        own = len(self.servers) + self.column["lane"][leg]
        room_at = max(self.room_at(now, leg, own), self.room_at(now, leg, station))
        may_pass = not self.line[own] and not self.line[station] and room_at == now
        may_start = may_pass and self.has_free_server(station, leg)
        if not may_start and not self.may_wait(leg):
            self.over(now, leg, LegOutcome.REJECTED)
            return
        if not may_pass and self.column["rejects"][station]:
            self.over(now, leg, LegOutcome.REJECTED, room_at - now)
            return
        for allowed in (columns["patience_ns"], columns["timeout_ns"]):
            if allowed != NO_LIMIT:
                self.events.append((now + allowed, _GIVE_UP, leg))
        self.come(now, leg, own)

    def may_wait(self, leg: int) -> bool:
        """Say whether neither the station nor the lane of a leg has as many who wait as it may have."""
        station, lane = self.leg[leg]["station"], self.column["lane"][leg]
        own = len(self.servers) + lane
        of_lane = len(self.line[own])
        at_replicas = [other for at, waiting in self.batches.waiting.items() if at[0] == station for other in waiting]
        behind_limits = self.queue[station] + at_replicas
        of_lane += sum(self.column["lane"][other] == lane for other in self.line[station] + behind_limits)
        lanes = [number for number, where in enumerate(self.column["lane_station"]) if where == station]
        waiting = len(self.line[station]) + len(behind_limits)
        waiting += sum(len(self.line[len(self.servers) + number]) for number in lanes)
        return waiting < self.leg[leg]["queue_most"] and of_lane < self.column["lane_most"][lane]

    def is_open(self, now: int, station: int) -> bool:
        """Say whether the breaker of a station is open."""
        return station in self.opened and now < self.opened[station] + self.callers.cooldown_ns[station]

    def note_failure(self, now: int, leg: int, outcome: LegOutcome) -> None:
        """Count a failure, and open the breaker if more than are allowed lie in the time that they are counted in."""
        station = self.leg[leg]["station"]
        counts = outcome in {LegOutcome.FAILED, LegOutcome.TIMED_OUT, LegOutcome.ABANDONED} or (
            outcome == LegOutcome.REJECTED and not self.leg[leg]["lenient"]
        )
        if not counts or self.is_open(now, station):
            return
        self.failed[station].append(now)
        recent = [time for time in self.failed[station] if time > now - self.callers.within_ns[station]]
        if len(recent) > self.callers.allowed_fails[station]:
            self.opened[station] = now
            self.failed[station] = []

    def is_granted(self, leg: int) -> bool:
        """Let a leg pay for its retry, or a first leg add to the balance; say whether that could be paid."""
        station, after = self.leg[leg]["station"], self.leg[leg]["after"]
        budget = self.column["budget"][station]
        if budget == NO_LIMIT:
            return True
        if self.leg[leg]["hedges"] != NONE:
            return True
        if after == NONE:
            self.balance[station] = min(self.balance[station] + budget, self.column["budget_most"][station])
        elif self.leg[after]["station"] == station:
            if self.balance[station] < 1000:
                return False
            self.balance[station] -= 1000
        return True

    def slowdowns(self, now: int, station: int) -> list[int]:
        """Give the slowdowns of the outages that an instant lies in; the start does, the end does not."""
        names = ("outage_station", "outage_start_ns", "outage_end_ns", "outage_slowdown")
        rows = zip(*(self.column[name] for name in names), strict=True)
        return [slowdown for where, start, end, slowdown in rows if where == station and start <= now < end]

    def has_free_server(self, station: int, leg: int) -> bool:
        """Say whether a server of the station, or the replica that the leg would be sent to, could take it."""
        if self.batches.slots[station]:
            return self.batches.has_room(self.batches.pick(station, leg))
        return self.servers[station] == UNLIMITED or len(self.serving[station]) < self.servers[station]

    def cost(self, leg: int, limit: int) -> int:
        """Give what a leg takes from a limit."""
        number = self.leg[leg]["tokens"] if self.column["limit_of_tokens"][limit] else 1
        whole, rest = divmod(number * self.column["limit_period_ns"][limit], self.column["limit_per_period"][limit])
        return min(whole + (rest > 0), self.column["limit_burst_ns"][limit])

    def room_at(self, now: int, leg: int, place: int) -> int:
        """Give the first instant, now or later, at which all limits of a place have room if nobody else comes."""
        limits = [limit for limit in self.limits_of[place] if limit in self.full]
        return max([now, *(self.full[n] + self.cost(leg, n) - self.column["limit_burst_ns"][n] for n in limits)])

    def next_of(self, waiting: list[int], station: int, kind: Any) -> int:
        """Give who is next of those who wait in a station's line or queue, in the order in which they came there."""
        lane, leads = self.column["lane"], self.leads[kind]
        if self.column["fair"][station]:
            return min(waiting, key=lambda leg: (leads[lane[leg]], lane[leg]))
        return min(waiting, key=lambda leg: self.column["lane_rank"][lane[leg]])

    def pay(self, leg: int, kind: Any, cost: int) -> None:
        """Let virtual time go on to where the leg's lane is, and the lane be ahead of it by what it is given."""
        lane, leads = self.column["lane"][leg], self.leads[kind]
        gone = leads[lane]
        for other, station in enumerate(self.column["lane_station"]):
            if station == self.leg[leg]["station"]:
                leads[other] = max(0, leads[other] - gone)
        leads[lane] = cost * self.column["lane_stride"][lane]

    def head(self, place: int) -> int | None:
        """Give who is next in a line, if anybody waits there."""
        line = self.line[place]
        if not line or place >= len(self.servers):
            return line[0] if line else None
        return self.next_of(line, place, "line")

    def come(self, now: int, leg: int, place: int) -> None:
        """Let a leg pass some limits at once, or wait before them."""
        if not self.line[place] and self.room_at(now, leg, place) == now:
            self.go_through(now, leg, place)
            return
        self.line[place].append(leg)
        if self.head(place) == leg:
            self.look(now, place)

    def look(self, now: int, place: int) -> None:
        """Find when the head of the line will have its turn."""
        head = self.head(place)
        if head is not None:
            self.events.append((self.room_at(now, head, place), _TURN, place))

    def turn(self, now: int, place: int) -> None:
        """Let the head of the line pass if all limits have room, and look again."""
        head = self.head(place)
        if head is not None and self.room_at(now, head, place) == now:
            self.line[place].remove(head)
            self.go_through(now, head, place)
        self.look(now, place)

    def go_through(self, now: int, leg: int, place: int) -> None:
        """Take from the limits; then come to those of the station, or behind these take a server or wait for one."""
        for limit in self.limits_of[place]:
            self.full[limit] = max(self.full.get(limit, now), now) + self.cost(leg, limit)
        station = self.leg[leg]["station"]
        if place != station:
            self.come(now, leg, station)
            return
        self.pay(leg, "line", max([0, *(self.cost(leg, limit) for limit in self.limits_of[place])]))
        if self.batches.slots[station]:
            self.fill(now, self.batches.send(station, leg))
            return
        self.queue[station].append(leg)
        self.serve(now, station)

    def serve(self, now: int, station: int) -> None:
        """Start those who wait, each the next, while servers are free."""
        while self.queue[station] and self.has_free_server(station, self.queue[station][0]):
            leg = self.next_of(self.queue[station], station, "queue")
            self.queue[station].remove(leg)
            self.pay(leg, "queue", self.leg[leg]["service"])
            self.serving[station].append(leg)
            self.log[leg][1] = now
            self.events.append((now + self.lasting(now, station, self.leg[leg]["service"]), _COMPLETE, leg))

    def lasting(self, now: int, station: int, time: int) -> int:
        """Give how long something takes that begins now."""
        slow = [slowdown for slowdown in self.slowdowns(now, station) if slowdown]
        return time * slow[-1] // 1000 if slow else time

    def complete(self, now: int, leg: int) -> None:
        """Free the server, unless that has been done; then the client, if still there, moves on."""
        station = self.leg[leg]["station"]
        if leg in self.serving[station]:
            self.serving[station].remove(leg)
            self.serve(now, station)
            if self.log[leg][3] == LegOutcome.NOT_TRIED:
                self.over(now, leg, LegOutcome.FAILED if self.leg[leg]["fails"] else LegOutcome.DONE)

    def give_up(self, now: int, leg: int) -> None:
        """Let one who waits leave; let the client of one in service leave if it is the timeout that has come."""
        timeout = self.leg[leg]["timeout_ns"]
        if self.log[leg][3] != LegOutcome.NOT_TRIED:
            return
        if self.leaves(now, leg):
            self.over(now, leg, LegOutcome.ABANDONED)
        elif timeout != NO_LIMIT and now == self.log[leg][0] + timeout:
            self.hang_up(now, leg)
            self.over(now, leg, LegOutcome.TIMED_OUT)

    def leaves(self, now: int, leg: int) -> bool:
        """Let a leg leave where it waits; say whether it did wait."""
        station = self.leg[leg]["station"]
        waits = [self.line[station], self.line[len(self.servers) + self.column["lane"][leg]], self.queue[station]]
        waits += [self.batches.waiting[self.batches.where[leg]]] if leg in self.batches.where else []
        places = [place for place, legs in enumerate(waits) if leg in legs]
        for place in places:
            waits[place].remove(leg)
        if places == [0]:
            self.look(now, station)
        elif places == [1]:
            self.look(now, len(self.servers) + self.column["lane"][leg])
        return bool(places)

    def hang_up(self, now: int, leg: int) -> None:
        """Let the client of a leg in service go."""
        if leg not in self.batches.first:
            self.unseen.add(leg)
        if self.column["cancels"][self.leg[leg]["station"]]:
            self.free(now, self.leg[leg]["station"], leg)

    def cancel(self, now: int, leg: int) -> None:
        """Give up a leg whose rival was done first."""
        if self.leaves(now, leg):
            self.log[leg][1:] = [now, now, LegOutcome.WITHDRAWN]
        else:
            self.log[leg][2:] = [now, LegOutcome.CANCELLED]
            self.hang_up(now, leg)

    def free(self, now: int, station: int, leg: int) -> None:
        """Take a leg out of its server, or out of its slot."""
        if self.batches.slots[station]:
            at = self.batches.where[leg]
            self.batches.inside[at] = [one for one in self.batches.inside[at] if one.leg != leg]
            self.fill(now, at)
        else:
            self.serving[station].remove(leg)
            self.serve(now, station)

    def following(self, leg: int, outcome: LegOutcome) -> int | None:
        """Give the next leg of a chain; where one was skipped, the next at another station."""
        following = self.next.get(leg)
        if outcome == LegOutcome.SKIPPED:
            while following is not None and self.leg[following]["station"] == self.leg[leg]["station"]:
                following = self.next.get(following)
        return following

    def over(self, now: int, leg: int, outcome: LegOutcome, wait: int = 0) -> None:
        """Note what became of a leg, and move on: along its chain, to the next stage, or not at all."""
        self.log[leg][2:] = [now, outcome]
        if self.log[leg][1] == -1:
            self.log[leg][1] = now
        self.note_failure(now, leg, outcome)
        rival = self.hedge.get(leg, self.leg[leg]["hedges"])
        if rival != NONE and self.is_under_way(rival):
            if outcome != LegOutcome.DONE:
                return
            self.cancel(now, rival)
        request = self.leg[leg]["request"]
        stopped = outcome == LegOutcome.REJECTED and self.leg[leg]["stops"]
        hedged = self.leg[leg]["hedges"]
        following = self.following(leg if hedged == NONE else hedged, outcome)
        if outcome != LegOutcome.DONE and following is not None and not stopped:
            delay = self.leg[following]["delay_ns"]
            if self.leg[following]["heeds"]:
                delay = max(delay, wait)
            if delay:
                self.events.append((now + delay, _JOIN, following))
            else:
                self.join(now, following)
            return
        if outcome == LegOutcome.DONE:
            self.answers[request].append(leg)
        self.open_chains[request] -= 1
        answers = self.answers[request]
        if self.open_chains[request] == 0:
            if answers and not any(self.leg[answer]["ends"] for answer in answers):
                self.begin(now, request, self.leg[leg]["stage"] + 1)
            else:
                self.not_over -= 1
