"""From request logs to metrics with intervals.

Every metric but quantiles is a ratio of two sums with one pair per replication, so one interval serves means, shares,
costs, savings and losses; those against a baseline are paired request by request through common random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.columns import Bools, Floats, Ints
from sim.outcome.bill import total
from sim.outcome.catalogue import metric_of
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import (
    SECTIONS,
    Interval,
    quantile_interval,
    quantile_ratio_interval,
    ratio_interval,
    share_interval,
)
from sim.outcome.outcomes import Outcome, RequestLog
from sim.routing.plan import Cause

_NS = 1e9
_NANO = 1e9
_PER_1K = 1_000.0
_POINTS = 100.0
_30_DAYS_S = 30 * 86_400.0
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
Mask = Callable[[RequestLog], Bools]


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


@dataclass(frozen=True, slots=True)
class Goals:
    """What a good answer must meet to count as goodput, in nanoseconds; None: no such goal."""

    latency_ns: int | None = None
    ttft_ns: int | None = None


@dataclass(slots=True)
class Measured:
    """Estimates by metric name, and for metrics without data the reason."""

    estimates: dict[str, Estimate] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def measure(name: str, outcomes: Sequence[Outcome], references: References, goals: Goals, level: float) -> Measured:
    """Compute every metric of one pattern from the outcomes of its replications."""
    return _Measurement(name, outcomes, references, goals, level).all()


class _Measurement:
    def __init__(
        self, name: str, outcomes: Sequence[Outcome], references: References, goals: Goals, level: float
    ) -> None:
        self.name = name
        self.outcomes = outcomes
        self.references = references
        self.goals = goals
        self.level = level
        self.sections = sections_for(len(outcomes))
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

    # ---- durations

    def _durations(self) -> None:
        columns: dict[str, Callable[[RequestLog], Ints]] = {
            "latency": lambda log: log.latency_ns,
            "ttft": lambda log: log.ttft_ns,
            "wait": lambda log: log.queueing_ns,
        }
        for metric, column in columns.items():
            self._duration(metric, column, None, "no request was measured")
            for group, mask in self._groups().items():
                self._duration(f"{metric}.{group}", column, mask, f"no request is in the group {group}")
        self._latency_ratio("latency.p50_ratio", 0.50, None, self.references.first)
        self._latency_ratio("latency.escalated.p50_ratio", 0.50, lambda log: log.escalated, self.references.last)
        self._latency_ratio("latency.p95_ratio", 0.95, None, self.references.baseline)

    def _duration(self, metric: str, column: Callable[[RequestLog], Ints], mask: Mask | None, reason: str) -> None:
        samples = [_masked(outcome.log, column, mask) for outcome in self.outcomes]
        self._ratio(
            f"{metric}.mean", lambda log: (_chosen(column(log) / _NS, mask, log), _ones(mask, log)), reason=reason
        )
        for short, q in _QUANTILES.items():
            self._put(f"{metric}.{short}", quantile_interval(samples, q, self.level), reason, divisor=_NS)

    def _latency_ratio(
        self, metric: str, q: float, mask: Mask | None, reference: tuple[str, Sequence[Outcome]] | None
    ) -> None:
        if reference is None or reference[0] == self.name:
            return
        baseline, outcomes = reference
        interval = quantile_ratio_interval(
            [_masked(outcome.log, lambda log: log.latency_ns, mask) for outcome in self.outcomes],
            # the same requests on both sides: those that escalate are longer and harder than others
            [
                other.log.latency_ns if mask is None else other.log.latency_ns[mask(own.log)]
                for own, other in zip(self.outcomes, outcomes, strict=True)
            ],
            q,
            self.level,
        )
        reason = (
            "the baseline takes no time" if mask is None else "no request was escalated, or the baseline takes no time"
        )
        self._put(metric, interval, reason, baseline=baseline)

    def _groups(self) -> dict[str, Mask]:
        """Give the groups that latencies are reported for; a group that is everything is left out."""
        log = self.outcomes[0].log
        groups: dict[str, Mask] = {}
        if self.references.first is not None:
            groups["escalated"] = lambda log: log.escalated
            groups["not_escalated"] = lambda log: ~log.escalated
        for route in _names(self.outcomes, lambda log: log.routes):
            groups[f"route.{route}"] = _is(route, lambda log: log.routes, lambda log: log.route)
        if len(log.segments) > 1:
            for segment in log.segments:
                groups[f"segment.{segment}"] = _is(segment, lambda log: log.segments, lambda log: log.segment)
        if len(log.tasks) > 1:
            for task in log.tasks:
                groups[f"task.{task}"] = _is(task, lambda log: log.tasks, lambda log: log.task)
        return groups

    # ---- money

    def _costs(self) -> None:
        reason = "no request was measured"
        requests = np.array([float(len(part)) for part in self._parts(lambda log: log.cost_nano)])
        spent = np.array([float(total) for total in self._spent(self.outcomes)]) / _NANO
        self._pairs("cost.per_1k", spent * _PER_1K, requests, reason)
        share = np.full(len(spent), 1.0 / self.sections)
        self._pairs("cost.total", spent, share, reason)
        seconds = np.repeat([o.window.length_ns / _NS / self.sections for o in self.outcomes], self.sections)
        self._pairs("cost.per_30d", spent * _30_DAYS_S, seconds, "the measured window has no length")
        for cause in Cause:
            by_cause = np.concatenate([outcome.by_cause[:, cause] for outcome in self.outcomes]) / _NANO
            if by_cause.any():
                self._pairs(f"cost.cause.{cause.label}.per_1k", by_cause * _PER_1K, requests, reason)
        replicas = np.repeat([float(o.replica_nano) for o in self.outcomes], self.sections) / _NANO / self.sections
        if replicas.any():
            self._pairs("cost.cause.replicas.per_1k", replicas * _PER_1K, requests, reason)
        for number, model in enumerate(self.outcomes[0].log.models):
            by_model = np.concatenate([outcome.by_model[:, number] for outcome in self.outcomes]) / _NANO
            if by_model.any():
                self._pairs(f"cost.model.{model}.per_1k", by_model * _PER_1K, requests, reason)
        baseline, reference = self.references.baseline
        if baseline != self.name:
            base = np.array([float(total) for total in self._spent(reference)]) / _NANO
            self._pairs("cost.saving", base - spent, base, "the baseline costs nothing", baseline=baseline)
        if len(self.outcomes[0].log.segments) > 1:
            self._segment_costs(seconds)

    def _segment_costs(self, seconds: Floats) -> None:
        """Measure what each segment pays for its calls; idle replicas belong to no segment."""
        baseline, reference = self.references.baseline
        for code, segment in enumerate(self.outcomes[0].log.segments):
            name, reason = f"segment.{segment}", f"no request is in the segment {segment}"
            spent, requests = self._segment_sums(self.outcomes, code)
            self._pairs(f"cost.per_1k.{name}", spent * _PER_1K, requests, reason)
            self._pairs(f"cost.per_30d.{name}", spent * _30_DAYS_S, seconds, "the measured window has no length")
            if baseline != self.name:
                base, _ = self._segment_sums(reference, code)
                reason = f"the baseline costs nothing in the segment {segment}"
                self._pairs(f"cost.saving.{name}", base - spent, base, reason, baseline=baseline)

    def _segment_sums(self, outcomes: Sequence[Outcome], code: int) -> tuple[Floats, Floats]:
        """Give USD and number of requests of one segment, for each section."""
        mine = [part for o in outcomes for part in np.split(o.log.segment == code, o.cuts)]
        cost = [part for o in outcomes for part in np.split(o.log.cost_nano, o.cuts)]
        spent = [total(nano[flag]) / _NANO for nano, flag in zip(cost, mine, strict=True)]
        return np.array(spent), np.array([float(flag.sum()) for flag in mine])

    def _spent(self, outcomes: Sequence[Outcome]) -> list[float]:
        """Give the nano-dollars of each section, with its part of what the replicas cost."""
        return [
            total(part) + outcome.replica_nano / self.sections
            for outcome in outcomes
            for part in np.split(outcome.log.cost_nano, outcome.cuts)
        ]

    # ---- quality

    def _quality(self) -> None:
        self._share("quality.acceptance", lambda log: log.acceptable)
        for group, mask in self._groups().items():
            if group.split(".")[0] in {"segment", "task", "route"}:
                self._share(f"quality.acceptance.{group}", lambda log: log.acceptable, mask)
        mine, ones = self._acceptable(self.outcomes)
        baseline, reference = self.references.baseline
        if baseline != self.name:
            base, _ = self._acceptable(reference)
            self._pairs("quality.loss", (base - mine) * _POINTS, ones, "no request was measured", baseline=baseline)
        cheap, frontier = self.references.cheap, self.references.frontier
        if self.name not in (cheap[0], frontier[0]) and cheap[0] != frontier[0]:
            low, _ = self._acceptable(cheap[1])
            high, _ = self._acceptable(frontier[1])
            self._pairs(
                "quality.gap_recovered",
                mine - low,
                high - low,
                f"{cheap[0]} and {frontier[0]} are equally good",
                baseline=f"{cheap[0]} to {frontier[0]}",
            )

    def _acceptable(self, outcomes: Sequence[Outcome]) -> tuple[Floats, Floats]:
        parts = [part for o in outcomes for part in np.split(o.log.acceptable, o.cuts)]
        return np.array([float(part.sum()) for part in parts]), np.array([float(len(part)) for part in parts])

    # ---- rates

    def _rates(self) -> None:
        self._share("escalation.rate", lambda log: log.escalated, chance=self.references.first is not None)
        if self.references.first is not None:
            for group, mask in self._groups().items():
                if group.split(".")[0] in {"segment", "task"}:
                    self._share(f"escalation.rate.{group}", lambda log: log.escalated, mask)
        routes = _names(self.outcomes, lambda log: log.routes)
        for route in routes:
            chosen = _is(route, lambda log: log.routes, lambda log: log.route)
            self._share(f"route.{route}.share", chosen, chance=len(routes) > 1)
        self._share("refusal.rate", lambda log: log.refused)
        good = np.array([float(self._good(outcome.log).sum()) for outcome in self.outcomes])
        count = np.array([float(len(outcome.log.arrival_ns)) for outcome in self.outcomes])
        seconds = np.array([outcome.window.length_ns / _NS for outcome in self.outcomes])
        self._pairs("goodput", good, seconds, "the measured window has no length", sectioned=False)
        self._pairs("arrival.rate", count, seconds, "the measured window has no length", sectioned=False)

    def _good(self, log: RequestLog) -> Bools:
        good = log.acceptable
        if self.goals.latency_ns is not None:
            good = good & (log.latency_ns <= self.goals.latency_ns)
        if self.goals.ttft_ns is not None:
            good = good & (log.ttft_ns <= self.goals.ttft_ns)
        return good

    # ---- models

    def _models(self) -> None:
        window = np.array([float(outcome.window.length_ns) for outcome in self.outcomes])
        requests = np.array([float(len(outcome.log.arrival_ns)) for outcome in self.outcomes])
        for number, model in enumerate(self.outcomes[0].log.models):
            logs = [outcome.model_logs[number] for outcome in self.outcomes]
            if not any(log.calls for log in logs):
                continue
            columns: Mapping[str, tuple[Floats, Floats]] = {
                "calls_per_request": (np.array([float(log.calls) for log in logs]), requests),
                "in_flight": (np.array([float(log.busy_ns) for log in logs]), window),
                "offered_load": (np.array([float(log.offered_ns) for log in logs]), window),
                "queue_mean": (np.array([float(log.queued_ns) for log in logs]), window),
            }
            if logs[0].servers:
                busy = columns["in_flight"][0]
                columns = {**columns, "utilisation": (busy, window * logs[0].servers)}
            for short, (above, below) in columns.items():
                self._pairs(
                    f"models.{model}.{short}", above, below, "the measured window has no length", sectioned=False
                )

    # ---- from numbers to estimates

    def _parts(self, column: Callable[[RequestLog], Ints]) -> list[Ints]:
        return [part for outcome in self.outcomes for part in np.split(column(outcome.log), outcome.cuts)]

    def _share(
        self, metric: str, flag: Callable[[RequestLog], Bools], mask: Mask | None = None, *, chance: bool = True
    ) -> None:
        """Measure a share of requests; where `chance` has no say in it, a share of none or all is certain."""
        above, below = self._sums(lambda log: (_chosen(flag(log).astype(np.float64), mask, log), _ones(mask, log)))
        interval = ratio_interval(above, below, self.level, sectioned=self.sections > 1)
        if interval is not None:
            interval = share_interval(interval, above.sum(), below.sum(), chance=chance)
        self._put(metric, interval, "no request is in this group")

    def _ratio(self, metric: str, columns: Callable[[RequestLog], tuple[Floats, Floats]], *, reason: str) -> None:
        self._pairs(metric, *self._sums(columns), reason)

    def _sums(self, columns: Callable[[RequestLog], tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Give the sums of two columns, for each replication or section."""
        above, below = [], []
        for outcome in self.outcomes:
            values, weights = columns(outcome.log)
            above += [part.sum() for part in np.split(values, outcome.cuts)]
            below += [part.sum() for part in np.split(weights, outcome.cuts)]
        return np.array(above), np.array(below)

    def _pairs(
        self, metric: str, above: Floats, below: Floats, reason: str, *, baseline: str = "", sectioned: bool = True
    ) -> None:
        cut = sectioned and self.sections > 1
        self._put(metric, ratio_interval(above, below, self.level, sectioned=cut), reason, baseline=baseline)

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


def _names(outcomes: Sequence[Outcome], names: Callable[[RequestLog], tuple[str, ...]]) -> list[str]:
    """Give the names seen in any replication, in order of first appearance."""
    return list(dict.fromkeys(name for outcome in outcomes for name in names(outcome.log)))


def _is(name: str, names: Callable[[RequestLog], tuple[str, ...]], codes: Callable[[RequestLog], Ints]) -> Mask:
    """Give a mask of the requests with this name; routes are numbered per replication, so the name is looked up."""

    def mask(log: RequestLog) -> Bools:
        known = names(log)
        return np.equal(codes(log), known.index(name) if name in known else -1)

    return mask


def _masked(log: RequestLog, column: Callable[[RequestLog], Ints], mask: Mask | None) -> Ints:
    values = column(log)
    return values if mask is None else values[mask(log)]


def _chosen(values: Floats, mask: Mask | None, log: RequestLog) -> Floats:
    return values if mask is None else values * mask(log)


def _ones(mask: Mask | None, log: RequestLog) -> Floats:
    return np.ones(len(log.arrival_ns)) if mask is None else mask(log).astype(np.float64)
