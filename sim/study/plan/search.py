"""The search: every candidate of a grid at once, then the best of each kind again on a finer grid around it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.columns import Bools, Floats
from sim.fleet.capacity import replicas_of, servers_of
from sim.study.plan.bodies import CALLS, COST, LOST, LOST_SQUARED, TIME, Body, Both, Coin, Ladder, Table, Tables
from sim.study.plan.candidates import Candidate, Point, pareto, undominated
from sim.study.plan.fronts import TO_BODY, Axis, Cells, Condition, Front, Rule, axes_of, fronts
from sim.study.plan.sample import step_nano

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.study.plan.goal import Effort, Goal
    from sim.study.plan.sample import Means, Sample

MONTH_S: Final = 30 * 86_400.0
"""Seconds of the 30 days that spend is told for."""

_FRONTS_AT_ONCE: Final = 512
_MOST_LONG: Final = 24
_FINE: Final = 500
_FINE_LONG: Final = 100
_KEPT_FAMILIES: Final = 3
_IDLE: Final = 1e-3
_POINTS: Final = 100.0
_NANO: Final = 1e9
_US: Final = 1e6


@dataclass(slots=True)
class Found:
    """What a search found: candidates by kind, best first; `front` those that nothing beats in cost and quality.

    `looked_at` counts candidates. `best` are the best of each family within the limits, by kind. No server has to do
    more than it can in either; `beyond` is the best one that keeps to all limits but that. `idle` are kinds left out
    because their rules change next to nothing.
    """

    best: dict[str, list[Candidate]] = field(default_factory=dict)
    front: list[Candidate] = field(default_factory=list)
    looked_at: int = 0
    beyond: Candidate | None = None
    idle: list[str] = field(default_factory=list)


class Searcher:
    """Searches one sample for candidates within the limits of a goal."""

    def __init__(self, scene: Scene, sample: Sample, means: Means, goal: Goal, effort: Effort) -> None:
        self.scene, self.sample, self.means, self.goal, self.effort = scene, sample, means, goal, effort
        self.frontier = scene.line_up.frontier
        fleet = scene.spec.fleet
        self._servers = np.array([float(servers_of(fleet[name].capacity) or np.inf) for name in means.models])
        hourly = {name: fleet[name].price.replica_hour_usd * replicas_of(fleet[name].capacity) for name in means.models}
        rate = sample.requests / sample.seconds if sample.seconds else np.inf
        self.rate_per_s = rate
        self._fixed = {name: usd / 3600 / rate * 1000 for name, usd in hourly.items()}
        names = sample.answers.requests.segments
        self._groups = [(sample.segment == names.index(name), budget) for name, budget in goal.segment_budgets]
        self.found = Found()

    # ---- the whole grid

    def everything(self) -> Found:
        """Search the grid, then around the best of each kind."""
        levels = np.arange(1, self.effort.levels) / self.effort.levels
        axes = axes_of(self.sample, self.means, self.effort.bounds)
        self._sweep(axes, levels)
        for kind in list(self.found.best):
            for candidate in self.found.best[kind][:_KEPT_FAMILIES]:
                self._refine(candidate, axes)
        for kind, candidates in list(self.found.best.items()):
            of_use = [one for one in candidates if not self._is_idle(one)]
            self.found.best[kind] = sorted(of_use, key=self._objective)
            if not of_use:
                del self.found.best[kind]
                self.found.idle.append(kind)
        self.found.front = pareto(self.found.front)
        return self.found

    def _is_idle(self, candidate: Candidate) -> bool:
        """Say whether its rules change next to nothing: the same models without rules cost, lose and wait as much."""
        plain = [
            one for one in self.found.best.get(candidate.body.kind, []) if one.body.models == candidate.body.models
        ]
        mine = candidate.point
        return bool(candidate.rules) and any(
            abs(one.point.usd - mine.usd) <= _IDLE * mine.usd
            and abs(one.point.loss - mine.loss) <= _IDLE * _POINTS / 10
            and abs(one.point.time_s - mine.time_s) <= _IDLE * mine.time_s
            for one in plain
        )

    def _sweep(self, axes: Sequence[Axis], levels: Floats) -> None:
        cells = Cells(self.sample, axes)
        tables = self._tables_of(cells)
        nothing = Front((), np.full(cells.count, TO_BODY, dtype=np.int64))
        direct = self._direct(tables)
        for table, ruled in self._tables(tables, levels):
            first, top = table.bodies[0].models[0], self._tops(table.bodies[0])
            some = [nothing, *(fronts(cells, self.means.models, first, top) if ruled else ())]
            self._evaluate(table, some, direct)

    def _tables(self, tables: Tables, levels: Floats) -> Iterator[tuple[Table, bool]]:
        """Yield the tables of all families, and whether rules may stand in front."""
        models = self.means.models
        for name in models:
            yield tables.one(name), True
        for pair in self.means.pairs:
            for check, worded in self._checks():
                yield tables.ladder(Ladder(pair, (), worded, check), levels), True
            if self.means.reward is not None:
                yield tables.both(pair, np.append(levels, 1.0)), False
            yield tables.coin(pair, levels), False
        few = levels[:: max(1, len(levels) // _MOST_LONG)]
        for low, middle, high in itertools.combinations(models, 3):
            for check, worded in self._checks():
                yield tables.long_ladder(Ladder((low, middle, high), (), worded, check), few, few), False

    def _checks(self) -> Iterator[tuple[int, bool]]:
        return itertools.product(range(len(self.means.checks)), (False, True) if self.means.words else (False,))

    def _tops(self, body: Body) -> tuple[str, ...]:
        """Give the models that rules may send requests to: the last of a ladder and those dearer, or all but the first.

        The first itself is left out by whoever makes the rules.
        """
        models = self.means.models
        return models[models.index(body.models[-1 if len(body.models) > 1 else 0]) :]

    # ---- around a candidate

    def _refine(self, around: Candidate, axes: Sequence[Axis]) -> None:
        """Look at the numbers of a candidate on a grid so many times as fine, between their neighbours."""
        finer = self.effort.finer
        own = [_closer(axis, around, finer, self.sample) for axis in axes if axis.signal in around.signals]
        cells = Cells(self.sample, own)
        tables = self._tables_of(cells)
        table = self._finer_table(tables, around.body)
        direct = self._direct(tables)
        rules = [_settings(rule, own) for rule in around.rules]
        some = [cells.front(chosen, self.means.models) for chosen in itertools.product(*rules)]
        self._evaluate(table, some, direct)

    def _finer_table(self, tables: Tables, body: Body) -> Table:
        step = 1 / self.effort.levels

        def near(share: float, width: float) -> Floats:
            some = share + width * np.arange(-self.effort.finer, self.effort.finer + 1) / self.effort.finer
            return np.unique(np.round(some[(some > 0) & (some < 1)], 6))

        if isinstance(body, Ladder):
            if len(body.shares) == 1:
                return tables.ladder(body, near(body.shares[0], step))
            wide = step * max(1, (self.effort.levels - 1) // _MOST_LONG)
            return tables.long_ladder(body, near(body.shares[0], wide), near(body.shares[1], wide))
        if isinstance(body, Both):
            return tables.both(body.pair, near(body.share, step))
        if isinstance(body, Coin):
            return tables.coin(body.pair, near(body.share, step))
        return tables.one(body.model)

    # ---- some candidates alone

    def among(self, some: Sequence[Candidate]) -> dict[str, Candidate]:
        """Give the best of each kind within the limits among these, their thresholds set anew and their rules kept."""
        self.found = Found()
        # finely: a step that is too coarse would look like a difference between kinds
        levels = np.arange(1, _FINE) / _FINE
        for candidate in some:
            tables, front, direct = self._alone(candidate)
            body = candidate.body
            if isinstance(body, Ladder) and len(body.shares) == 1:
                table = tables.ladder(body, levels)
            elif isinstance(body, Ladder):
                few = levels[:: _FINE // _FINE_LONG]
                table = tables.long_ladder(body, few, few)
            elif isinstance(body, Both):
                table = tables.both(body.pair, np.append(levels, 1.0))
            else:
                table = tables.coin(body.pair, levels) if isinstance(body, Coin) else tables.one(body.model)
            self._evaluate(table, [front], direct)
        return {kind: best[0] for kind, best in self.found.best.items()}

    def point(self, candidate: Candidate) -> Point:
        """Give what the sample says of one candidate as it is."""
        tables, front, direct = self._alone(candidate)
        table = self._as_it_is(tables, candidate)
        sums = self._sums(table, [front], direct)
        return Point(*(float(column[0, 0]) for column in self._columns(table, [front], sums)))

    def segment_losses(self, candidate: Candidate) -> list[float]:
        """Give the points that each segment with a budget of its own loses."""
        tables, front, direct = self._alone(candidate)
        sums = self._sums(self._as_it_is(tables, candidate), [front], direct)
        return [float(loss[0, 0]) for loss, _, _ in self._by_group(sums)]

    def _as_it_is(self, tables: Tables, candidate: Candidate) -> Table:
        """Give the table of one candidate with the numbers that it has."""
        body = candidate.body
        if isinstance(body, Ladder):
            ends = [np.array([share]) for share in body.shares]
            return tables.ladder(body, ends[0]) if len(ends) == 1 else tables.long_ladder(body, ends[0], ends[1])
        if isinstance(body, Both):
            return tables.both(body.pair, np.array([body.share]))
        return tables.coin(body.pair, np.array([body.share])) if isinstance(body, Coin) else tables.one(body.model)

    def _alone(self, candidate: Candidate) -> tuple[Tables, Front, dict[str, Floats]]:
        """Cut the sample by the rules of one candidate and by nothing else."""
        rules = candidate.rules
        axes = []
        for signal in candidate.signals:
            above = [rule.when.above for rule in rules if rule.when.signal == signal]
            bounds = sorted({bound for bound in above if bound is not None})
            labels = self._labels(signal) if not bounds else ()
            axes.append(Axis(signal, labels, tuple(bounds)))
        cells = Cells(self.sample, axes)
        tables = self._tables_of(cells)
        return tables, cells.front(rules, self.means.models), self._direct(tables)

    def _tables_of(self, cells: Cells) -> Tables:
        return Tables(self.sample, cells, self.means, self.frontier, [mine for mine, _ in self._groups])

    def _labels(self, signal: str) -> tuple[str, ...]:
        requests = self.sample.answers.requests
        return self.means.signals[signal].labels(requests.tasks) or requests.segments

    def _direct(self, tables: Tables) -> dict[str, Floats]:
        return {name: tables.one(name).sums[:, 0] for name in self.means.models}

    # ---- evaluation

    def _evaluate(self, table: Table, some: Iterable[Front], direct: dict[str, Floats]) -> None:
        """Look at every front with every setting of a table, and keep what may be of use."""
        for batch in _batches(some):
            sums = self._sums(table, batch, direct)
            self.found.looked_at += len(batch) * table.sums.shape[1]
            self._keep(table, batch, sums)

    def _sums(self, table: Table, batch: Sequence[Front], direct: dict[str, Floats]) -> Floats:
        """Sum up every front with every setting of a table, float64[fronts, settings, columns]."""
        cells, settings, columns = table.sums.shape
        target = np.stack([front.target for front in batch])
        flat = table.sums.reshape(cells, settings * columns)
        sums: Floats = ((target == TO_BODY) @ flat).reshape(len(batch), settings, columns)
        for number, name in enumerate(self.means.models):
            sent = target == number
            if sent.any():
                sums += (sent @ direct[name])[:, np.newaxis]
        self._signals(sums, batch)
        return sums

    def _signals(self, sums: Floats, batch: Sequence[Front]) -> None:
        """Add what signals cost and how long they take: all at once, for every request."""
        for number, front in enumerate(batch):
            used = [name for name in front.signals if self.means.signals[name].usd_per_call]
            sums[number, :, COST] += self.sample.requests * sum(
                step_nano(self.means.signals[name].usd_per_call) for name in used
            )
            waits = [self.sample.signal_time[name] for name in front.signals if self.means.signals[name].time]
            if waits:
                sums[number, :, TIME] += float(np.maximum.reduce(waits).sum())

    def _keep(self, table: Table, batch: Sequence[Front], sums: Floats) -> None:
        columns = self._columns(table, batch, sums)
        within, possible = self._within(columns, sums), columns[-1] <= self.goal.utilisation
        for number, front in enumerate(batch):
            mine = [column[number] for column in columns]
            self._keep_best(table, front, mine, within[number] & possible[number])
            self._keep_beyond(table, front, mine, within[number] & ~possible[number])
        for number, at in undominated(np.where(possible, columns[0], np.inf), columns[1]):
            self._on_front(self._candidate(table, batch[number], [column[number] for column in columns], at))

    def _columns(self, table: Table, batch: Sequence[Front], sums: Floats) -> list[Floats]:
        """Give usd, loss, its error, time, escalated, used; float64[fronts, settings] each."""
        n = self.sample.requests
        fixed = np.array([[self._fixed_usd(front, body) for body in table.bodies[:1]] for front in batch])
        loss, error = _lost(sums[..., LOST], sums[..., LOST_SQUARED], n)
        load = (
            sums[..., CALLS + 1 : CALLS + 1 + len(self.means.models)]
            / _US
            / max(self.sample.seconds, 1e-9)
            / self._servers
        )
        return [
            sums[..., COST] / n / _NANO * 1000 + fixed,
            loss,
            error,
            sums[..., TIME] / n / _US,
            sums[..., CALLS] / n,
            load.max(axis=-1),
        ]

    def _fixed_usd(self, front: Front, body: Body) -> float:
        called = {rule.to for rule in front.rules} | set(body.models)
        return sum(self._fixed[name] for name in sorted(called))

    def _by_group(self, sums: Floats) -> Iterator[tuple[Floats, Floats, float]]:
        """Yield loss, its error and the budget of each group that has one; float64[fronts, settings] the first two."""
        for number, (mine, budget) in enumerate(self._groups):
            at = CALLS + 1 + len(self.means.models) + 2 * number
            yield (*_lost(sums[..., at], sums[..., at + 1], max(int(mine.sum()), 1)), budget)

    def _within(self, columns: Sequence[Floats], sums: Floats) -> Bools:
        """Say which candidates keep to the limits but those of servers, each loss with its margin."""
        usd, loss, error = columns[:3]
        fine: Bools = np.ones(usd.shape, dtype=np.bool_)
        if self.goal.quality_budget is not None:
            fine &= loss + self.effort.margin * error <= self.goal.quality_budget
        for own, own_error, budget in self._by_group(sums):
            fine &= own + self.effort.margin * own_error <= budget
        if self.goal.spend_cap is not None:
            fine &= self.spend(usd) <= self.goal.spend_cap
        return fine

    def spend(self, usd_per_1k: Floats | float) -> Floats:
        """Give USD in 30 days."""
        return np.asarray(usd_per_1k) / 1000 * self.rate_per_s * MONTH_S

    def _keep_best(self, table: Table, front: Front, columns: Sequence[Floats], within: Bools) -> None:
        candidate = self._least(table, front, columns, within)
        if candidate is None:
            return
        best = self.found.best.setdefault(candidate.kind, [])
        same = next((k for k, other in enumerate(best) if other.family == candidate.family), None)
        if same is None:
            best.append(candidate)
        elif self._objective(candidate) < self._objective(best[same]):
            best[same] = candidate
        best.sort(key=self._objective)
        del best[4 * _KEPT_FAMILIES :]

    def _keep_beyond(self, table: Table, front: Front, columns: Sequence[Floats], within: Bools) -> None:
        candidate = self._least(table, front, columns, within)
        best = self.found.beyond
        if candidate is not None and (best is None or self._objective(candidate) < self._objective(best)):
            self.found.beyond = candidate

    def _least(self, table: Table, front: Front, columns: Sequence[Floats], among: Bools) -> Candidate | None:
        """Give the best of some settings; None where there is none."""
        if not among.any():
            return None
        objective = columns[{"cost": 0, "quality": 1, "latency": 3}[self.goal.minimise]]
        return self._candidate(table, front, columns, int(np.argmin(np.where(among, objective, np.inf))))

    def _objective(self, candidate: Candidate) -> tuple[float, float, int]:
        """Give what orders candidates: the objective, then the cost, then how simple they are."""
        point = candidate.point
        first = {"cost": point.usd, "quality": point.loss, "latency": point.time_s}[self.goal.minimise]
        return first, point.usd, len(candidate.rules) + len(candidate.models)

    def _candidate(self, table: Table, front: Front, columns: Sequence[Floats], at: int) -> Candidate:
        return Candidate(front.rules, table.bodies[at], Point(*(float(column[at]) for column in columns)))

    def _on_front(self, candidate: Candidate) -> None:
        self.found.front.append(candidate)
        if len(self.found.front) > 4096:  # noqa: PLR2004 - now and then
            self.found.front = pareto(self.found.front)


def _lost(lost: Floats, squared: Floats, n: int) -> tuple[Floats, Floats]:
    """Give the mean loss of so many requests and its standard error, in points."""
    mean = lost / n
    error: Floats = np.sqrt(np.maximum(squared / n - mean**2, 0.0) / n) * _POINTS
    return mean * _POINTS, error


def _closer(axis: Axis, around: Candidate, finer: int, sample: Sample) -> Axis:
    """Give an axis cut more finely between the neighbours of the bound in use."""
    bound = next((rule.when.above for rule in around.rules if rule.when.signal == axis.signal), None)
    if bound is None:
        return axis
    at = axis.bounds.index(bound)
    score = np.asarray(sample.scores[axis.signal], dtype=np.float64)
    low = axis.bounds[at - 1] if at else float(score.min())
    high = axis.bounds[at + 1] if at + 1 < len(axis.bounds) else float(score.max())
    some = np.concatenate((np.linspace(low, bound, finer + 1), np.linspace(bound, high, finer + 1)))
    return replace(axis, bounds=tuple(sorted({float(f"{value:.4g}") for value in some.tolist()})))


def _settings(rule: Rule, axes: Sequence[Axis]) -> list[Rule]:
    """Give a rule with each bound of its axis; one of labels as it is."""
    if rule.when.above is None:
        return [rule]
    axis = next(axis for axis in axes if axis.signal == rule.when.signal)
    return [Rule(Condition(axis.signal, above=bound), rule.to) for bound in axis.bounds]


def _batches(some: Iterable[Front]) -> Iterator[list[Front]]:
    fronts_left = iter(some)
    while batch := list(itertools.islice(fronts_left, _FRONTS_AT_ONCE)):
        yield batch
