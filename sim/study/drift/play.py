"""One replication of the months ahead: epoch after epoch drawn, planned, played, accounted for and reviewed."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from sim.columns import Ints
from sim.engine import ENGINES
from sim.experiment.ahead import Ahead, Epoch
from sim.experiment.inputs import Files
from sim.gates.actions import Alert
from sim.gates.seen import Seen
from sim.outcome.histogram import Histogram
from sim.outcome.ledger import Ledger
from sim.outcome.outcomes import RequestLog
from sim.routing.answers import Answers
from sim.routing.patterns import Pattern
from sim.routing.plan import Plan
from sim.routing.signals.task_class import TaskClassifier
from sim.study.drift.days import Day, day_of, together, without_latency
from sim.study.drift.scenes import EpochScene, Scenes
from sim.study.drift.steering import Deed, Steering
from sim.study.drift.watch import Alarm, Watch
from sim.workload.requests import Requests

_MOST_EXACT: Final = 1 << 16
"""Latencies of an epoch that are kept as they come; beyond, they are counted in the histogram that all end in."""


@dataclass(frozen=True, slots=True)
class PlayRecord:
    """What one replication of one play came to: its days, the alarms and deeds, and what the gates counted.

    `days` has one entry per epoch, `latency` one histogram per month; `counts` by (gate, stream) is int64[epochs,
    bins], `scores` likewise one per epoch, NaN where there was none; `looked_at` is by gate. `replays` by (gate,
    factor) are the alarms of each gate alone, set to so many times its time between false alarms.
    """

    days: tuple[Day, ...]
    latency: tuple[Histogram, ...]
    alarms: tuple[Alarm, ...]
    deeds: tuple[Deed, ...]
    scores: dict[tuple[str, str], list[float]]
    counts: dict[tuple[str, str], Ints]
    looked_at: dict[str, int]
    replays: dict[tuple[str, float], tuple[Alarm, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Play:
    """A pattern played forward. `acts`: alarms have their consequences; `still`: nothing moves."""

    pattern: str
    acts: bool = False
    still: bool = False


def plays_of(ahead: Ahead) -> list[Play]:
    """Give what is played: the user's patterns as numbers move, with acting gates, and unmoved; and frontier-only."""
    spec, frontier = ahead.experiment.spec, ahead.experiment.line_up.frontier_only
    own = [pattern.name for pattern in spec.patterns]
    found = [Play(name) for name in dict.fromkeys([*own, frontier])]
    if any(not isinstance(gate.then, Alert) for gate in spec.gates):
        found += [Play(name, acts=True) for name in own]
    return found + [Play(name, still=True) for name in own]


def play_forward(
    ahead: Ahead,
    inputs: Files,
    replication: int,
    engine: str,
    plays: Sequence[Play],
    *,
    report: Callable[[float], None] | None = None,
) -> dict[Play, PlayRecord]:
    """Play one replication of every play; the records do not depend on which other plays there are.

    `report` hears of the share that is done.
    """
    return play_scenes(ahead, Scenes(ahead, inputs, replication), replication, engine, plays, report=report)


def play_scenes(
    ahead: Ahead,
    scenes: Scenes,
    replication: int,
    engine: str,
    plays: Sequence[Play],
    *,
    report: Callable[[float], None] | None = None,
) -> dict[Play, PlayRecord]:
    """Play one replication of every play in these scenes."""
    found: dict[Play, PlayRecord] = {}
    for still in (False, True):
        group = [play for play in plays if play.still is still]
        if group:
            run = _Run(ahead, scenes, replication, engine, group)
            found |= run.played(_within(report, len(found) / len(plays), len(group) / len(plays)))
    return {play: found[play] for play in plays}


def _within(report: Callable[[float], None] | None, before: float, share: float) -> Callable[[float], None]:
    """Report a part of what is a share of the whole, with so much done before."""
    return lambda part: None if report is None else report(before + share * part)


