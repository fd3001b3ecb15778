"""`tiercast drift`: the months ahead, with and without gates, and when each would have noticed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import InvalidInput, Issue
from sim.experiment.ahead import Ahead
from sim.experiment.effort import choose_engine, choose_workers, loops_of
from sim.experiment.scene import Scene
from sim.gates.actions import Alert
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import ratio_interval
from sim.study.drift.forward import Records, forward
from sim.study.drift.measures import USD_PER_FEMTO, Stretch, estimate, stretches
from sim.study.drift.noticed import Noticed, looks, noticed, seen_shares
from sim.study.drift.play import Play, PlayRecord, plays_of
from sim.study.replications import Report

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_DAY_NS = 86_400e9


@dataclass(frozen=True, slots=True)
class Played:
    """One play, measured: the whole first, then its months."""

    play: Play
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class DeedCount:
    """What was done to a pattern: by which gate, in how many replications, how often in one, and when first."""

    gate: str
    what: str
    replications: int
    times: float
    first: str


@dataclass(frozen=True, slots=True)
class Acted:
    """What acting on alarms has changed of a pattern, against only hearing them.

    `avoided` unacceptable answers and `extra` USD, over all months; `gained` points of quality.
    """

    pattern: str
    gained: Estimate
    avoided: Estimate
    extra: Estimate
    deeds: tuple[DeedCount, ...]


@dataclass(frozen=True, slots=True)
class DriftAnswer:
    """The months ahead. `days` has one row per epoch and play, all replications together, as plain numbers."""

    experiment: str
    title: str
    hash: str
    seed: int
    engine: str
    replications: int
    level: float
    begin: str
    end: str
    baseline: str
    moves: tuple[str, ...]
    played: tuple[Played, ...]
    gates: tuple[Noticed, ...]
    acted: tuple[Acted, ...]
    days: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


def drift(
    experiment: Experiment, *, workers: int | None = None, engine: str = "auto", progress: Report | None = None
) -> DriftAnswer:
    """Play the months ahead of an experiment forward.

    Raises InvalidInput for an experiment without `drift`, or one whose numbers move to where it allows none.
    """
    if experiment.spec.drift is None:
        mark = experiment.document.mark(())
        hint = "write for example drift: {preset: base, hard: [reasoning]}"
        message = "says nothing about the months ahead"
        raise InvalidInput([Issue(message, mark.file, mark.line, mark.col, "drift", hint)])
    ahead, plays = Ahead(experiment), plays_of(Ahead(experiment))
    requests = _requests(ahead) * len(plays) * experiment.spec.run.replications
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    used, remark = choose_engine(engine, requests, loops_of(scene))
    processes, _ = choose_workers(workers, requests * _COSTLY, experiment.spec.run.replications, used)
    records = forward(experiment, plays, used, processes, progress)
    return _answer(ahead, used, plays, records, [remark] if remark else [])


_COSTLY = 10
"""Epochs are small, and a request takes some ten times as long as in a run: more processes are worth their start."""


def _requests(ahead: Ahead) -> float:
    """Estimate the requests of one replication of one play, as they come at the start."""
    from sim.workload.sources import processes_of  # noqa: PLC0415 - with what it imports

    seconds = ahead.epochs[-1].end_ns / 1e9
    rates = (process.mean_rate_per_s(1.0) for process in processes_of(ahead.experiment.spec.workload).values())
    return sum(rates) * seconds / ahead.drift.thin


def _answer(
    ahead: Ahead, engine: str, plays: Sequence[Play], records: Sequence[Records], notes: list[str]
) -> DriftAnswer:
    experiment, spec = ahead.experiment, ahead.experiment.spec
    by_play: dict[Play, list[PlayRecord]] = {play: [one[play] for one in records] for play in plays}
    frontier = by_play[Play(experiment.line_up.frontier_only)]
    own = [pattern.name for pattern in spec.patterns]
    return DriftAnswer(
        experiment=spec.name,
        title=spec.title or spec.name,
        hash=experiment.hash,
        seed=spec.seed,
        engine=engine,
        replications=spec.run.replications,
        level=spec.run.level,
        begin=f"{ahead.epochs[0].begin:%Y-%m-%d}",
        end=f"{ahead.epochs[-1].end:%Y-%m-%d}",
        baseline=experiment.line_up.frontier_only,
        moves=tuple(movement.name for movement in ahead.movements),
        played=tuple(
            Played(play, tuple(stretches(ahead, some, None if play.still else frontier)))
            for play, some in by_play.items()
        ),
        gates=tuple(
            noticed(ahead, gate, name, by_play[Play(name)], by_play[Play(name, still=True)])
            for gate in spec.gates
            for name in own
            if looks(gate, by_play[Play(name)])
        ),
        acted=tuple(
            _acted(ahead, play.pattern, by_play[Play(play.pattern)], some)
            for play, some in by_play.items()
            if play.acts
        ),
        days=tuple(row for play, some in by_play.items() for row in _day_rows(ahead, play, some)),
        notes=(*notes, *_notes(ahead)),
    )


def _acted(ahead: Ahead, pattern: str, heard: Sequence[PlayRecord], acted: Sequence[PlayRecord]) -> Acted:
    level, thin, one = ahead.experiment.spec.run.level, ahead.drift.thin, np.ones(len(heard))

    def sums(records: Sequence[PlayRecord], name: str) -> Any:
        return np.array([float(sum(getattr(day, name) for day in record.days)) for record in records])

    better = sums(acted, "acceptable") - sums(heard, "acceptable")
    extra = (sums(acted, "cost_femto") - sums(heard, "cost_femto")) * USD_PER_FEMTO
    found = [
        (ratio_interval(better * 100, sums(heard, "count"), level), "points"),
        (ratio_interval(better * thin, one, level), "answers"),
        (ratio_interval(extra * thin, one, level), "usd"),
    ]
    gained, avoided, spent = (estimate(some, unit) for some, unit in found if some is not None)
    return Acted(pattern, gained, avoided, spent, tuple(_deeds(acted)))


def _deeds(records: Sequence[PlayRecord]) -> Iterator[DeedCount]:
    """Yield what was done, in how many replications, and the middle one of the dates at which it was done first."""
    kinds = dict.fromkeys((deed.gate, deed.what) for record in records for deed in record.deeds)
    for gate, what in kinds:
        times = [[deed.at for deed in record.deeds if (deed.gate, deed.what) == (gate, what)] for record in records]
        done = [some for some in times if some]
        first = statistics.median_low(sorted(some[0] for some in done))
        yield DeedCount(gate, what, len(done), sum(map(len, times)) / len(done), f"{first:%Y-%m-%d}")


def _day_rows(ahead: Ahead, play: Play, records: Sequence[PlayRecord]) -> Iterator[Mapping[str, Any]]:
    """Yield one row per epoch: the truth of all replications together, and beside it what each chart saw."""
    seen = seen_shares(records)
    for epoch in ahead.epochs:
        days = [record.days[epoch.number] for record in records]
        count = sum(day.count for day in days)
        row: dict[str, Any] = {
            "date": epoch.begin.isoformat(),
            "pattern": play.pattern,
            "play": "still" if play.still else "acting" if play.acts else "moving",
            "requests": count * ahead.drift.thin / len(records),
        }
        for name, of in (("cheap", "cheap"), ("escalated", "escalated"), ("accepted", "acceptable")):
            row[name] = sum(getattr(day, of) for day in days) / count if count else None
        spent = sum(day.cost_femto for day in days) * USD_PER_FEMTO
        row["spend_usd"] = spent * ahead.drift.thin / len(records)
        for (gate, chart), shares in seen.items():
            share = float(shares[epoch.number])
            row[f"{gate}/{chart}"] = None if np.isnan(share) else share
        yield row


def _notes(ahead: Ahead) -> Iterator[str]:
    drift = ahead.drift
    if not ahead.movements:
        yield "nothing moves: `drift` names neither a preset nor changes"
    if drift.thin > 1:
        yield f"one simulated request stands for {drift.thin:g}: no queues form, times are those of a fleet with room"
        for gate in ahead.experiment.spec.gates:
            stands_for = gate.thinned(drift.thin)[1]
            if stands_for > 1:
                yield f"{gate.name} sees one answer for {stands_for:.3g} that it would see: it would notice sooner"
    if any(".capacity." in movement.name for movement in ahead.movements):
        yield "where capacity moves, the epoch begins on a new fleet; the old one finishes the calls in flight"
    yield "within an epoch nothing moves; gates look, and actions take effect, between epochs"
    if any(not isinstance(gate.then, Alert) for gate in ahead.experiment.spec.gates):
        yield "gates are told of as they hear patterns on which nobody acts; what acting changes stands apart"
