"""The requests of one itinerary in the reference engine, under the conditions of `sim.routing.conditions`."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from simpy import Environment, Event

from sim.engine import order
from sim.engine.batches import Stay
from sim.engine.clusters import Cluster
from sim.engine.endpoints import Endpoint, Refusal
from sim.engine.gates import Visit
from sim.engine.log import LegLog
from sim.engine.requests import Arrivals
from sim.engine.stations import Due
from sim.routing.conditions import NO_LIMIT, NONE, Conditions, LegOutcome
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import lanes_of

_NOT_TRIED = -1


class Clients(Arrivals):
    """One itinerary with conditions in play: one process per request, and one per chain of tries."""

    def __init__(
        self,
        env: Environment,
        endpoints: Sequence[Endpoint],
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
        self._endpoints = endpoints
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

    def request(self, number: int) -> Generator[Event, None, None]:
        """Play one request: the chains of a stage begin together; the next stage waits for them all."""
        row, end = self._first[number], self._first[number + 1]
        while row < end:
            stage = self._stage[row]
            chains, done = [], list[int]()
            while row < end and self._stage[row] == stage:
                if self._after[row] == NONE:
                    chains.append(self._env.process(self.chain(row, done)))
                row += 1
            yield from chains
            if not done or any(self._ends[leg] for leg in done):
                break
        self.to_come -= 1

    def chain(self, row: int, done: list[int]) -> Generator[Event, None, None]:
        """Try one leg of a chain after the other, from `row` on, until one was done; add that one's row to `done`."""
        while True:
            wait_ns = yield from self.attempt(row)
            if self._outcome[row] == LegOutcome.DONE:
                done.append(row)
                return
            if self._outcome[row] == LegOutcome.REJECTED and self._stops[row]:
                return
            row = self._next[row]
            if row == NONE:
                return
            delay_ns = max(self._delay[row], wait_ns) if self._heeds[row] else self._delay[row]
            if delay_ns:
                yield self._due(delay_ns, order.joining(self._first_leg + row))

    def attempt(self, row: int) -> Generator[Event, None, int]:
        """Try one leg: join, wait for a server, be served. Give in how many ns the limits it met will have room."""
        endpoint = self._endpoints[self._station[row]]
        joined_ns = self._joined[row] = int(self._env.now)
        visit = self._visit(row)
        refusal = self._ask(row) or endpoint.join(visit)
        if refusal is not None:
            self._over(row, refusal.outcome, served=False)
            return refusal.wait_ns
        if not visit.triggered:
            yield from self._wait(row, visit)
            if not visit.triggered:
                endpoint.leave(visit)
                self._over(row, LegOutcome.ABANDONED, served=False)
                return 0
        if isinstance(endpoint, Cluster) and isinstance(visit, Stay):
            yield from self._be_in_a_batch(row, endpoint, visit)
        else:
            yield from self._be_served(row, endpoint, joined_ns)
        return 0

    def _visit(self, row: int) -> Visit:
        """Give the leg as its station sees it."""
        way, replicas = (self._lane[row], self._tokens[row], self._queue_most[row], self._service[row]), self._replicas
        if replicas is None or not replicas.slots[self._station[row]]:
            return Visit(self._env, *way)
        prefill_ns, lot = int(replicas.prefill_ns[row]), int(replicas.lot[row])
        return Stay(self._env, self._first_leg + row, way, prefill_ns=prefill_ns, lot=lot)

    def _ask(self, row: int) -> Refusal | None:
        """Ask for a retry of the leg before, if this is one, at the same station; a first try adds to the balance."""
        before = self._after[row]
        balance = self._endpoints[self._station[row]].balance
        if before == NONE:
            balance.earn()
        elif self._station[before] == self._station[row] and not balance.grants():
            return Refusal(LegOutcome.DENIED)
        return None

    def _wait(self, row: int, visit: Visit) -> Generator[Event, None, None]:
        """Wait until a server takes the leg, or its client has no patience or no time left."""
        most_ns = min(self._patience[row], self._timeout[row])
        if most_ns == NO_LIMIT:
            yield visit
        else:
            yield visit | self._due(most_ns, order.giving_up(self._first_leg + row))

    def _be_served(self, row: int, endpoint: Endpoint, joined_ns: int) -> Generator[Event, None, None]:
        """Hold a server until the service has ended, or until the client hangs up if that is sooner."""
        self._started[row] = int(self._env.now)
        service_ns = endpoint.lasting(self._service[row])
        left_ns = joined_ns + self._timeout[row] - int(self._env.now)
        if left_ns >= service_ns or self._timeout[row] == NO_LIMIT:
            yield self._due(service_ns, order.completion(self._first_leg + row))
            endpoint.release()
            self._over(row, LegOutcome.FAILED if self._fails[row] else LegOutcome.DONE)
            return
        if not endpoint.cancels:  # nobody waits for that end but the server
            end = self._due(service_ns, order.completion(self._first_leg + row))
            end.callbacks.append(lambda _: endpoint.release())
        yield self._due(left_ns, order.giving_up(self._first_leg + row))
        if endpoint.cancels:
            endpoint.release()
        self._over(row, LegOutcome.TIMED_OUT)

    def _be_in_a_batch(self, row: int, cluster: Cluster, stay: Stay) -> Generator[Event, None, None]:
        """Hold a slot of a replica until the last phase has ended, or until the client hangs up if that is sooner."""
        self._started[row] = int(self._env.now)
        left_ns = self._joined[row] + self._timeout[row] - int(self._env.now)
        hang_up = [] if self._timeout[row] == NO_LIMIT else [self._due(left_ns, order.giving_up(self._first_leg + row))]
        yield self._env.any_of([stay.ended, *hang_up])
        if stay.ended.triggered:
            self._over(row, LegOutcome.FAILED if self._fails[row] else LegOutcome.DONE)
        else:
            cluster.hang_up(stay)
            self._over(row, LegOutcome.TIMED_OUT)
        if self.log.first_ns is not None and self.log.replica is not None:
            self.log.first_ns[row], self.log.replica[row] = stay.first_ns, stay.number_of_replica()

    def _over(self, row: int, outcome: LegOutcome, *, served: bool = True) -> None:
        """Note what became of a leg, now; one that no server took started when it ended."""
        self._ended[row] = int(self._env.now)
        self._outcome[row] = outcome
        if not served:
            self._started[row] = self._ended[row]

    def _due(self, delay_ns: int, rank: int) -> Due:
        """Give an event that happens in `delay_ns`."""
        event = Due(self._env)
        event.schedule(delay_ns, rank)
        return event