class _Run:
    """Plays that see the same requests."""

    def __init__(self, ahead: Ahead, scenes: Scenes, replication: int, engine: str, plays: Sequence[Play]) -> None:
        self._ahead = ahead
        self._scenes = scenes
        self._replication = replication
        self._still = plays[0].still
        self._plays = {play: _InPlay(ahead, play, engine) for play in plays}

    def played(self, report: Callable[[float], None]) -> dict[Play, PlayRecord]:
        """Play to the end."""
        last: Epoch | None = None
        for epoch, requests in self._drawn():
            if last is not None:
                anew = epoch is not last and self._capacity(epoch) != self._capacity(last)
                self._advance(None if anew else int(requests.arrival_ns[0]))
                if anew:
                    for one in self._plays.values():
                        one.begin_anew()
            if last is None or epoch is not last:
                for one in self._plays.values():
                    one.review(epoch.number)
                report(epoch.number / len(self._ahead.epochs))
            self._take(epoch, requests)
            last = epoch
        self._advance(None)
        for one in self._plays.values():
            one.review(len(self._ahead.epochs))
        return {play: one.record() for play, one in self._plays.items()}

    def _capacity(self, epoch: Epoch) -> list[object]:
        """Give what each model can do at once in an epoch."""
        scene = self._scenes.of(epoch, self._ahead.start, still=self._still)
        return [model.capacity for model in scene.spec.fleet.values()]

    def _drawn(self) -> Iterator[tuple[Epoch, Requests]]:
        """Yield the requests of all epochs, chunk by chunk; those without any are left out."""
        for epoch in self._ahead.epochs:
            scene = self._scenes.of(epoch, self._ahead.start, still=self._still)
            for requests in scene.chunks(self._replication):
                if len(requests):
                    yield epoch, requests

    def _take(self, epoch: Epoch, requests: Requests) -> None:
        """Plan the requests for every play, each with its own training date."""
        answers: dict[int, Answers] = {}
        for one in self._plays.values():
            scene = self._scenes.of(epoch, one.steering.trained, still=self._still)
            if id(scene) not in answers:
                answers[id(scene)] = scene.answers(replace(requests, task_shares=scene.task_shares))
            one.take(epoch, scene, answers[id(scene)])

    def _advance(self, until_ns: int | None) -> None:
        for one in self._plays.values():
            one.advance(until_ns)


