"""`tiercast plan`: search, choose, and confirm on requests that the search has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sim.experiment.headroom import Ceiling, ceilings, weights
from sim.experiment.scene import Scene
from sim.fleet import Model
from sim.fleet.capacity import batching_of, queue_of, queues_by_segment
from sim.routing.thresholds import confidence_at_share
from sim.study.plan.answer import RouterPlan, Threshold
from sim.study.plan.bodies import Ladder
from sim.study.plan.candidates import KINDS, Candidate
from sim.study.plan.goal import LOSS, P95, PER_1K, SPEND, Effort, Goal
from sim.study.plan.horizon import REQUESTS as MOST_AHEAD
from sim.study.plan.horizon import Ahead, look_ahead
from sim.study.plan.ledger import FreshSeeds, Ledger, ledger
from sim.study.plan.means import means_of
from sim.study.plan.options import (
    SHORTLIST_FROM,
    Named,
    Option,
    compared,
    confirmed,
    named,
    played,
    scene_of,
    written_ones,
)
from sim.study.plan.sample import CONFIRM_FROM, MOST_OF_ONE, Means, Sample, draw
from sim.study.plan.search import MONTH_S, Found, Searcher
from sim.study.plan.sensitivity import Tornado, tornado
from sim.study.plan.watching import watches
from sim.study.until import Standing

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_ATTEMPTS: Final = 3
_BY_TABLES: Final = (LOSS, SPEND, PER_1K)
_AT_BUDGETS: Final = (0.25, 0.5, 2.0, 4.0)
_PER_KIND: Final = 3
_PILOT: Final = 20_000


def plan(
    experiment: Experiment, goal: Goal, effort: Effort, progress: Callable[[float, int], None] | None = None
) -> RouterPlan:
    """Find the best way to route within the limits of a goal.

    Raises InvalidInput for signals that are not there. The answer does not depend on workers or engine.
    `progress` is called with (steps done, steps in all).
    """
    return _Planning(experiment, goal, effort, progress or _silent).plan()


class _Planning:
    """One search and its confirmations."""

    def __init__(
        self, experiment: Experiment, goal: Goal, effort: Effort, progress: Callable[[float, int], None]
    ) -> None:
        self.experiment, self.goal, self.effort, self._progress = experiment, goal, effort, progress
        self.scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
        self.means: Means = means_of(self.scene, goal.signals)
        self.level = experiment.spec.run.level
        self.replications = effort.replications or max(experiment.spec.run.replications, 2)
        self.written = list(written_ones(self.scene))
        direct = self.scene.line_up.direct
        self.baseline = direct[self.scene.line_up.frontier]

    def plan(self) -> RouterPlan:
        # 1. draw requests once, and read every candidate off them
        self._progress(0, 4)
        sample = draw(self.scene, self.means, self.effort.requests)
        margin, attempt = self.effort.margin, 0
        while True:
            searcher = Searcher(self.scene, sample, self.means, self.goal, replace(self.effort, margin=margin))
            found = searcher.everything()
            self._progress(1, 4)
            # 2. play a shortlist, where a condition is on times or calls may be refused
            best = self._shortlisted(found)
            self._progress(2, 4)
            # 3. confirm on requests and in replications that nobody has seen
            options, fresh = self._confirmed(best, found, attempt)
            self._progress(3, 4)
            order = self._ranked(options, best)
            attempt += 1
            if not order or order[0].judgement.standing is Standing.MEETS or attempt == _ATTEMPTS:
                break
            margin += self.effort.margin
        # 4. say what it means
        chosen = next((one for one in order if one.judgement.standing is Standing.MEETS), None)
        return self._answer(sample, searcher, options, fresh, chosen=chosen, attempts=attempt)

    # ---- shortlist

    @property
    def _must_play(self) -> bool:
        if self.goal.minimise == "latency" or any(until.metric not in _BY_TABLES for until in self.goal.conditions):
            return True
        return self._refusable(self.written)

    def _refusable(self, options: Sequence[Named]) -> bool:
        """Say whether only playing shows what some of these cost: calls may be refused, or replicas come and go."""
        fleet = self.scene.spec.fleet
        return any(
            one.pattern.may_refuse() or any(_shows_in_play(fleet[name]) for name in self.scene.models_of(one.pattern))
            for one in options
        )

    def _shortlisted(self, found: Found) -> list[Named]:
        """Give the best of each kind: by the search alone, or among some of each kind as played."""
        if not self._must_play:
            return [self._call(found.best[kind][0]) for kind in KINDS if found.best.get(kind)]
        some = [
            named(candidate, self.means, f"s{number}-{kind.replace(' + ', '-')}")
            for kind in KINDS
            for number, candidate in enumerate(found.best.get(kind, [])[:_PER_KIND])
        ]
        if not some:
            return []
        scene = scene_of(self.scene, some, max(self.replications // 2, 2))
        run = played(self.experiment, scene, self.effort, SHORTLIST_FROM)
        options = confirmed(some, run, None, self.goal.others, self.level)
        best: dict[str, tuple[tuple[bool, float], Candidate]] = {}
        for one in options:
            if one.candidate is None:
                continue
            fails = one.judgement.standing is Standing.FAILS or one.status == "unstable"
            order = (fails, self._objective(one))
            if one.kind not in best or order < best[one.kind][0]:
                best[one.kind] = (order, one.candidate)
        return [self._call(best[kind][1]) for kind in KINDS if kind in best]

    def _call(self, candidate: Candidate) -> Named:
        """Name a candidate; one model alone may be a baseline already."""
        known = self.scene.line_up.direct.get(candidate.body.models[0]) if candidate.kind == "single" else None
        return named(candidate, self.means, known or "")

    def _objective(self, option: Option) -> float:
        return option.value({"cost": PER_1K, "latency": P95, "quality": LOSS}[self.goal.minimise])

    # ---- confirmation

    def _confirmed(self, best: Sequence[Named], found: Found, attempt: int) -> tuple[list[Option], Ledger | None]:
        taken = {one.name for one in best}
        written = [one for one in self.written if one.name not in taken]
        options = [*written, *best, *self._of_front(found, best)]
        scene = scene_of(self.scene, options, self.replications)
        run = played(self.experiment, scene, self.effort, 0)
        fresh = None
        if not self._refusable(options):
            first = CONFIRM_FROM + attempt * self.effort.requests
            main = [one for one in options if one in best or one.name == self.baseline]
            fresh = ledger(
                self.scene,
                [one.pattern for one in main],
                self.baseline,
                beside=[one.pattern for one in options if one not in main],
                requests=self.effort.requests,
                first=first,
                level=self.level,
            )
        return confirmed(options, run, fresh, self.goal.conditions, self.level), fresh

    def _of_front(self, found: Found, best: Sequence[Named]) -> list[Named]:
        """Give the cheapest candidates at other losses, so that the price of quality shows."""
        budget = self.goal.quality_budget or 1.0
        taken = {(one.candidate.rules, one.candidate.body) for one in best if one.candidate is not None}
        some = list[Named]()
        for factor in _AT_BUDGETS:
            within = [one for one in found.front if one.point.loss <= factor * budget]
            if not within:
                continue
            cheapest = min(within, key=lambda one: one.point.usd)
            key = (cheapest.rules, cheapest.body)
            if key not in taken and cheapest.kind != "single":
                taken.add(key)
                some.append(named(cheapest, self.means, f"front-{factor * budget:g}"))
        return some

    def _ranked(self, options: Sequence[Option], best: Sequence[Named]) -> list[Option]:
        """Give the best of each kind in the order that search and shortlist say: confirmation only says yes or no."""
        by_name = {one.name: one for one in options}
        order = sorted((by_name[one.name] for one in best), key=self._searched)
        if self.goal.minimise == "quality" or not order:
            return order
        # what is no better than another by more than the indifference is not worth its rules
        most = self._searched(order[0])[0] * (1 + self.goal.indifference)
        near = [one for one in order if self._searched(one)[0] <= most]
        return [*sorted(near, key=_parts), *order[len(near) :]]

    def _searched(self, option: Option) -> tuple[float, float]:
        """Give what the search (and, of times, the play) said of the objective: nothing that the confirmation adds."""
        point = option.candidate.point if option.candidate is not None else None
        if point is None:
            return (float("inf"), float("inf"))
        first = {"cost": point.usd, "quality": point.loss, "latency": option.value(P95)}[self.goal.minimise]
        return first, point.usd

    # ---- answer

    def _answer(
        self,
        sample: Sample,
        searcher: Searcher,
        options: list[Option],
        fresh: Ledger | None,
        *,
        chosen: Option | None,
        attempts: int,
    ) -> RouterPlan:
        if chosen is not None:
            options = compared(options, chosen.name, fresh)
            chosen = next(one for one in options if one.name == chosen.name)
        ahead = self._ahead(chosen, searcher.rate_per_s)
        return RouterPlan(
            experiment=self.experiment.name,
            title=self.experiment.spec.title or self.experiment.name,
            hash=self.experiment.hash,
            seed=self.experiment.spec.seed,
            level=self.level,
            goal=self.goal,
            effort=self.effort,
            rate_per_s=searcher.rate_per_s,
            searched=searcher.found.looked_at,
            requests=sample.requests,
            fresh_requests=0 if fresh is None else int(fresh.every.requests.sum()),
            replications=self.replications,
            attempts=attempts,
            chosen=chosen,
            options=tuple(options),
            front=tuple(_undominated(options)),
            alike=() if chosen is None else tuple(self._alike(options, chosen)),
            thresholds=() if chosen is None else tuple(self._thresholds(chosen, sample)),
            ceilings=() if chosen is None else tuple(self._ceilings(chosen, searcher.rate_per_s)),
            fresh_seeds=self._fresh_seeds(chosen, fresh),
            baseline=self.baseline,
            watches=() if chosen is None else tuple(watches(chosen, searcher.rate_per_s, self.goal.quality_budget)),
            ahead=ahead,
            tornado=self._tornado(chosen, options, () if ahead is None else ahead.hard),
            notes=tuple(self._notes(sample)),
        )

    def _alike(self, options: Sequence[Option], chosen: Option) -> list[str]:
        """Name options that meet the conditions and cannot be told from the choice in the objective."""
        near = list[str]()
        for one in options:
            if one.name == chosen.name or one.judgement.standing is not Standing.MEETS:
                continue
            difference = one.worse if self.goal.minimise == "quality" else one.dearer
            if self.goal.minimise == "latency" or difference is None or difference.lower is None:
                mine, other = self._objective(chosen), self._objective(one)
                close = abs(other - mine) <= self.goal.indifference * abs(mine)
            else:
                close = difference.lower <= 0 or difference.value <= self.goal.indifference * (
                    1 if self.goal.minimise == "cost" else 100
                )
            near += [one.name] if close else []
        return near

    def _thresholds(self, chosen: Option, sample: Sample) -> list[Threshold]:
        body = None if chosen.candidate is None else chosen.candidate.body
        if not isinstance(body, Ladder):
            return []
        check = self.means.checks[body.check]
        auroc = None if check is None else check.auroc
        table = sample.answers.quality.table
        return [
            Threshold(
                model,
                share,
                confidence_at_share(sample.answers, model, auroc, share),
                auroc is None and table is not None and table.models[model].confidence is not None,
            )
            for model, share in zip(body.ladder, body.shares, strict=False)
        ]

    def _ceilings(self, chosen: Option, rate_per_s: float) -> list[Ceiling]:
        requests = self.scene.requests(0, _PILOT)
        answers = self.scene.answers(requests)
        pattern = scene_of(self.scene, [self._named(chosen)], 2).line_up.patterns[-1]
        of = self.scene.plan(pattern, answers)
        spec = self.scene.spec
        return ceilings(
            chosen.name,
            of,
            requests,
            weights(requests, spec.workload),
            fleet=spec.fleet,
            providers=spec.providers,
            rate_per_s=rate_per_s,
        )

    def _ahead(self, chosen: Option | None, rate_per_s: float) -> Ahead | None:
        """Look ahead where what is asked depends on no queue."""
        if chosen is None or self._refusable([self._named(chosen)]):
            return None
        baseline = next(one.pattern for one in self._baselines if one.name == self.baseline)
        cap = self.goal.spend_cap
        per_1k = None if cap is None else cap / (rate_per_s * MONTH_S) * 1000
        return look_ahead(
            self.scene,
            self._named(chosen).pattern,
            baseline,
            budget=self.goal.quality_budget,
            cap_per_1k=per_1k,
            requests=min(self.effort.requests, MOST_AHEAD),
        )

    def _tornado(self, chosen: Option | None, options: Sequence[Option], hard: tuple[str, ...]) -> Tornado | None:
        """Move what the plan rests on; its rivals are the best of the other kinds."""
        if chosen is None or chosen.candidate is None:
            return None
        best = [one for one in options if one.candidate is not None and not one.name.startswith("front-")]
        rivals = [one.candidate for one in best if one.candidate is not None and one.name != chosen.name]
        return tornado(self.scene, self.goal, self.effort, chosen=chosen.candidate, rivals=rivals, hard=hard)

    @property
    def _baselines(self) -> list[Named]:
        return [one for one in self.written if one.kind == "single"]

    def _named(self, option: Option) -> Named:
        if option.candidate is None:
            return next(one for one in self.written if one.name == option.name)
        return named(option.candidate, self.means, option.name)

    def _fresh_seeds(self, chosen: Option | None, fresh: Ledger | None) -> FreshSeeds | None:
        """Say how each of the fresh seeds by itself keeps to the budget; None for fewer than two."""
        if chosen is None or fresh is None or self.goal.quality_budget is None:
            return None
        return fresh.fresh_seeds(chosen.name, self.goal.quality_budget)

    def _notes(self, sample: Sample) -> list[str]:
        found = []
        if self.means.checks == (None,):
            found.append(
                "no cascade of the experiment says what checking a first answer takes; here it is free and instant"
            )
        if self.means.reward is None:
            found.append("no ensemble of the experiment describes a reward model; none was looked at")
        if len(self.means.models) < len(self.scene.spec.fleet):
            left = [name for name in self.scene.spec.fleet if name not in self.means.models]
            found.append(f"left out, since others answer alike or better for less: {', '.join(left)}")
        if len(sample.answers.requests) >= MOST_OF_ONE:
            found.append(f"the search looks at the first {MOST_OF_ONE:,} requests of each replication")
        if self._refusable(self.written):
            found.append(
                "calls may be refused here: the search takes them for answered, and cost and quality of the options "
                "are those of the replications that were played"
            )
        return found


def _shows_in_play(model: Model) -> bool:
    """Say whether a call to a model may be refused or fail, or the number of its replicas changes."""
    batching = batching_of(model.capacity)
    if batching is None:
        return model.may_refuse()
    if batching.autoscale is not None or queue_of(model.capacity) is not None or queues_by_segment(model.capacity):
        return True
    return model.model_copy(update={"capacity": "unlimited"}).may_refuse()


def _parts(option: Option) -> int:
    """Give of how many rules and models an option is made."""
    return 0 if option.candidate is None else len(option.candidate.rules) + len(option.candidate.models)


def _undominated(options: Sequence[Option]) -> list[str]:
    """Name the options that no other one beats in cost, loss and P95."""

    def worth(one: Option) -> tuple[float, float, float]:
        return one.value(PER_1K), one.value(LOSS), one.value(P95)

    stable = [one for one in options if one.status != "unstable"]
    return [
        one.name
        for one in stable
        if not any(
            worth(other) != worth(one) and all(a <= b for a, b in zip(worth(other), worth(one), strict=True))
            for other in stable
        )
    ]


def _silent(done: float, total: int) -> None:
    """Report progress to nobody."""
    del done, total
