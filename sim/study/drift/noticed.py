"""When gates noticed, what it cost until then, and how often they cry without a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.chance import Streams
from sim.columns import Floats
from sim.experiment.ahead import Ahead
from sim.gates.kinds import Gate
from sim.outcome.estimates import Estimate
from sim.outcome.exact import binomial_bounds, poisson_bounds
from sim.outcome.intervals import Interval, ratio_interval
from sim.schema import kind_of
from sim.study.drift.measures import estimate
from sim.study.drift.play import PlayRecord
from sim.study.drift.watch import Alarm

SHARES: Final = (0.1, 0.5, 0.9)
"""The shares of runs in which a delay is not exceeded that are told."""
HALF_YEAR_DAYS: Final = 365.2425 / 2
_DAY: Final = 86_400.0
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """A gate alone, set to one false alarm in `every_days`: what it came to."""

    every_days: float
    false_alarms: Estimate
    silent: Estimate
    delay_days: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Noticed:
    """One gate over one pattern.

    `false_alarms` in six months in which nothing moves (`allowed`: what its settings promise; None for a fixed line),
    `silent` the share of runs in which it noticed nothing, `delay_days` from the first movement to the first alarm that
    follows, at the shares of `SHARES` (None: not within the months ahead), `bad_before` the unacceptable answers until
    then beyond those that would have been served had nothing moved, `cost` a month in USD. `curve` is the gate alone at
    other settings.
    """

    gate: str
    kind: str
    pattern: str
    charts: tuple[str, ...]
    allowed: float | None
    false_alarms: Estimate
    silent: Estimate
    delay_days: tuple[float | None, ...]
    bad_before: Estimate | None
    cost: Estimate
    curve: tuple[Point, ...]


def looks(gate: Gate, records: Sequence[PlayRecord]) -> bool:
    """Say whether a gate has ever had anything to see: a cascade's escalations are nothing to other patterns."""
    counts = [some for record in records for (of, _), some in record.counts.items() if of == gate.name]
    return any(some[:, 1:].any() for some in counts)


def onset(ahead: Ahead) -> int:
    """Give the number of the first epoch in which something has moved; 0 if nothing ever does."""
    streams = Streams(ahead.experiment.spec.seed, 0)
    first = ahead.values(ahead.epochs[0], ahead.start, streams, still=True)
    for epoch in ahead.epochs:
        if ahead.values(epoch, ahead.start, streams, still=False) != first:
            return epoch.number
    return 0


def noticed(
    ahead: Ahead, gate: Gate, pattern: str, moving: Sequence[PlayRecord], still: Sequence[PlayRecord]
) -> Noticed:
    """Say what a gate came to over a pattern."""
    begins, level = onset(ahead), ahead.experiment.spec.run.level
    alarms = [[alarm for alarm in record.alarms if alarm.gate == gate.name] for record in moving]
    false = [[alarm for alarm in record.alarms if alarm.gate == gate.name] for record in still]
    charts = tuple(dict.fromkeys(name for record in moving for (of, name) in record.counts if of == gate.name))
    after = [_first(one, begins) for one in alarms]
    return Noticed(
        gate=gate.name,
        kind=kind_of(type(gate)),
        pattern=pattern,
        charts=charts,
        allowed=_allowed(ahead, gate, still),
        false_alarms=_per_half_year(ahead, [len(one) for one in false], level),
        silent=_silent(after, level),
        delay_days=_delays(ahead, after, begins),
        bad_before=_bad_before(ahead, moving, still, after, begins),
        cost=_cost(ahead, gate, moving),
        curve=tuple(_curve(ahead, gate, moving, still, begins)),
    )


def _first(alarms: Sequence[Alarm], begins: int) -> Alarm | None:
    return next((alarm for alarm in alarms if alarm.epoch >= begins), None)


def _allowed(ahead: Ahead, gate: Gate, still: Sequence[PlayRecord]) -> float | None:
    """Give the false alarms in six months that the settings allow this gate: its part of all charts."""
    if _has_limit(gate, still):
        return None
    fixed = {one.name for one in ahead.experiment.spec.gates if _has_limit(one, still)}
    keys = {key for record in still for key in record.counts if key[0] not in fixed}
    own = sum(of == gate.name for of, _ in keys)
    share = own / len(keys) if keys else 1.0
    return HALF_YEAR_DAYS * _DAY_NS / gate.false_alarm_every * share


