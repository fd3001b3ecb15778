"""The requests of one itinerary in the reference engine, under the conditions of `sim.routing.conditions`."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from simpy import Environment, Event, Interrupt, Process

from sim.engine import order
from sim.engine.batches import Stay
from sim.engine.clusters import Cluster
from sim.engine.desks import Desk
from sim.engine.endpoints import Endpoint, Refusal
from sim.engine.gates import Visit
from sim.engine.log import LegLog
from sim.engine.requests import Arrivals
from sim.engine.stations import Due
from sim.routing.callers import callers_of
from sim.routing.conditions import NO_LIMIT, NONE, Conditions, LegOutcome
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import lanes_of

_NOT_TRIED = -1


class Clients(Arrivals):
    """One itinerary with conditions in play: one process per request, and one per chain of tries."""

    def __init__(
        self,
        env: Environment,
        stations: tuple[Sequence[Endpoint], Sequence[Desk]],
        itinerary: Itinerary,
        conditions: Conditions,
        first: tuple[int, int],
    ) -> None:
        super().__init__(env, itinerary, first)
        times = [np.full(itinerary.legs, _NOT_TRIED, dtype=np.int64) for _ in range(3)]
        batched = [] if itinerary.replicas is None else [times[0].copy(), times[0].copy()]
        self.log = LegLog(times[0], times[1], times[2], np.zeros(itinerary.legs, dtype=np.int8), *batched)
        self._joined, self._started, self._ended, self._outcome = (
            column.data for column in (*times, self.log.outcome) if column is not None
        )
        self._endpoints, self._desks = stations
        later = np.flatnonzero(conditions.after != NONE)
        following = np.full(itinerary.legs, NONE, dtype=np.int64)
        following[conditions.after[later]] = later
        self._next = following.data
        self._after = conditions.after.data
        self._delay = conditions.delay_ns.data
        self._heeds = conditions.heeds.data
        self._patience = conditions.patience_ns.data
        self._timeout = conditions.timeout_ns.data
        self._queue_most = conditions.queue_most.data
        self._fails = conditions.fails.data
        self._tokens = conditions.tokens.data
        self._lane = lanes_of(itinerary).lane.data
        self._ends = conditions.ends.data
        self._stops = conditions.stops.data
        self._replicas = itinerary.replicas
        callers = callers_of(itinerary)
        self._lenient = callers.lenient.data
        self._hedges = callers.hedges.data
        self._hedge_ns = callers.hedge_ns.data
        hedges = np.flatnonzero(callers.hedges != NONE)
        hedge = np.full(itinerary.legs, NONE, dtype=np.int64)
        hedge[callers.hedges[hedges]] = hedges
        self._hedge = hedge.data

    def request(self, number: int) -> Generator[Event, None, None]:
        """Play one request: the chains of a stage begin together; the next stage waits for them all."""
        row, end = self._first[number], self._first[number + 1]
        while row < end:
            stage = self._stage[row]
            chains, done = [], list[int]()
            while row < end and self._stage[row] == stage:
                if self._after[row] == self._hedges[row] == NONE:
                    chains.append(self._env.process(self.chain(row, done)))
                row += 1
            yield from chains
            if not done or any(self._ends[leg] for leg in done):
                break
        self.to_come -= 1

    def chain(self, row: int, done: list[int]) -> Generator[Event, None, None]:
        """Try one leg of a chain after the other, from `row` on, until one was done; add that one's row to `done`."""
        while True:
            last, wait_ns = yield from self._tried(row)
            if self._outcome[last] == LegOutcome.DONE:
                done.append(last)
                return
            if self._outcome[last] == LegOutcome.REJECTED and self._stops[last]:
                return
            row = self._onward(row)
            if row == NONE:
                return
            delay_ns = max(self._delay[row], wait_ns) if self._heeds[row] else self._delay[row]
            if delay_ns:
                yield self._due(delay_ns, order.joining(self._first_leg + row))

    def _tried(self, row: int) -> Generator[Event, None, tuple[int, int]]:
        """Try one leg, and its hedge if it takes long; give the one that decides, and what `attempt` gives.

        Where the hedge is done first, it interrupts the leg, and the other way round.
        """
        hedge, chain = self._hedge[row], self._env.active_process
        if hedge == NONE or chain is None:
            return row, (yield from self.attempt(row))
        rival = self._env.process(self._hedging(row, hedge, chain))
        wait_ns = yield from self.attempt(row)
        if self._outcome[row] == LegOutcome.CANCELLED or self._outcome[row] == LegOutcome.WITHDRAWN:
            return hedge, 0
        if self._is_under_way(hedge):
            if self._outcome[row] != LegOutcome.DONE:
                yield rival
                return hedge, int(rival.value or 0)
            rival.interrupt()
        return row, wait_ns

    def _hedging(self, row: int, hedge: int, chain: Process) -> Generator[Event, None, int]:
        """Try a hedge if its time comes; give what `attempt` gives."""
        wait_ns = 0
        if self._is_under_way(row):
            yield self._due(self._hedge_ns[hedge], order.joining(self._first_leg + hedge))
        if self._is_under_way(row):
            wait_ns = yield from self.attempt(hedge)
        if self._outcome[hedge] == LegOutcome.DONE and self._is_under_way(row):
            chain.interrupt()
        return wait_ns

    def _is_under_way(self, row: int) -> bool:
        """Say whether a leg has joined and not ended."""
        return self._joined[row] != _NOT_TRIED and self._outcome[row] == LegOutcome.NOT_TRIED

    def _onward(self, row: int) -> int:
        """Give the next leg of a chain; where one was skipped, the next at another station."""
        station, following = self._station[row], self._next[row]
        while self._outcome[row] == LegOutcome.SKIPPED and following != NONE and self._station[following] == station:
            following = self._next[following]
        return following

    def attempt(self, row: int) -> Generator[Event, None, int]:
        """Try one leg: join, wait for a server, be served. Give in how many ns the limits it met will have room."""
        endpoint = self._endpoints[self._station[row]]
        joined_ns = self._joined[row] = int(self._env.now)
        visit = self._visit(row)
        refusal = self._ask(row) or endpoint.join(visit)
        if refusal is not None:
            self._over(row, refusal.outcome, served=False)
            return refusal.wait_ns
        given_up = not visit.triggered and (yield from self._wait(row, visit))
        if not visit.triggered:
            endpoint.leave(visit)
            self._over(row, LegOutcome.WITHDRAWN if given_up else LegOutcome.ABANDONED, served=False)
        elif isinstance(endpoint, Cluster) and isinstance(visit, Stay):
            yield from self._be_in_a_batch(row, endpoint, visit, given_up=given_up)
        else:
            yield from self._be_served(row, endpoint, joined_ns, given_up=given_up)
        return 0

    def _visit(self, row: int) -> Visit:
        """Give the leg as its station sees it."""
        way, replicas = (self._lane[row], self._tokens[row], self._queue_most[row], self._service[row]), self._replicas
        if replicas is None or not replicas.slots[self._station[row]]:
            return Visit(self._env, *way)
        prefill_ns, lot = int(replicas.prefill_ns[row]), int(replicas.lot[row])
        return Stay(self._env, self._first_leg + row, way, prefill_ns=prefill_ns, lot=lot)

    def _ask(self, row: int) -> Refusal | None:
        """Ask the breaker; then for a retry of the leg before, if this is one, at the same station.

        A first try adds to the balance.
        """
        if self._desks[self._station[row]].is_open(int(self._env.now)):
            return Refusal(LegOutcome.SKIPPED)
        before = self._after[row]
        balance = self._endpoints[self._station[row]].balance
        if before == NONE:
            if self._hedges[row] == NONE:
                balance.earn()
        elif self._station[before] == self._station[row] and not balance.grants():
            return Refusal(LegOutcome.DENIED)
        return None

    def _wait(self, row: int, visit: Visit) -> Generator[Event, None, bool]:
        """Wait until a server takes the leg, or its client has no patience or no time left.

        Give whether the leg was given up for another one; a server may take it at that very instant.
        """
        most_ns = min(self._patience[row], self._timeout[row])
        if most_ns == NO_LIMIT:
            return (yield from self._is_given_up(visit))
        return (yield from self._is_given_up(visit | self._due(most_ns, order.giving_up(self._first_leg + row))))

    def _is_given_up(self, event: Event) -> Generator[Event, None, bool]:
        """Wait for an event; say whether the leg was given up for another one before."""
        try:
            yield event
        except Interrupt:
            return True
        return False

    def _be_served(
        self, row: int, endpoint: Endpoint, joined_ns: int, *, given_up: bool
    ) -> Generator[Event, None, None]:
        """Hold a server until the service has ended, or until the client hangs up if that is sooner."""
        self._started[row] = int(self._env.now)
        service_ns = endpoint.lasting(self._service[row])
        left_ns = joined_ns + self._timeout[row] - int(self._env.now)
        end = self._due(service_ns, order.completion(self._first_leg + row))
        outcome = LegOutcome.FAILED if self._fails[row] else LegOutcome.DONE
        until = end
        if left_ns < service_ns and self._timeout[row] != NO_LIMIT:
            outcome = LegOutcome.TIMED_OUT
            until = self._due(left_ns, order.giving_up(self._first_leg + row))
        if given_up or (yield from self._is_given_up(until)):
            outcome = LegOutcome.CANCELLED
        if end.processed or endpoint.cancels:
            endpoint.release()
        else:  # nobody waits for that end but the server
            end.callbacks.append(lambda _: endpoint.release())
        self._over(row, outcome)

    def _be_in_a_batch(self, row: int, cluster: Cluster, stay: Stay, *, given_up: bool) -> Generator[Event, None, None]:
        """Hold a slot of a replica until the last phase has ended, or until the client hangs up if that is sooner."""
        self._started[row] = int(self._env.now)
        left_ns = self._joined[row] + self._timeout[row] - int(self._env.now)
        hang_up = [] if self._timeout[row] == NO_LIMIT else [self._due(left_ns, order.giving_up(self._first_leg + row))]
        given_up = given_up or (yield from self._is_given_up(self._env.any_of([stay.ended, *hang_up])))
        if stay.ended.triggered:
            self._over(row, LegOutcome.FAILED if self._fails[row] else LegOutcome.DONE)
        else:
            cluster.hang_up(stay)
            self._over(row, LegOutcome.CANCELLED if given_up else LegOutcome.TIMED_OUT)
        if self.log.first_ns is not None and self.log.replica is not None:
            self.log.first_ns[row], self.log.replica[row] = stay.first_ns, stay.number_of_replica()

    def _over(self, row: int, outcome: LegOutcome, *, served: bool = True) -> None:
        """Note what became of a leg, now; one that no server took started when it ended."""
        self._ended[row] = int(self._env.now)
        self._outcome[row] = outcome
        self._desks[self._station[row]].note(outcome, int(self._env.now), lenient=bool(self._lenient[row]))
        if not served:
            self._started[row] = self._ended[row]

    def _due(self, delay_ns: int, rank: int) -> Due:
        """Give an event that happens in `delay_ns`."""
        event = Due(self._env)
        event.schedule(delay_ns, rank)
        return event
