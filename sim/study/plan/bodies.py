"""What a pattern does with the requests that no rule has sent anywhere, summed up for every threshold at once.

Sums are of whole numbers below 2**53 and therefore exact in float64, in whatever order they are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from sim.columns import Bools, Floats, Ints
from sim.study.plan.fronts import Cells
from sim.study.plan.sample import Means, Sample, step_nano

COST, LOST, LOST_SQUARED, TIME, CALLS = range(5)
"""Places in a row of sums: nano-dollars, answers lost against the frontier model, their squares, microseconds that the
user waits in an idle system, escalated requests; then microseconds of server work, for each model; then answers lost
and their squares, for each group of requests that has a budget of its own."""

Sums: TypeAlias = Floats


@dataclass(frozen=True, slots=True)
class One:
    """Everything goes to one model."""

    model: str

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are called."""
        return (self.model,)

    @property
    def kind(self) -> str:
        """Kind of the pattern, without rules."""
        return "single"

    def settings(self, means: Means) -> dict[str, Any]:  # noqa: ARG002 - the same for all
        """Give the keys of the pattern as YAML says them."""
        return {"kind": "single", "model": self.model}


@dataclass(frozen=True, slots=True)
class Ladder:
    """A cascade: `shares[k]` of the least trusted answers of rung k climb, with those that are `worded`."""

    ladder: tuple[str, ...]
    shares: tuple[float, ...]
    worded: bool
    check: int

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are called."""
        return self.ladder

    @property
    def kind(self) -> str:
        """Kind of the pattern, without rules."""
        return "cascade"

    def settings(self, means: Means) -> dict[str, Any]:
        """Give the keys of the pattern as YAML says them."""
        verify = means.checks[self.check]
        words = dict.fromkeys(means.words if self.worded else (), True)
        rules: list[dict[str, Any]] = [{"lowest": share, **words} for share in self.shares]
        found: dict[str, Any] = {"kind": "cascade", "ladder": list(self.ladder)}
        if verify is not None:
            found["verify"] = verify.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        found["escalate_when"] = rules[0] if len(rules) == 1 else rules
        return found


@dataclass(frozen=True, slots=True)
class Both:
    """An ensemble: a share of the requests is answered by two models, and a reward model picks."""

    pair: tuple[str, str]
    share: float

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are called."""
        return self.pair

    @property
    def kind(self) -> str:
        """Kind of the pattern, without rules."""
        return "ensemble"

    def settings(self, means: Means) -> dict[str, Any]:
        """Give the keys of the pattern as YAML says them."""
        if means.reward is None:
            raise ValueError("an ensemble needs a reward model")
        judge = means.reward.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return {"kind": "ensemble", "models": list(self.pair), "sample": self.share, "reward_model": judge}