def _has_limit(gate: Gate, records: Sequence[PlayRecord]) -> bool:
    some = next((counts[0] for record in records for (of, _), counts in record.counts.items() if of == gate.name), None)
    return some is not None and gate.beyond_limit(some) is not None


def _per_half_year(ahead: Ahead, alarms: Sequence[int], level: float) -> Estimate:
    """Give alarms in six months as the mean of a Poisson count over all replications."""
    days = (ahead.epochs[-1].end - ahead.epochs[0].begin).total_seconds() / _DAY * len(alarms)
    factor = HALF_YEAR_DAYS / days
    low, high = poisson_bounds(sum(alarms), level)
    return Estimate(sum(alarms) * factor, low * factor, high * factor, "alarms")


def _silent(after: Sequence[Alarm | None], level: float) -> Estimate:
    silent = sum(alarm is None for alarm in after)
    low, high = binomial_bounds(silent, len(after), level)
    return Estimate(silent / len(after), low, high, "fraction")


def _delays(ahead: Ahead, after: Sequence[Alarm | None], begins: int) -> tuple[float | None, ...]:
    start = ahead.epochs[begins].begin
    days = sorted(math.inf if alarm is None else (alarm.at - start).total_seconds() / _DAY for alarm in after)
    found = [days[math.ceil(share * len(days)) - 1] for share in SHARES]
    return tuple(None if math.isinf(day) else day for day in found)


def _bad_before(
    ahead: Ahead,
    moving: Sequence[PlayRecord],
    still: Sequence[PlayRecord],
    after: Sequence[Alarm | None],
    begins: int,
) -> Estimate | None:
    """Give the unacceptable answers from the first movement to the alarm beyond those of the same days unmoved."""
    excess: list[float] = []
    for record, control, alarm in zip(moving, still, after, strict=True):
        total = 0.0
        for epoch in ahead.epochs[begins:]:
            if alarm is not None and epoch.begin >= alarm.at:
                break
            day, calm = record.days[epoch.number], control.days[epoch.number]
            usual = (calm.count - calm.acceptable) / calm.count if calm.count else 0.0
            total += day.count - day.acceptable - usual * day.count
        excess.append(total * ahead.drift.thin)
    return _mean(excess, ahead.experiment.spec.run.level, "answers")


def _cost(ahead: Ahead, gate: Gate, records: Sequence[PlayRecord]) -> Estimate:
    months = len(ahead.months)
    stands_for = gate.thinned(ahead.drift.thin)[1]
    usd = [gate.usd(record.looked_at.get(gate.name, 0)) * stands_for / months for record in records]
    return _mean(usd, ahead.experiment.spec.run.level, "usd")


def _mean(values: Sequence[float], level: float, unit: str) -> Estimate:
    found = ratio_interval(np.array(values, dtype=np.float64), np.ones(len(values)), level)
    return estimate(found or Interval(0.0, None, None), unit)


def _curve(
    ahead: Ahead, gate: Gate, moving: Sequence[PlayRecord], still: Sequence[PlayRecord], begins: int
) -> list[Point]:
    level, points = ahead.experiment.spec.run.level, []
    for factor in [factor for name, factor in moving[0].replays if name == gate.name]:
        key = (gate.name, factor)
        after = [_first(record.replays[key], begins) for record in moving]
        points.append(
            Point(
                every_days=gate.false_alarm_every * factor / _DAY_NS,
                false_alarms=_per_half_year(ahead, [len(record.replays[key]) for record in still], level),
                silent=_silent(after, level),
                delay_days=_delays(ahead, after, begins),
            )
        )
    return points


def seen_shares(records: Sequence[PlayRecord]) -> dict[tuple[str, str], Floats]:
    """Give the share that each chart of a rate saw in each epoch, all replications together; NaN where none was."""
    found = {}
    for key in dict.fromkeys(key for record in records for key in record.counts):
        total = np.array(sum(record.counts[key] for record in records if key in record.counts), dtype=np.float64)
        if total.shape[1] == 2:  # noqa: PLR2004 - looked at, bad
            with np.errstate(invalid="ignore", divide="ignore"):
                found[key] = total[:, 1] / total[:, 0]
    return found
