"""What is bought per request, told apart by segment, task class and whether the request escalated."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.columns import Floats, Ints
from sim.engine.log import LegLog
from sim.fleet.prices import band_of
from sim.fleet.token_rates import METERS
from sim.outcome.bill import Billed, billed, use_of
from sim.outcome.outcomes import Window
from sim.outcome.sums import exact, sums_by, zeros
from sim.routing.answers import Answers
from sim.routing.plan import Cause, LegGroup, Plan

ESCALATED: Final = 2
"""Cells of a segment and a task class: requests that did not escalate, and those that did."""

_NANO_PER_USD: Final = 1e9


class CellPurchases:
    """Adds up purchases of one pattern in one replication, part by part.

    A cell is (segment, task, escalated). `count[cell]` requests; `bought[cell, model, cause, line]`, with the lines of
    `Bought`, and `steps[cell, cause]` in nano-dollars, exact integers; `squares[cell, k, l]` sums over requests the
    products of what each buys, k = model * lines + line and last its steps in USD: the second moment of a request's
    cost at any prices.
    """

    def __init__(self, segments: int, tasks: int, models: int, starts: tuple[int, ...] = ()) -> None:
        self._tasks, cells, self._starts = tasks, segments * tasks * ESCALATED, starts
        self._lines = len(METERS) * (len(starts) + 1)
        self.count = zeros(cells)
        self.bought = zeros(cells, models, len(Cause), self._lines)
        self.steps = zeros(cells, len(Cause))
        self.squares: Floats = np.zeros((cells, models * self._lines + 1, models * self._lines + 1))

    def add(self, plan: Plan, log: LegLog, answers: Answers, window: Window) -> None:
        """Add the requests of a plan that arrive within the window."""
        if plan.tries is not None and log.outcome is not None:
            plan = plan.tries.settle(plan, log.outcome)
        requests, arrival_ns = answers.requests, plan.itinerary.arrival_ns
        measured = (arrival_ns >= window.start_ns) & (arrival_ns < max(window.end_ns, window.start_ns + 1))
        cell = (requests.segment * self._tasks + requests.task) * ESCALATED + plan.escalated
        self.count += exact(np.bincount(cell[measured], minlength=len(self.count)).tolist())
        each = np.zeros((len(cell), self.squares.shape[1]))
        for group in plan.groups:
            what = billed(group, plan, answers, log)
            self._add_group(group, what, plan, answers, (cell, measured, each))
        for number in np.unique(cell[measured]).tolist():
            mine = each[measured & (cell == number)]
            self.squares[number] += mine.T @ mine

    def _add_group(
        self, group: LegGroup, what: Billed, plan: Plan, answers: Answers, rows_of: tuple[Ints, np.ndarray, Floats]
    ) -> None:
        cell, measured, each = rows_of
        counted = measured[group.request] & what.paid
        rows, cause = group.request[counted], what.cause[counted]
        code = cell[rows] * len(Cause) + cause
        if what.output_tokens is None:
            nano = plan.steps[group.step].nano_usd
            each_nano = np.full(len(rows), nano, dtype=np.int64)
            self.steps += exact(sums_by(code, each_nano, self.steps.size)).reshape(self.steps.shape)
            np.add.at(each[:, -1], rows, nano / _NANO_PER_USD)
            return
        bands = len(self._starts) + 1
        band = band_of(answers.requests.input_tokens[rows], self._starts)
        for meter, values in enumerate(use_of(group, what, answers.requests, np.flatnonzero(counted))):
            table = self.bought[:, group.model, :, meter :: len(METERS)]
            table += exact(sums_by(code * bands + band, values, table.size)).reshape(table.shape)
            line = group.model * self._lines + band * len(METERS) + meter
            np.add.at(each, (rows, line), values)