@dataclass(frozen=True, slots=True)
class Coin:
    """A split: a share of the requests, drawn blindly, goes to the dearer model; what any router must beat."""

    pair: tuple[str, str]
    share: float

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are called."""
        return self.pair

    @property
    def kind(self) -> str:
        """Kind of the pattern, without rules."""
        return "split"

    def settings(self, means: Means) -> dict[str, Any]:  # noqa: ARG002 - the same for all
        """Give the keys of the pattern as YAML says them."""
        return {"kind": "split", "shares": {self.pair[0]: 1 - self.share, self.pair[1]: self.share}}


Body: TypeAlias = One | Ladder | Both | Coin


@dataclass(slots=True)
class Table:
    """Sums of one family of bodies in each cell, at each of its settings: float64[cells, settings, columns]."""

    bodies: list[Body]
    sums: Sums


class Tables:
    """Makes the tables of a sample cut into cells; `levels` are the shares of answers that thresholds are put at.

    `groups` are the requests that have budgets of their own, bool[requests] each.
    """

    def __init__(self, sample: Sample, cells: Cells, means: Means, frontier: str, groups: Sequence[Bools] = ()) -> None:
        self.sample, self.cells, self.means, self._groups = sample, cells, means, groups
        self.columns = CALLS + 1 + len(means.models) + 2 * len(groups)
        self._frontier = sample.models[frontier].right

    def one(self, model: str) -> Table:
        """Sum up one model."""
        return Table([One(model)], self._summed(self._row((model,), model))[:, np.newaxis])

    def ladder(self, body: Ladder, levels: Floats) -> Table:
        """Sum up a ladder of two models, its threshold at each level."""
        low, high = body.ladder
        stop = self._checked((low,), low, body.check)
        climb = self._checked(body.ladder, high, body.check, escalated=True)
        rank = self._ranks(low, body, levels)
        more = self._by_rank(climb - stop, rank, len(levels) + 2).cumsum(axis=1)[:, 1:-1]
        bodies: list[Body] = [replace(body, shares=(float(level),)) for level in levels]
        return Table(bodies, self._summed(stop)[:, np.newaxis] + more)

    def long_ladder(self, body: Ladder, levels: Floats, upper: Floats) -> Table:
        """Sum up a ladder of three models, at each level of the first threshold with each of the second."""
        low, middle, high = body.ladder
        stop = self._checked((low,), low, body.check)
        once = self._checked((low, middle), middle, body.check, escalated=True, checks=(low, middle))
        twice = self._checked(body.ladder, high, body.check, escalated=True, checks=(low, middle))
        first, second = self._ranks(low, body, levels), self._ranks(middle, body, upper)
        more = self._by_rank(once - stop, first, len(levels) + 2).cumsum(axis=1)[:, 1:-1]
        every = (len(levels) + 2) * (len(upper) + 2)
        both = self._by_rank(twice - once, first * (len(upper) + 2) + second, every)
        shape = (self.cells.count, len(levels) + 2, len(upper) + 2, self.columns)
        tops = both.reshape(shape).cumsum(axis=1).cumsum(axis=2)[:, 1:-1, 1:-1]
        sums = self._summed(stop)[:, np.newaxis, np.newaxis] + more[:, :, np.newaxis] + tops
        bodies: list[Body] = [replace(body, shares=(float(one), float(other))) for one in levels for other in upper]
        return Table(bodies, sums.reshape(self.cells.count, -1, self.columns))

    def both(self, pair: tuple[str, str], shares: Floats) -> Table:
        """Sum up an ensemble; what a share of the requests brings is that share of what all of them bring."""
        alone = self._summed(self._row((pair[0],), pair[0]))[:, np.newaxis]
        together = self._summed(self._ensemble(pair))[:, np.newaxis]
        mixed = alone + (together - alone) * shares[np.newaxis, :, np.newaxis]
        return Table([Both(pair, float(share)) for share in shares], mixed)

    def coin(self, pair: tuple[str, str], shares: Floats) -> Table:
        """Sum up a split."""
        low, high = (self._summed(self._row((name,), name))[:, np.newaxis] for name in pair)
        mixed = low + (high - low) * shares[np.newaxis, :, np.newaxis]
        return Table([Coin(pair, float(share)) for share in shares], mixed)

    # ---- columns of one routing, int64[columns, requests]

    def _row(self, called: tuple[str, ...], answered: str) -> Ints:
        models, means = self.sample.models, self.means
        row = np.zeros((self.columns, self.sample.requests), dtype=np.int64)
        for name in called:
            row[COST] += models[name].cost
            row[TIME] += models[name].time
            row[CALLS + 1 + means.models.index(name)] += models[name].work
        self._lose(row, models[answered].right)
        return row

    def _lose(self, row: Ints, right: Bools) -> None:
        row[LOST] = self._frontier.astype(np.int64) - right
        row[LOST_SQUARED] = row[LOST] ** 2
        for number, mine in enumerate(self._groups):
            at = CALLS + 1 + len(self.means.models) + 2 * number
            row[at : at + 2] = row[[LOST, LOST_SQUARED]] * mine

    def _checked(
        self,
        called: tuple[str, ...],
        answered: str,
        check: int,
        *,
        escalated: bool = False,
        checks: tuple[str, ...] | None = None,
    ) -> Ints:
        """Give the columns of requests that got as far as the last of `called`.

        `checks` are the models whose answers were checked: the first one, where not given.
        """
        row, verify = self._row(called, answered), self.means.checks[check]
        for name in checks or called[:1]:
            row[TIME] += self.sample.check_time[name, check]
            row[COST] += 0 if verify is None else step_nano(verify.usd_per_call)
        row[CALLS] = int(escalated)
        return row

    def _ensemble(self, pair: tuple[str, str]) -> Ints:
        models, reward = self.sample.models, self.means.reward
        row = self._row(pair, pair[0])
        row[TIME] = np.maximum(models[pair[0]].time, models[pair[1]].time) + self.sample.judge_time
        row[COST] += 0 if reward is None else step_nano(reward.usd_per_call)
        self._lose(row, self.sample.judged_right[pair])
        return row

    def _ranks(self, model: str, body: Ladder, levels: Floats) -> Ints:
        """Give the first level at which each answer climbs, from 1; 0 for those that always do, beyond for never."""
        mine, check = self.sample.models[model], self.means.checks[body.check]
        auroc = None if check is None else check.auroc
        cuts = self.sample.cuts_of(model, auroc, levels)
        rank = np.searchsorted(cuts, mine.surety[auroc], side="left") + 1
        return np.where(mine.worded, 0, rank) if body.worded else rank

    def _by_rank(self, rows: Ints, rank: Ints, ranks: int) -> Sums:
        """Sum columns over the requests of each cell and rank, float64[cells, ranks, columns]."""
        sums = self._summed(rows, self.cells.code * ranks + rank, self.cells.count * ranks)
        return sums.reshape(self.cells.count, ranks, self.columns)

    def _summed(self, rows: Ints, code: Ints | None = None, count: int | None = None) -> Sums:
        code, count = self.cells.code if code is None else code, self.cells.count if count is None else count
        return np.stack([np.bincount(code, weights=row, minlength=count) for row in rows], axis=1)
