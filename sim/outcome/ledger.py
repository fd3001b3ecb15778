"""Accounting of one pattern in one replication, part by part in order of arrival; no part is kept.

Everything is added up as integers, so that the result does not depend on where a run was cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.capacity import Capacity, batching_of, replicas_of
from sim.fleet.prices import price_starts
from sim.outcome.backlog import Backlog
from sim.outcome.bill import billed, rates_of
from sim.outcome.cells import Cells
from sim.outcome.latency import Waits, waits
from sim.outcome.limits import Asked
from sim.outcome.outcomes import DURATIONS, FIELDS, Outcome, RequestLog, Window, request_log
from sim.outcome.purchases import Part, Purchases
from sim.outcome.samples import Collector
from sim.outcome.spans import Spans
from sim.outcome.sums import exact, sums_by, zeros
from sim.outcome.warmup import Series
from sim.routing.answers import Answers
from sim.routing.plan import Plan
from sim.routing.replicas import Usage
from sim.workload.requests import Requests

_FLAGS = 5  # of the fields: escalated, acceptable, refused, good, failed
_EVERY = 1 << _FLAGS
_HAS = [np.arange(_EVERY) >> bit & 1 == 1 for bit in range(_FLAGS)]


@dataclass(frozen=True, slots=True)
class Goals:
    """What a good answer must meet to count as goodput, in nanoseconds; None: no such goal."""

    latency_ns: int | None = None
    ttft_ns: int | None = None


@dataclass(frozen=True)
class Terms:
    """What is accounted for, and how.

    `window` is measured, in this many `sections` of equal time. `kept` are the models that the pattern may call: their
    replicas are paid for, called or not, and no others; `limited` are models at whose limits calls wait. Up to
    `most_exact` observations are kept for quantiles. `compared` says that the pattern is compared with direct calls to
    the last model it may call.
    """

    fleet: Mapping[str, Model]
    kept: Collection[str]
    window: Window
    sections: int = 1
    goals: Goals = Goals()
    most_exact: int = 1 << 20
    compared: bool = False
    limited: Collection[str] = ()

    @cached_property
    def edges_ns(self) -> Ints:
        """Where the second and later sections begin, int64 ns."""
        length = self.window.length_ns
        edges = [self.window.start_ns + length * number // self.sections for number in range(1, self.sections)]
        return np.array(edges, dtype=np.int64)

    def parts(self, arrival_ns: Ints) -> Iterator[tuple[int, int, int]]:
        """Yield (section, first, end) for each section that has some of these arrivals; the warm-up is left out."""
        starts = np.searchsorted(arrival_ns, np.concatenate(([self.window.start_ns], self.edges_ns))).tolist()
        for section, (first, end) in enumerate(zip(starts, [*starts[1:], len(arrival_ns)], strict=True)):
            if first < end:
                yield section, first, end


class Ledger:
    """Adds up what becomes of requests."""

    def __init__(self, terms: Terms, requests: Requests, routes: tuple[str, ...], *, compiled: bool = False) -> None:
        """Open a ledger for requests like these (only their names count) and these routes.

        With `compiled`, loops that numba compiles add up what NumPy does otherwise; the sums are the same.
        """
        self.terms = terms
        self._compiled = compiled
        tally = _fused().tally if compiled else None
        self.segments, self.tasks, self.routes = requests.segments, requests.tasks, routes
        self.models = tuple(terms.fleet)
        sizes = {"route": 2 * len(routes), "segment": len(self.segments), "task": len(self.tasks)}
        self._cells = Cells({name: size for name, size in sizes.items() if size > 1})
        sections, most = terms.sections, terms.most_exact
        self._sums = {table: zeros(sections, self._cells.count(table), len(FIELDS)) for table in self._cells.tables}
        self._durations = Collector(tuple(DURATIONS), self._cells.sizes, sections, most, tally)
        self._direct = Collector(("latency",), {"route": 1}, sections, most, tally) if terms.compared else None
        self._series = Series()
        self._backlog = Backlog(terms.window.start_ns, terms.window.end_ns)
        starts = price_starts(model.price for model in terms.fleet.values())
        self._purchases = Purchases(sections, len(self.segments), len(self.models), starts)
        self._spans = [Spans(terms.window) for _ in self.models]
        self._asked = Asked()

    def add(self, plan: Plan, log: LegLog, answers: Answers) -> RequestLog:
        """Account for the next requests, and give the request log of those that are measured."""
        if plan.tries is not None and log.outcome is not None:
            plan = plan.tries.settle(plan, log.outcome)
        if plan.routes != self.routes:
            raise ValueError(f"the routes of a pattern change during a run: {plan.routes} after {self.routes}")
        arrival_ns = plan.itinerary.arrival_ns
        parts = list(self.terms.parts(arrival_ns))
        first = parts[0][1] if parts else len(arrival_ns)  # the first request that is measured
        loops = self._compiled and log.outcome is None
        times = (self._by_loops if loops else self._by_numpy)(plan, log, answers, parts)
        requests = request_log(plan, log, times, answers, slice(first, None))
        for section, begin, end in parts:
            (self._add_answered if loops else self._add_requests)(section, requests, begin - first, end - first)
        self._backlog.add(arrival_ns, times.latency_ns)
        self._series.add(requests.latency_ns, requests.arrival_ns)
        return requests

    def add_direct(self, latency_ns: Ints, arrival_ns: Ints, escalated: np.typing.NDArray[np.bool_]) -> None:
        """Take in what the same requests waited for a direct call to the last model; only the escalated ones count."""
        if self._direct is None:
            raise ValueError("this pattern is not compared with direct calls")
        for section, first, end in self.terms.parts(arrival_ns):
            values = latency_ns[first:end][escalated[first:end]]
            cells = np.zeros(len(values), dtype=np.int64)
            self._direct.add(section, {"latency": values}, {"route": cells}, {("route",): cells})

    def close(self, usage: Sequence[Usage] = ()) -> Outcome:
        """Give the sums; `usage` is what the engine says that the replicas of each station did."""
        terms = self.terms
        used = usage[1:] or [Usage()] * len(self.models)  # the first station is that of steps
        return Outcome(
            segments=self.segments,
            tasks=self.tasks,
            routes=self.routes,
            models=self.models,
            window=terms.window,
            sums={
                name: sums
                for table, sums_of_cells in self._sums.items()
                for name, sums in self._cells.by_dimension(table, sums_of_cells, axis=1)
            },
            durations=self._durations.finish(),
            direct=None if self._direct is None else self._direct.finish(),
            series=self._series,
            backlog=self._backlog.close(),
            bought=self._purchases.bought,
            rates=rates_of(terms.fleet, self.models, self._purchases.bought.starts),
            model_logs=tuple(
                spans.close(terms.fleet[name], of, terms.window, limited=name in terms.limited)
                for name, spans, of in zip(self.models, self._spans, used, strict=True)
            ),
            replica_ns=tuple(
                _replica_ns(terms.fleet[name].capacity, of, terms.window) if name in terms.kept else 0
                for name, of in zip(self.models, used, strict=True)
            ),
            asked_ns=tuple(self._asked.ns),
        )

    def _by_numpy(self, plan: Plan, log: LegLog, answers: Answers, parts: list[Part]) -> Waits:
        first = parts[0][1] if parts else plan.itinerary.requests
        for group in plan.groups:
            self._purchases.add(group, billed(group, plan, answers, log), plan, answers.requests, parts)
            if group.model >= 0:
                spans = self._spans[group.model]
                cancels = self.terms.fleet[self.models[group.model]].client.cancel_on_timeout
                spans.add(group, plan, log, self.terms.window, first, cancels=cancels)
                if log.replica is not None:
                    spans.add_decoding(group, plan, log, answers.output_tokens(self.models[group.model]), first)
        self._asked.add(plan.itinerary, log, self.terms.window)
        return waits(plan, log)

    def _by_loops(self, plan: Plan, log: LegLog, answers: Answers, parts: list[Part]) -> Waits:
        legs = _fused().Legs(plan, log, answers, self.terms.window, self._purchases.bought.starts)
        for group in plan.groups:
            legs.take(group, parts, self._purchases, self._spans[group.model] if group.model >= 0 else None)
        times: Waits = legs.waits()
        return times

    def _add_requests(self, section: int, log: RequestLog, begin: int, end: int) -> None:
        rows = slice(begin, end)
        codes = self._codes(log, rows)
        failed = log.failed[rows]
        values = {column: getattr(log, column)[rows] for column in FIELDS[1 + _FLAGS :]}
        if failed.any():  # how long nothing took is no latency
            values |= {column: np.where(failed, 0, values[column]) for column in DURATIONS.values()}
        flags = (log.escalated[rows], log.acceptable[rows], log.refused[rows], self._good(log, rows), failed)
        together = sum((flag.astype(np.int64) << bit for bit, flag in enumerate(flags)), start=np.int64(0))
        for table in self._cells.tables:
            size, cells = self._cells.count(table), self._cells.of(table, codes)
            counts = np.bincount(_EVERY * cells + together, minlength=_EVERY * size).reshape(size, _EVERY)
            sums = [counts.sum(axis=1).tolist()]
            sums += [counts[:, _HAS[bit]].sum(axis=1).tolist() for bit in range(_FLAGS)]
            sums += [sums_by(cells, values[field], size) for field in FIELDS[1 + _FLAGS :]]
            self._sums[table][section] += exact(sums).T
        durations = {name: values[column] for name, column in DURATIONS.items()}
        if failed.any():
            durations, codes = ({k: v[~failed] for k, v in columns.items()} for columns in (durations, codes))
        self._durations.add(section, durations, codes)

    def _add_answered(self, section: int, log: RequestLog, begin: int, end: int) -> None:
        """Do what `_add_requests` does by loops, for requests that were all answered."""
        goals, rows = (self.terms.goals.latency_ns, self.terms.goals.ttft_ns), slice(begin, end)
        cells, counts, times = _fused().add_requests(log, (begin, end), self._cells, goals)
        for table, counted in counts.items():
            sums = [counted.sum(axis=1).tolist()]
            sums += [counted[:, _HAS[bit]].sum(axis=1).tolist() for bit in range(_FLAGS)]
            self._sums[table][section] += np.concatenate((exact(sums).T, times[table]), axis=1)
        durations = {name: getattr(log, column)[rows] for name, column in DURATIONS.items()}
        codes = self._codes(log, rows) if self._durations.keeps(end - begin) else {}
        self._durations.add(section, durations, codes, cells)

    def _codes(self, log: RequestLog, rows: slice) -> dict[str, Ints]:
        """Give the codes of requests by dimension."""
        return {
            "route": 2 * log.route[rows] + log.escalated[rows],
            "segment": log.segment[rows],
            "task": log.task[rows],
        }

    def _good(self, log: RequestLog, rows: slice) -> np.typing.NDArray[np.bool_]:
        good, goals = log.acceptable[rows], self.terms.goals
        if goals.latency_ns is not None:
            good = good & (log.latency_ns[rows] <= goals.latency_ns)
        if goals.ttft_ns is not None:
            good = good & (log.ttft_ns[rows] <= goals.ttft_ns)
        return good


def _replica_ns(capacity: Capacity, usage: Usage, window: Window) -> int:
    """Give the time that replicas are paid for."""
    return usage.up_ns if batching_of(capacity) is not None else replicas_of(capacity) * window.length_ns


def _fused() -> ModuleType:
    """Give the compiled loops, which bring numba with them."""
    from sim.outcome import fused  # noqa: PLC0415 - the reference engine does without numba

    return fused