class _InPlay:
    """One pattern in play: engine, steering, the ledger of each epoch, and the watches."""

    def __init__(self, ahead: Ahead, play: Play, engine: str) -> None:
        self.steering = Steering(ahead.start, ahead.retrained)
        self._ahead = ahead
        self._play = play
        self._engine_name = engine
        self._engine = ENGINES[engine]()
        self._open: deque[tuple[int, EpochScene, Plan, Answers]] = deque()
        self._next: Plan | None = None
        self._ledgers: dict[int, Ledger] = {}
        self._cheap: dict[int, int] = {}
        self._days: dict[int, Day] = {}
        self._reviewed: dict[str, int] = {}
        self._watches = [Watch(gate, ahead.drift.epoch, ahead.drift.thin) for gate in ahead.experiment.spec.gates]
        self._counts: dict[tuple[str, str], Ints] = {}
        self._alarms: list[Alarm] = []
        self._planned = -1

    def begin_anew(self) -> None:
        """Go on with another fleet, of another capacity: calls in flight have been finished by the old one."""
        self._engine = ENGINES[self._engine_name]()

    def take(self, epoch: Epoch, scene: EpochScene, answers: Answers) -> None:
        """Plan the next requests as the pattern is steered now."""
        written = next(one for one in scene.line_up.patterns if one.name == self._play.pattern)
        pattern = self.steering.steered(written, scene.line_up.frontier, dict(scene.spec.signals))
        plan = scene.plan(pattern, answers, refusable=self._refusable(scene, written))
        if epoch.number not in self._ledgers:
            terms = replace(scene.terms(pattern, scene.window(0)), sections=1, most_exact=_MOST_EXACT)
            self._ledgers[epoch.number] = Ledger(terms, answers.requests, plan.routes)
        self._open.append((epoch.number, scene, plan, answers))
        self._next = plan
        self._planned = epoch.number

    def advance(self, until_ns: int | None) -> None:
        """Play what was planned up to the next arrival, and account for what is complete."""
        if self._next is None:
            return
        for log in self._engine.advance(self._next.itinerary, until_ns):
            number, scene, plan, answers = self._open.popleft()
            requests = self._ledgers[number].add(plan, log, answers)
            if scene.line_up.cheap in requests.models:
                by_cheap = requests.served_by == requests.models.index(scene.line_up.cheap)
                self._cheap[number] = self._cheap.get(number, 0) + int(by_cheap.sum())
            self._count(number, scene, requests, answers)
        self._next = None
        ended = self._open[0][0] if self._open else self._planned + 1
        ended = min(ended, self._planned + (until_ns is None))
        for number in [number for number in self._ledgers if number < ended]:
            self._days[number] = day_of(self._ledgers.pop(number).close(), self._cheap.get(number, 0))

    def review(self, coming: int) -> None:
        """Before an epoch comes: let the gates look at what is known by now, and do what is due."""
        epochs = self._ahead.epochs
        now = epochs[coming].begin if coming < len(epochs) else epochs[-1].end
        for watch in self._watches:
            self._look(watch, coming, now)
        if coming < len(epochs) and self.steering.take_effect(now):
            for watch in self._watches:
                watch.learn_anew(coming)

    def record(self) -> PlayRecord:
        """Give what came of it, after all has been played."""
        epochs, counts = self._ahead.epochs, self._counts
        watched = {watch.gate.name: watch for watch in self._watches}
        days = [self._days.get(epoch.number, Day()) for epoch in epochs]
        months = self._ahead.months
        return PlayRecord(
            days=tuple(without_latency(day) for day in days),
            latency=tuple(together(days[month.start : month.stop]).latency for month in months),
            alarms=tuple(self._alarms),
            deeds=tuple(self.steering.deeds),
            scores={(gate, name): watched[gate].scores(name, len(epochs)) for gate, name in counts},
            counts=counts,
            looked_at={gate: _looked_at(gate, counts) for gate in watched},
        )

    def _look(self, watch: Watch, coming: int, now: dt.datetime) -> None:
        first = self._reviewed.get(watch.gate.name, 0)
        for number in range(first, coming - watch.lag + 1):
            if number in self._ledgers:
                return  # not all of it is answered yet
            own = {name: some[number] for (gate, name), some in self._counts.items() if gate == watch.gate.name}
            alarms = watch.look(number, own, self._charts(), now)
            self._alarms += alarms
            if alarms and self._play.acts:
                self.steering.order(watch.gate.name, watch.gate.then, now)
            self._reviewed[watch.gate.name] = number + 1

    def _charts(self) -> int:
        """Count the charts that watch the pattern."""
        limits = {
            watch.gate.name for watch in self._watches if watch.gate.beyond_limit(np.zeros(2, np.int64)) is not None
        }
        return max(sum(gate not in limits for gate, _ in self._counts), 1)

    def _count(self, number: int, scene: EpochScene, log: RequestLog, answers: Answers) -> None:
        """Let every gate count some requests."""
        if not self._watches:
            return
        seen = _seen(scene, log, answers)
        for watch in self._watches:
            for name, some in zip(watch.gate.streams(seen.routes), watch.gate.count(seen), strict=True):
                key = (watch.gate.name, name)
                if key not in self._counts:
                    self._counts[key] = np.zeros((len(self._ahead.epochs), len(some)), dtype=np.int64)
                self._counts[key][number] += some

    def _refusable(self, scene: EpochScene, pattern: Pattern) -> bool:
        """Say whether calls may be refused, now or after a roll-back: an engine is told once."""
        frontier = next(one for one in scene.line_up.patterns if one.name == scene.line_up.frontier_only)
        return scene.may_refuse(pattern) or (self._play.acts and scene.may_refuse(frontier))


def _seen(scene: EpochScene, log: RequestLog, answers: Answers) -> Seen:
    """Give what production sees of some requests."""
    rows = np.flatnonzero(~log.failed).astype(np.int64)
    task = log.task
    for name, signal in scene.spec.signals.items():
        if isinstance(signal, TaskClassifier):
            task = signal.score(name, answers, scene.line_up.cheap).codes
            break
    return Seen(
        requests=answers.requests,
        rows=rows,
        routes=log.routes,
        route=log.route[rows],
        tasks=log.tasks,
        task=task[rows],
        escalated=log.escalated[rows],
        refused=log.refused[rows],
        acceptable=log.acceptable[rows],
        cheap_acceptable=answers.acceptable(scene.line_up.cheap)[rows],
        frontier_acceptable=answers.acceptable(scene.line_up.frontier)[rows],
    )


def _looked_at(gate: str, counts: dict[tuple[str, str], Ints]) -> int:
    """Count what a gate has looked at (the first of its numbers)."""
    return sum(int(some[:, 0].sum()) for (name, _), some in counts.items() if name == gate)
