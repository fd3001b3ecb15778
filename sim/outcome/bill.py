"""What calls are billed for and what that costs: integers all the way, so that any split of a bill adds up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.columns import Bools, Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.prices import Rates
from sim.fleet.token_rates import FEMTO_PER_NANO, METERS
from sim.outcome.sums import Sums
from sim.routing.answers import Answers
from sim.routing.conditions import LegOutcome
from sim.routing.plan import Cause, LegGroup, Plan
from sim.units import as_int64
from sim.workload.requests import Requests


@dataclass(frozen=True, slots=True)
class Bought:
    """What the measured requests are billed for, whatever it costs.

    Of models, counted by `lines`: `segments[section, segment, model, line]` and the same calls once more as
    `causes[section, model, cause, line]`. Of steps, in nano-dollars: `steps[section, segment, cause]`. Lines are all
    `METERS` of prompts of up to `starts[0]` input tokens, then all of longer ones, and so on.
    """

    segments: Sums
    causes: Sums
    steps: Sums
    starts: tuple[int, ...] = ()

    def by_cause(self, rates: Sequence[Rates]) -> Sums:
        """Give femto-dollars by [section, cause]."""
        calls = self.causes * _femto(rates, self.starts)[:, np.newaxis, :]
        spent: Sums = calls.sum(axis=(1, 3)) + self.steps.sum(axis=1) * FEMTO_PER_NANO
        return spent

    def by_model(self, rates: Sequence[Rates]) -> Sums:
        """Give femto-dollars for calls by [section, model]."""
        spent: Sums = (self.causes * _femto(rates, self.starts)[:, np.newaxis, :]).sum(axis=(2, 3))
        return spent

    def of_segment(self, rates: Sequence[Rates], segment: int) -> Sums:
        """Give femto-dollars by section for the calls and steps of one segment."""
        calls = self.segments[:, segment] * _femto(rates, self.starts)
        spent: Sums = calls.sum(axis=(1, 2)) + self.steps[:, segment].sum(axis=1) * FEMTO_PER_NANO
        return spent


def rates_of(fleet: Mapping[str, Model], models: Sequence[str], starts: Sequence[int]) -> tuple[Rates, ...]:
    """Give the prices of these models by the lengths of prompts at which calls are counted; ValueError as `rates`."""
    return tuple(fleet[name].price.rates(starts) for name in models)


def use_of(group: LegGroup, what: Billed, requests: Requests, rows: Ints | slice) -> tuple[Ints, ...]:
    """Give what some calls of a group use of each of `METERS`, paid for or not. ValueError for steps."""
    asked = group.request[rows]
    if what.output_tokens is None:
        raise ValueError("a step uses no tokens")
    cached, written = requests.cached_tokens[asked], requests.cache_write_tokens[asked]
    uncached = requests.input_tokens[asked] - cached - written
    return np.ones(len(asked), dtype=np.int64), uncached, cached, written, what.output_tokens[rows]


def _femto(rates: Sequence[Rates], starts: tuple[int, ...]) -> Sums:
    """Give what one of each line costs at each model, by [model, line]."""
    for one in rates:
        if one.starts != starts:
            raise ValueError(f"prices by {one.starts} input tokens for calls that were counted by {starts}")
    rows = [[femto for band in one.bands for femto in band.by_meter] for one in rates]
    return np.array(rows, dtype=object).reshape(-1, len(METERS) * (len(starts) + 1))


@dataclass(frozen=True, slots=True)
class Billed:
    """What the legs of a group are billed for, and why: `cause` int64 of `Cause`.

    `paid` bool: whether at all; `output_tokens` int64, None for steps.
    """

    cause: Ints
    paid: Bools
    output_tokens: Ints | None


def billed(group: LegGroup, plan: Plan, answers: Answers, log: LegLog | None = None) -> Billed:
    """Say which legs of a group are billed, and for what; every answer is billed, used or not.

    Where calls may be refused, `log` says what became of them. A call that the caller gave up while it was served,
    because it took too long or its hedge was first, is billed whole if the server worked on, and else for its prompt
    and the part of the answer that was made (in a batch, what could have been made alone since the first token, at
    most). Nothing is billed for calls that no server took and for errors, as providers bill them.
    """
    name = plan.models[group.model] if group.model >= 0 else None
    output = None if name is None else answers.output_tokens(name)[group.request]
    if log is None or log.outcome is None:
        return Billed(plan.causes(group), np.ones(len(group.leg), dtype=np.bool_), output)
    outcome = log.outcome[group.leg]
    done, second = outcome == LegOutcome.DONE, outcome == LegOutcome.CANCELLED
    late = (outcome == LegOutcome.TIMED_OUT) | second
    cause = np.where(done, plan.causes(group), np.where(second, int(Cause.HEDGE), int(Cause.FAILED_TRY)))
    if name is None or output is None:
        return Billed(cause, done, None)
    if answers.fleet[name].client.cancel_on_timeout and late.any():
        service_ns, begun_ns = plan.itinerary.leg_service_ns[group.leg], log.started_ns[group.leg]
        if log.first_ns is not None and log.replica is not None:
            batched, first_ns = log.replica[group.leg] >= 0, log.first_ns[group.leg]
            begun_ns = np.where(batched, np.where(first_ns < 0, log.ended_ns[group.leg], first_ns), begun_ns)
            service_ns = np.where(batched, service_ns - group.ttft_ns, service_ns)
        served = (log.ended_ns[group.leg] - begun_ns) / np.maximum(service_ns, 1)
        output = np.where(late, as_int64(np.floor(output * np.minimum(served, 1.0))), output)
    return Billed(cause, done | late, output)


def leg_costs(group: LegGroup, plan: Plan, answers: Answers, log: LegLog | None = None) -> Ints:
    """Give the cost of every leg of a group in nano-dollars, int64, each call rounded as `RateCard.call_nano` says."""
    what = billed(group, plan, answers, log)
    if what.output_tokens is None:
        return what.paid * plan.steps[group.step].nano_usd
    requests, rows = answers.requests, group.request
    price = answers.fleet[plan.models[group.model]].price
    written = requests.cache_write_tokens[rows]
    costs = price.call_nano(requests.input_tokens[rows], requests.cached_tokens[rows], what.output_tokens, written)
    return np.where(what.paid, costs, 0)


def request_costs(plan: Plan, answers: Answers, log: LegLog) -> Ints:
    """Give the cost of every request in nano-dollars, int64: the sum over its legs."""
    costs = np.zeros(plan.itinerary.requests, dtype=np.int64)
    for group in plan.groups:
        costs[group.request] += leg_costs(group, plan, answers, log)
    return costs
