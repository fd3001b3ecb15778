"""From the sums of replications to metrics with intervals.

Every metric but quantiles is a ratio of two sums with one pair per replication, so one interval serves means, shares,
costs, savings and losses; those against a baseline are paired request by request through common random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sim.columns import Floats
from sim.outcome.catalogue import metric_of
from sim.outcome.change import Basis, BasisOf, quantile_basis, ratio_basis
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import (
    SECTIONS,
    Interval,
    quantile_intervals,
    quantile_ratio_interval,
    ratio_interval,
    share_interval,
    too_short,
)
from sim.outcome.outcomes import ALL, DURATIONS, Group, Outcome, names_seen
from sim.outcome.refusals import pairs
from sim.outcome.samples import Sample
from sim.routing.plan import Cause
from sim.routing.tries import UNANSWERED

_NS = 1e9
_FEMTO = 1e15
_PER_1K = 1_000.0
_POINTS = 100.0
_30_DAYS_S = 30 * 86_400.0
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_ESCALATED = Group("escalated")


def sections_for(replications: int) -> int:
    """Give into how many sections a replication is cut: a single one needs them to have an interval at all."""
    return SECTIONS if replications == 1 else 1


@dataclass(frozen=True, slots=True)
class References:
    """What a pattern is compared with: (name, outcomes of every replication); None where there is nothing to compare.

    `baseline` for saving and loss, `cheap` and `frontier` for the recovered gap, `first` and `last` for the latency of
    direct calls to the ends of a cascade.
    """

    baseline: tuple[str, Sequence[Outcome]]
    cheap: tuple[str, Sequence[Outcome]]
    frontier: tuple[str, Sequence[Outcome]]
    first: tuple[str, Sequence[Outcome]] | None = None
    last: tuple[str, Sequence[Outcome]] | None = None


@dataclass(slots=True)
class Measured:
    """Estimates by metric name, for metrics without data the reason, and what estimates rest on, to compare runs."""

    estimates: dict[str, Estimate] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    bases: dict[str, BasisOf] = field(default_factory=dict)


def measure(name: str, outcomes: Sequence[Outcome], references: References, level: float) -> Measured:
    """Compute every metric of one pattern from the outcomes of its replications."""
    return _Measurement(name, outcomes, references, level).all()


class _Measurement:
    def __init__(self, name: str, outcomes: Sequence[Outcome], references: References, level: float) -> None:
        self.name = name
        self.outcomes = outcomes
        self.references = references
        self.level = level
        self.sections = sections_for(len(outcomes))
        self.groups = self._groups()
        self.found = Measured()

    def all(self) -> Measured:
        # 1. what users wait for
        self._durations()
        # 2. what it costs, by cause and by model
        self._costs()
        # 3. how good the answers are
        self._quality()
        # 4. what became of the requests
        self._rates()
        # 5. what the models were doing
        self._models()
        return self.found

    def _groups(self) -> list[Group]:
        """Give the groups that latencies are reported for; a group that is everything is left out."""
        groups = [_ESCALATED, Group("not_escalated")] if self.references.first is not None else []
        routes = names_seen(self.outcomes, lambda outcome: outcome.routes)
        groups += [Group("route", route) for route in routes if route != UNANSWERED]
        for kind, names in (("segment", self.outcomes[0].segments), ("task", self.outcomes[0].tasks)):
            groups += [Group(kind, name) for name in names if len(names) > 1]
        return groups

    # ---- durations

    def _durations(self) -> None:
        for metric in DURATIONS:
            self._duration(metric, metric, ALL, "no request was measured")
            for group in self.groups:
                self._duration(metric, f"{metric}.{group}", group, f"no request is in the group {group}")
        self._latency_ratios()

    def _duration(self, column: str, metric: str, group: Group, reason: str) -> None:
        counts = self._sums("count", group) - self._sums("failed", group)
        samples = self._samples(self.outcomes, column, group)
        sums = self._sums(DURATIONS[column], group) / _NS
        self._pairs(f"{metric}.mean", sums, counts, reason, few_data=too_short(samples))
        found = quantile_intervals(samples, tuple(_QUANTILES.values()), self.level, sectioned=self.sections > 1)
        for number, (short, q) in enumerate(_QUANTILES.items()):
            self._put(f"{metric}.{short}", found[number] if found else None, reason, divisor=_NS)
            self.found.bases[f"{metric}.{short}"] = partial(self._quantile_basis, column, group, q)

    def _quantile_basis(self, column: str, group: Group, q: float) -> Basis | None:
        return quantile_basis(self._samples(self.outcomes, column, group), q)

    def _latency_ratios(self) -> None:
        none, reason = "no request was escalated, or the baseline takes no time", "the baseline takes no time"
        first, last, baseline = self.references.first, self.references.last, self.references.baseline
        if first is not None and first[0] != self.name:
            interval = self._ratio(0.50, ALL, self._samples(first[1], "latency", ALL))
            self._put("latency.p50_ratio", interval, reason, baseline=first[0])
        if last is not None and last[0] != self.name:
            # the same requests on both sides: those that escalate are longer and harder than others
            direct = [sample for outcome in self.outcomes for sample in outcome.direct_samples()]
            interval = self._ratio(0.50, _ESCALATED, direct)
            self._put("latency.escalated.p50_ratio", interval, none, baseline=last[0])
        if baseline[0] != self.name:
            interval = self._ratio(0.95, ALL, self._samples(baseline[1], "latency", ALL))
            self._put("latency.p95_ratio", interval, reason, baseline=baseline[0])

    def _ratio(self, q: float, group: Group, references: Sequence[Sample]) -> Interval | None:
        samples = self._samples(self.outcomes, "latency", group)
        return quantile_ratio_interval(samples, references, q, self.level, sectioned=self.sections > 1)

    def _samples(self, outcomes: Sequence[Outcome], column: str, group: Group) -> list[Sample]:
        return [sample for outcome in outcomes for sample in outcome.samples(column, group)]

    # ---- money

    def _costs(self) -> None:
        reason = "no request was measured"
        requests = self._sums("count")
        spent = self._spent(self.outcomes)
        self._pairs("cost.per_1k", spent * _PER_1K, requests, reason)
        share = np.full(len(spent), 1.0 / self.sections)
        self._pairs("cost.total", spent, share, reason)
        seconds = np.repeat([o.window.length_ns / _NS / self.sections for o in self.outcomes], self.sections)
        self._pairs("cost.per_30d", spent * _30_DAYS_S, seconds, "the measured window has no length")
        causes, models = ([by(outcome) for outcome in self.outcomes] for by in (Outcome.by_cause, Outcome.by_model))
        for cause in Cause:
            by_cause = _floats([of[:, cause] for of in causes]) / _FEMTO
            if by_cause.any():
                self._pairs(f"cost.cause.{cause.label}.per_1k", by_cause * _PER_1K, requests, reason)
        replicas = np.repeat([float(o.replica_cost()) for o in self.outcomes], self.sections) / _FEMTO / self.sections
        if replicas.any():
            self._pairs("cost.cause.replicas.per_1k", replicas * _PER_1K, requests, reason)
        for number, model in enumerate(self.outcomes[0].models):
            by_model = _floats([of[:, number] for of in models]) / _FEMTO
            if by_model.any():
                self._pairs(f"cost.model.{model}.per_1k", by_model * _PER_1K, requests, reason)
        baseline, reference = self.references.baseline
        if baseline != self.name:
            base = self._spent(reference)
            self._pairs("cost.saving", base - spent, base, "the baseline costs nothing", baseline=baseline)
        for group in self.groups:
            if group.kind == "segment":
                self._segment_costs(group, seconds)

    def _segment_costs(self, segment: Group, seconds: Floats) -> None:
        """Measure what a segment pays for its calls; idle replicas belong to no segment."""
        baseline, reference = self.references.baseline
        spent = _floats([outcome.spent(segment.name) for outcome in self.outcomes]) / _FEMTO
        reason = f"no request is in the segment {segment.name}"
        self._pairs(f"cost.per_1k.{segment}", spent * _PER_1K, self._sums("count", segment), reason)
        self._pairs(f"cost.per_30d.{segment}", spent * _30_DAYS_S, seconds, "the measured window has no length")
        if baseline != self.name:
            base = _floats([outcome.spent(segment.name) for outcome in reference]) / _FEMTO
            reason = f"the baseline costs nothing in the segment {segment.name}"
            self._pairs(f"cost.saving.{segment}", base - spent, base, reason, baseline=baseline)

    def _spent(self, outcomes: Sequence[Outcome]) -> Floats:
        """Give the dollars of each section, with its part of what the replicas cost."""
        fixed = np.repeat([outcome.replica_cost() / self.sections for outcome in outcomes], self.sections)
        spent: Floats = (_floats([outcome.spent() for outcome in outcomes]) + fixed) / _FEMTO
        return spent

    # ---- quality

    def _quality(self) -> None:
        self._share("quality.acceptance", "acceptable")
        for group in self.groups:
            if group.name:
                self._share(f"quality.acceptance.{group}", "acceptable", group)
        mine, count = self._sums("acceptable"), self._sums("count")
        baseline, reference = self.references.baseline
        if baseline != self.name:
            lost = (self._sums("acceptable", ALL, reference) - mine) * _POINTS
            self._pairs("quality.loss", lost, count, "no request was measured", baseline=baseline)
            for group in self.groups:
                if group.kind == "segment":
                    lost = (self._sums("acceptable", group, reference) - self._sums("acceptable", group)) * _POINTS
                    reason = f"no request is in the segment {group.name}"
                    self._pairs(f"quality.loss.{group}", lost, self._sums("count", group), reason, baseline=baseline)
        cheap, frontier = self.references.cheap, self.references.frontier
        if self.name not in (cheap[0], frontier[0]) and cheap[0] != frontier[0]:
            low, high = (self._sums("acceptable", ALL, outcomes) for _, outcomes in (cheap, frontier))
            self._pairs(
                "quality.gap_recovered",
                mine - low,
                high - low,
                f"{cheap[0]} and {frontier[0]} are equally good",
                baseline=f"{cheap[0]} to {frontier[0]}",
            )

    # ---- rates

    def _rates(self) -> None:
        self._share("escalation.rate", "escalated", chance=self.references.first is not None)
        if self.references.first is not None:
            for group in self.groups:
                if group.kind in {"segment", "task"}:
                    self._share(f"escalation.rate.{group}", "escalated", group)
        routes = [group for group in self.groups if group.kind == "route"]
        for route in routes:
            some, every = self._sums("count", route), self._sums("count")
            self._share_of(f"{route}.share", some, every, chance=len(routes) > 1)
        self._share("refusal.rate", "refused")
        if any(any(log.by_outcome) for outcome in self.outcomes for log in outcome.model_logs):
            self._failures()
        seconds = np.array([outcome.window.length_ns / _NS for outcome in self.outcomes])
        for metric, column in (("goodput", "good"), ("arrival.rate", "count")):
            whole = self._sums(column).reshape(len(self.outcomes), -1).sum(axis=1)
            self._pairs(metric, whole, seconds, "the measured window has no length", sectioned=False)

    def _failures(self) -> None:
        """Measure what happens only where calls may be refused, fail or be given up."""
        self._share("failure.rate", "failed")
        for group in self.groups:
            if group.kind in {"segment", "task"}:
                self._share(f"failure.rate.{group}", "failed", group)
        for pair in pairs(self.outcomes):
            if pair.share:
                self._share_of(pair.metric, pair.some, pair.every, chance=pair.chance, sectioned=False)
            else:
                self._pairs(pair.metric, pair.some, pair.every, pair.reason, sectioned=False)

    # ---- models

    def _models(self) -> None:
        window = np.array([float(outcome.window.length_ns) for outcome in self.outcomes])
        requests = np.array([float(outcome.requests) for outcome in self.outcomes])
        for number, model in enumerate(self.outcomes[0].models):
            logs = [outcome.model_logs[number] for outcome in self.outcomes]
            self._idle(number, model)
            if not any(log.calls for log in logs):
                continue
            columns: Mapping[str, tuple[Floats, Floats]] = {
                "calls_per_request": (np.array([float(log.calls) for log in logs]), requests),
                "in_flight": (np.array([float(log.busy_ns) for log in logs]), window),
                "offered_load": (np.array([float(log.offered_ns) for log in logs]), window),
                "queue_mean": (np.array([float(log.queued_ns) for log in logs]), window),
            }
            if any(log.replica_ns for log in logs):
                columns = {**columns, **self._batches(number)}
            elif logs[0].servers:
                busy = columns["in_flight"][0]
                columns = {**columns, "utilisation": (busy, window * logs[0].servers)}
            for short, (above, below) in columns.items():
                self._pairs(
                    f"models.{model}.{short}", above, below, "the measured window has no length", sectioned=False
                )

    def _idle(self, number: int, model: str) -> None:
        """Measure what is paid for the part of replicas that serves nobody: for each the share of its slots not taken.

        Where replicas do not batch, their slots are the model's servers.
        """
        idle = np.zeros(len(self.outcomes))
        for row, outcome in enumerate(self.outcomes):
            log = outcome.model_logs[number]
            places = log.slots * log.replica_ns if log.slots else log.servers * outcome.window.length_ns
            if places:
                idle[row] = outcome.replica_costs()[number] / _FEMTO * (1 - log.busy_ns / places)
        if idle.any():
            requests = np.array([float(outcome.requests) for outcome in self.outcomes])
            metric = f"models.{model}.idle_cost"
            self._pairs(metric, idle * _PER_1K, requests, "no request was measured", sectioned=False)

    def _batches(self, number: int) -> Mapping[str, tuple[Floats, Floats]]:
        """Give what is measured where replicas serve in batches, as sums above and below."""
        logs = [outcome.model_logs[number] for outcome in self.outcomes]
        names = ("busy_ns", "serving_ns", "replica_ns", "decode_ns", "decoded", "first_token_ns", "answered")
        served, serving, up, decode, decoded, first, answered = (
            np.array([float(getattr(log, name)) for log in logs]) for name in names
        )
        window = np.array([float(outcome.window.length_ns) for outcome in self.outcomes])
        return {
            "batch": (served, serving),
            "replicas": (up, window),
            "utilisation": (served, up * logs[0].slots),
            "first_token": (first / _NS, answered),
            "inter_token": (decode / _NS, decoded),
        }

    # ---- from numbers to estimates

    def _sums(self, field: str, group: Group = ALL, outcomes: Sequence[Outcome] | None = None) -> Floats:
        """Give the sum of a field in a group, for each replication or section."""
        of = self.outcomes if outcomes is None else outcomes
        return _floats([outcome.sum(field, group) for outcome in of])

    def _share(self, metric: str, flag: str, group: Group = ALL, *, chance: bool = True) -> None:
        self._share_of(metric, self._sums(flag, group), self._sums("count", group), chance=chance)

    def _share_of(self, metric: str, some: Floats, every: Floats, *, chance: bool, sectioned: bool = True) -> None:
        """Measure a share; where `chance` has no say in it, a share of none or all is certain."""
        interval = ratio_interval(some, every, self.level, sectioned=sectioned and self.sections > 1)
        if interval is not None:
            interval = share_interval(interval, some.sum(), every.sum(), chance=chance)
            self.found.bases[metric] = partial(ratio_basis, some, every, few_data=interval.few_data)
        self._put(metric, interval, "no request is in this group")

    def _pairs(
        self,
        metric: str,
        above: Floats,
        below: Floats,
        reason: str,
        *,
        baseline: str = "",
        sectioned: bool = True,
        few_data: bool = False,
    ) -> None:
        cut = sectioned and self.sections > 1
        interval = ratio_interval(above, below, self.level, sectioned=cut)
        if interval is not None and few_data:
            interval = replace(interval, few_data=True)
        self._put(metric, interval, reason, baseline=baseline)
        if interval is not None:
            self.found.bases[metric] = partial(ratio_basis, above, below, few_data=interval.few_data)

    def _put(
        self, metric: str, interval: Interval | None, reason: str, *, baseline: str = "", divisor: float = 1.0
    ) -> None:
        if interval is None:
            self.found.absent[metric] = reason
            return
        lower, upper = interval.lower, interval.upper
        self.found.estimates[metric] = Estimate(
            value=interval.value / divisor,
            lower=None if lower is None else lower / divisor,
            upper=None if upper is None else upper / divisor,
            unit=metric_of(metric).unit,
            baseline=baseline,
            few_data=interval.few_data,
        )


def _floats(sums: Iterable[Iterable[int]]) -> Floats:
    """Put the integers of all replications in one column, each rounded once."""
    return np.array([float(number) for column in sums for number in column])
