"""Accounting by compiled loops, for plans in which nothing is refused: the same sums as by NumPy, in fewer passes.

What is meant stands in `latency.waits`, `Purchases.add`, `Spans.add` and `Ledger`; numba is loaded only where the
compiled engine plays, so that the reference engine does without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.engine.parts import plain
from sim.fleet.token_rates import METERS
from sim.outcome import kernel
from sim.outcome.cells import Cells, Table
from sim.outcome.latency import Waits
from sim.outcome.outcomes import RequestLog, Window
from sim.outcome.purchases import Part, Purchases
from sim.outcome.spans import Spans
from sim.outcome.sums import Sums, wide
from sim.routing.answers import Answers
from sim.routing.plan import LegGroup, Plan

_NONE = np.empty(0, dtype=np.int64)
_MOST = 2**63 - 1
_DIMENSIONS = ("route", "segment", "task")


class Legs:
    """The legs of a plan that was played without refusals, group by group."""

    def __init__(self, plan: Plan, log: LegLog, answers: Answers, window: Window, starts: tuple[int, ...] = ()) -> None:
        self._plan, self._answers = plan, answers
        self._starts = np.array(starts, dtype=np.int64)
        self._window = window.start_ns, window.end_ns
        columns = (log.joined_ns, log.started_ns, log.ended_ns, plan.itinerary.leg_service_ns)
        self._log = kernel.Log(*map(plain, columns))
        self._queues = bool(np.any(log.started_ns != log.joined_ns))
        arrival, n = plan.itinerary.arrival_ns, plan.itinerary.requests if self._queues else 0
        zeros = [np.zeros(n, dtype=np.int64) for _ in range(3)]
        self._marks = kernel.Marks(arrival.copy(), np.empty_like(arrival), np.full(n, -1, dtype=np.int64), *zeros)

    def take(self, group: LegGroup, parts: list[Part], purchases: Purchases, spans: Spans | None) -> None:
        """Add the legs of a group to what is bought and, of calls to a model, to how long they took."""
        first = parts[0][1] if parts else self._plan.itinerary.requests
        for section, begin, end in [(None, 0, first), *parts]:
            rows = tuple(int(row) for row in np.searchsorted(group.request, (begin, end)))
            if rows[0] < rows[1]:
                self._take(group, rows, section, purchases, spans)

    def _take(
        self, group: LegGroup, rows: tuple[int, ...], section: int | None, purchases: Purchases, spans: Spans | None
    ) -> None:
        requests = self._answers.requests
        lines = len(METERS) * (len(self._starts) + 1)
        bought = np.zeros((len(requests.segments), lines, 2), dtype=np.int64)
        unused, times = np.zeros((2, lines, 2), dtype=np.int64), np.zeros((3, 2), dtype=np.int64)
        output = _NONE if spans is None else self._answers.output_tokens(self._plan.models[group.model])
        kernel.legs(
            kernel.Group(
                request=plain(group.request),
                leg=plain(group.leg),
                stage=plain(group.stage),
                ttft=plain(group.ttft_ns),
                is_answer=plain(group.is_answer),
            ),
            self._log,
            kernel.Prompts(
                segment=plain(requests.segment),
                input=plain(requests.input_tokens),
                cached=plain(requests.cached_tokens),
                written=plain(requests.cache_write_tokens),
                output=plain(output),
                escalated=plain(self._plan.escalated),
            ),
            self._marks,
            rows,
            (spans is not None, group.awaited, self._queues, section is not None),
            self._window,
            self._starts,
            times,
            bought,
            unused,
        )
        if section is not None:
            purchases.take(section, group, self._plan, wide(bought), wide(unused))
        if spans is not None:
            calls = 0 if section is None else rows[1] - rows[0]
            spans.take(calls, *wide(times).tolist())

    def waits(self) -> Waits:
        """Give what the users waited for, once all groups were taken in."""
        arrival, held = self._plan.itinerary.arrival_ns, self._plan.answer_held
        kernel.waits(plain(arrival), plain(held), self._marks, self._queues)
        marks = self._marks
        return Waits(marks.answered, marks.first_token, marks.summed if self._queues else np.zeros_like(arrival))


def add_requests(
    log: RequestLog, rows: tuple[int, int], cells: Cells, goals: tuple[int | None, int | None]
) -> tuple[Mapping[Table, Ints], Mapping[Table, Ints], Mapping[Table, Sums]]:
    """Sum up requests that were all answered, by cell: give the cell of each, counts by flags, and sums of times."""
    sizes = [cells.count(table) for table in cells.tables]
    offsets = np.cumsum([0, *sizes])
    of_requests = np.empty((len(sizes), rows[1] - rows[0]), dtype=np.int64)
    counts = np.zeros((int(offsets[-1]), kernel.EVERY), dtype=np.int64)
    sums = np.zeros((int(offsets[-1]), 3, 2), dtype=np.int64)
    names = (*_DIMENSIONS, "escalated", "acceptable", "refused", "latency_ns", "ttft_ns", "wait_ns")
    kernel.requests(
        kernel.Told(*(plain(getattr(log, name)) for name in names)),
        rows,
        tuple(_MOST if goal is None else goal for goal in goals),
        np.array([[cells.stride(table, name) for name in _DIMENSIONS] for table in cells.tables], dtype=np.int64),
        offsets[:-1],
        of_requests,
        counts,
        sums,
    )
    parts = [slice(begin, end) for begin, end in pairwise(offsets.tolist())]
    return (
        dict(zip(cells.tables, of_requests, strict=True)),
        {table: counts[part] for table, part in zip(cells.tables, parts, strict=True)},
        {table: wide(sums[part]) for table, part in zip(cells.tables, parts, strict=True)},
    )


def tally(table: Ints, lowest: int, cells: Ints, values: Ints) -> int:
    """Count values in their buckets and cells (a `samples.Tally`)."""
    return int(kernel.tally(table, lowest, plain(cells), plain(values)))
