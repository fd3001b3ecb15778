"""What is bought under one pattern, added up part by part, leg by leg."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from sim.columns import Ints
from sim.outcome.bill import METERS, Billed, Bought
from sim.outcome.sums import Sums, exact, sums_by, zeros
from sim.routing.plan import Cause, LegGroup, Plan
from sim.workload.requests import Requests

Part: TypeAlias = tuple[int, int, int]
"""(section, first, end) of requests that are measured."""


class Purchases:
    """Adds up what calls and steps are billed for, by section, and there by segment and by cause."""

    def __init__(self, sections: int, segments: int, models: int) -> None:
        self.bought = Bought(
            segments=zeros(sections, segments, models, len(METERS)),
            causes=zeros(sections, models, len(Cause), len(METERS)),
            steps=zeros(sections, segments, len(Cause)),
        )

    def add(self, group: LegGroup, what: Billed, plan: Plan, requests: Requests, parts: list[Part]) -> None:
        """Add the legs of a group."""
        for section, first, end in parts:
            mine = slice(*np.searchsorted(group.request, (first, end)))
            rows, cause, paid = group.request[mine], what.cause[mine], what.paid[mine].astype(np.int64)
            segment = requests.segment[rows]
            if what.output_tokens is None:
                self._add_steps(section, segment, cause, paid * plan.steps[group.step].nano_usd)
                continue
            cached = requests.cached_tokens[rows]
            meters = (paid, requests.input_tokens[rows] - cached, cached, what.output_tokens[mine])
            for meter, values in enumerate(meters):
                by_segment = sums_by(segment, values * paid, len(requests.segments))
                by_cause = sums_by(cause, values * paid, len(Cause))
                self.bought.segments[section, :, group.model, meter] += exact(by_segment)
                self.bought.causes[section, group.model, :, meter] += exact(by_cause)

    def take(self, section: int, group: LegGroup, plan: Plan, bought: Sums, unused: Sums) -> None:
        """Add legs of a group, all of them done, that were counted by [segment, meter].

        `unused` are those whose answers were not, of [requests that escalated, others]; see `Plan.causes`.
        """
        if group.model < 0:
            self.bought.steps[section, :, group.cause] += bought[:, 0] * plan.steps[group.step].nano_usd
            return
        self.bought.segments[section, :, group.model] += bought
        causes = self.bought.causes[section, group.model]
        if group.cause != Cause.ANSWER:
            causes[group.cause] += bought.sum(axis=0)
            return
        causes[Cause.ANSWER] += bought.sum(axis=0) - unused.sum(axis=0)
        causes[Cause.WASTED_FIRST_PASS] += unused[0]
        causes[Cause.SECOND_OPINION] += unused[1]

    def _add_steps(self, section: int, segment: Ints, cause: Ints, nano_usd: Ints) -> None:
        table = self.bought.steps[section]
        table += exact(sums_by(segment * len(Cause) + cause, nano_usd, table.size)).reshape(table.shape)
