"""What became of the calls of a model in the window, and how long they took."""

from __future__ import annotations

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.capacity import batching_of, fewest_scheduled, needed, servers_of, slots_of
from sim.outcome.breakers import failures, open_ns
from sim.outcome.latency import first_tokens
from sim.outcome.limits import Union
from sim.outcome.outcomes import ModelLog, Window
from sim.outcome.sums import total
from sim.routing.conditions import LegOutcome
from sim.routing.plan import LegGroup, Plan
from sim.routing.replicas import Usage


class Spans:
    """What became of the calls of one model, and how long they took, waited and were to take within the window."""

    def __init__(self, window: Window) -> None:
        self.calls = self.busy = self.queued = self.offered = self.prefill = self.retries = 0
        self.decode = self.decoded = self.waited = self.waits = self.fallbacks = self.hedge_wins = 0
        self.answered = self.first_token = 0
        self.hedges = -1  # nothing is hedged with this model
        self.failed: list[Ints] = []
        self.waiting = Union(window)
        self.by_outcome = np.zeros(len(LegOutcome), dtype=np.int64)

    def add(self, group: LegGroup, plan: Plan, log: LegLog, window: Window, first: int, *, cancels: bool) -> None:
        """Add the legs of a group; requests are measured from row `first` on."""
        joined, started, ended = (column[group.leg] for column in (log.joined_ns, log.started_ns, log.ended_ns))
        service_ns = brought_ns = plan.itinerary.leg_service_ns[group.leg]
        measured = int(np.searchsorted(group.request, first))
        self.calls += len(group.request) - measured
        inside = (joined >= window.start_ns) & (joined <= window.end_ns)
        if log.outcome is not None:
            outcome = log.outcome[group.leg]
            self.by_outcome += np.bincount(outcome[measured:], minlength=len(LegOutcome))
            made = outcome[measured:] != LegOutcome.SKIPPED
            self.calls -= len(made) - int(made.sum())
            self.retries += int(made.sum()) if group.retry and not group.hedge else 0
            if group.hedge:
                self.hedges = max(self.hedges, 0) + int(made.sum())
                self.hedge_wins += int((outcome[measured:] == LegOutcome.DONE).sum())
            self.fallbacks += int(group.is_answer[measured:].sum()) if group.fallback else 0
            self.waited += int((started > joined)[measured:].sum())
            self.waits += total((started - joined)[measured:])
            failed = failures(group, plan, log)
            if len(failed):
                self.failed.append(failed)
            self.waiting.add(joined, started, int(plan.itinerary.arrival_ns[-1]))
            # who lost to a rival brought the work that was done, and none if no server had taken it
            second = (outcome == LegOutcome.CANCELLED) & cancels | (outcome == LegOutcome.WITHDRAWN)
            brought_ns = np.where(second, np.minimum(ended - started, service_ns), service_ns)
            if not cancels:  # the server works on although nobody waits for it
                hung_up = np.isin(outcome, (LegOutcome.TIMED_OUT, LegOutcome.CANCELLED))
                ended = np.where(hung_up, started + service_ns, ended)
            inside &= ~np.isin(outcome, (LegOutcome.REJECTED, LegOutcome.DENIED, LegOutcome.SKIPPED))
            inside &= (outcome != LegOutcome.FAILED) | (ended > joined)  # one that failed at once brought no work
        self.busy += _overlap_ns(started, ended, window)
        self.queued += _overlap_ns(joined, started, window)
        self.offered += total(brought_ns * inside)
        self.prefill += total(np.minimum(group.ttft_ns, brought_ns) * inside)

    def take(self, calls: int, busy_ns: int, queued_ns: int, offered_ns: int) -> None:
        """Add the sums of legs of which none was refused or served in a batch."""
        self.calls += calls
        self.busy += busy_ns
        self.queued += queued_ns
        self.offered += offered_ns

    def add_decoding(self, group: LegGroup, plan: Plan, log: LegLog, tokens: Ints, first: int) -> None:
        """Add how long calls of a group that were served in batches took to their first token, and to their last."""
        if log.replica is None or log.outcome is None:
            return
        row = int(np.searchsorted(group.request, first))
        leg = group.leg[row:]
        done = (log.outcome[leg] == LegOutcome.DONE) & (log.replica[leg] >= 0)
        first_ns = first_tokens(group, plan, log)[row:]
        self.answered += int(done.sum())
        self.first_token += total((first_ns - log.joined_ns[leg])[done])
        self.decode += total((log.ended_ns[leg] - first_ns)[done])
        self.decoded += total(np.maximum(tokens[group.request[row:]][done] - 1, 0))

    def close(self, model: Model, usage: Usage, window: Window, *, limited: bool) -> ModelLog:
        """Give the sums of a model, whose replicas did this; `limited` says whether it has limits."""
        self.waiting.settle(window.end_ns)
        capacity = model.capacity
        breaker, failed = model.client.breaker, np.concatenate((*self.failed, np.empty(0, dtype=np.int64)))
        batched = batching_of(capacity) is not None
        return ModelLog(
            servers=servers_of(capacity),
            calls=self.calls,
            busy_ns=usage.served_ns if batched else self.busy,
            queued_ns=self.queued,
            offered_ns=self.offered,
            by_outcome=tuple(self.by_outcome.tolist()),
            retries=self.retries,
            bounded=model.bounds_waits(),
            needed_ns=round(needed(capacity, self.prefill, self.offered)) if batched else self.offered,
            slots=slots_of(capacity),
            replica_ns=usage.up_ns,
            serving_ns=usage.busy_ns,
            by_schedule=fewest_scheduled(capacity) is not None,
            answered=self.answered,
            first_token_ns=self.first_token,
            decode_ns=self.decode,
            decoded=self.decoded,
            waited=self.waited,
            wait_ns=self.waits,
            fallbacks=self.fallbacks,
            hedges=self.hedges,
            hedge_wins=self.hedge_wins,
            at_limit_ns=self.waiting.covered_ns if limited else -1,
            open_ns=-1 if breaker is None else open_ns(breaker, failed, window),
        )


def _overlap_ns(begin: Ints, end: Ints, window: Window) -> int:
    """Give the time that the spans [begin, end) lie within the window, summed."""
    return total(np.maximum(np.minimum(end, window.end_ns) - np.maximum(begin, window.start_ns), 0))
