"""What is bought under one pattern, added up part by part, leg by leg."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from sim.columns import Ints
from sim.fleet.prices import band_of
from sim.fleet.token_rates import METERS
from sim.outcome.bill import Billed, Bought, use_of
from sim.outcome.sums import Sums, exact, sums_by, zeros
from sim.routing.plan import Cause, LegGroup, Plan
from sim.workload.requests import Requests

Part: TypeAlias = tuple[int, int, int]
"""(section, first, end) of requests that are measured."""


class Purchases:
    """Adds up what calls and steps are billed for, by section, and there by segment and by cause.

    Calls with prompts of up to each of the `starts` in input tokens, and longer ones, are told apart.
    """

    def __init__(self, sections: int, segments: int, models: int, starts: tuple[int, ...] = ()) -> None:
        lines = len(METERS) * (len(starts) + 1)
        self.bought = Bought(
            segments=zeros(sections, segments, models, lines),
            causes=zeros(sections, models, len(Cause), lines),
            steps=zeros(sections, segments, len(Cause)),
            starts=starts,
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
            bands = len(self.bought.starts) + 1
            band = band_of(requests.input_tokens[rows], self.bought.starts) if bands > 1 else 0
            by_segment, by_cause = (
                self.bought.segments[section, :, group.model],
                self.bought.causes[section, group.model],
            )
            for meter, values in enumerate(use_of(group, what, requests, mine)):
                _add(by_segment[:, meter :: len(METERS)], segment * bands + band, values * paid)
                _add(by_cause[:, meter :: len(METERS)], cause * bands + band, values * paid)

    def take(self, section: int, group: LegGroup, plan: Plan, bought: Sums, unused: Sums) -> None:
        """Add legs of a group, all of them done, that were counted by [segment, line].

        `unused` are those whose answers were not, of [requests that escalated, others]; see `Plan.causes`.
        """
        if group.model < 0:
            calls = bought[:, :: len(METERS)].sum(axis=1)
            self.bought.steps[section, :, group.cause] += calls * plan.steps[group.step].nano_usd
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


def _add(table: Sums, codes: Ints, values: Ints) -> None:
    """Add values to the places of a table that their codes name."""
    table += exact(sums_by(codes, values, table.size)).reshape(table.shape)
