"""`tiercast plan`: search, choose, and confirm on requests that the search has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.headroom import REPLICAS, SERVERS, Ceiling, ceilings, weights
from sim.experiment.scene import Scene
from sim.routing.thresholds import confidence_at_share
from sim.study.plan.answer import Beyond, RouterPlan, Threshold, Yardstick, serves
from sim.study.plan.bodies import Ladder
from sim.study.plan.candidates import KINDS, Candidate, pattern_of
from sim.study.plan.choosing import FRONT, alike, at_hand, nearest, of_front, ranked, undominated
from sim.study.plan.effects import NO_EFFECT, effects_of
from sim.study.plan.goal import LOSS, P95, PER_1K, Effort, Goal
from sim.study.plan.horizon import REQUESTS as MOST_AHEAD
from sim.study.plan.horizon import Ahead, Now, look_ahead
from sim.study.plan.ledger import FreshSeeds, Ledger, ledger
from sim.study.plan.means import asks_an_oracle, means_of
from sim.study.plan.notes import notes, notes_on_spans, shows_in_play
from sim.study.plan.options import (
    SHORTLIST_FROM,
    UNANSWERED,
    Named,
    Option,
    Plays,
    as_played,
    compared,
    confirmed,
    named,
    played,
    scene_of,
    written_ones,
)
from sim.study.plan.sample import CONFIRM_FROM, Means, Sample, draw
from sim.study.plan.search import MONTH_S, Found, Searcher
from sim.study.plan.sensitivity import Tornado, tornado
from sim.study.plan.spans import lengthened, shortened
from sim.study.plan.watching import watches
from sim.study.until import UNSTABLE, Standing

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_ATTEMPTS: Final = 3
_PER_KIND: Final = 3
_PILOT: Final = 20_000
_FEWEST: Final = 2
_NOTHING: Final = "there is nothing to route between: all models answer alike, at the same price and speed"
_NO_YARDSTICK: Final = "does not serve this load, so that what a segment loses against it says nothing"
_NANO: Final = 1e9
_POINTS: Final = 100.0


def plan(
    experiment: Experiment, goal: Goal, effort: Effort, progress: Callable[[float, int], None] | None = None
) -> RouterPlan:
    """Find the best way to route within the limits of a goal.

    Raises InvalidInput for signals that are not there, where there is nothing to route between, and for budgets of
    segments where frontier-only does not serve its load. The answer does not depend on workers or engine. `progress` is
    called with (steps done, steps in all).
    """
    return _Planning(experiment, goal, effort, progress or _silent).plan()


class _Planning:
    """One search and its confirmations."""

    def __init__(
        self, experiment: Experiment, goal: Goal, effort: Effort, progress: Callable[[float, int], None]
    ) -> None:
        self.experiment, self.goal, self.effort, self._progress = experiment, goal, effort, progress
        self.scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
        self.means: Means = means_of(self.scene, goal.signals, goal.segments)
        if len(self.means.models) < _FEWEST:
            mark = experiment.document.key_mark(("fleet",))
            hint = "tiercast run compares patterns as they are written"
            raise InvalidInput([Issue(_NOTHING, mark.file, mark.line, mark.col, "fleet", hint)])
        self.drawn = lengthened(self.scene, effort.requests)
        self.level = experiment.spec.run.level
        self.replications = effort.replications or max(experiment.spec.run.replications, 2)
        self.short = shortened(self.scene, effort.plays, self.replications)
        self._plays = Plays(experiment, self.short, effort, self.replications)
        self.written = list(written_ones(self.scene))
        self._unusable = set[str]()
        direct = self.scene.line_up.direct
        self.baseline = direct[self.scene.line_up.frontier]

    def plan(self) -> RouterPlan:
        # 1. draw requests once, and read every candidate off them
        self._progress(0, 4)
        sample = draw(self.drawn, self.means, self.effort.requests)
        margin, attempt = self.effort.margin, 0
        while True:
            searcher = Searcher(self.drawn, sample, self.means, self.goal, replace(self.effort, margin=margin))
            found = searcher.everything()
            self._progress(1, 4)
            # 2. play a shortlist, where a condition is on times or calls may be refused
            best = self._shortlisted(found)
            self._progress(2, 4)
            # 3. confirm on requests and in replications that nobody has seen
            options, fresh = self._confirmed(best, found, attempt)
            self._progress(3, 4)
            order = ranked(self.goal, options, best)
            attempt += 1
            if not order or not self._loses_too_much(order[0]) or attempt == _ATTEMPTS:
                break
            margin += self.effort.margin
        # 4. say what it means
        chosen = next((one for one in order if one.judgement.standing is Standing.MEETS), None)
        usable = [one for one in options if one.candidate is not None or self._is_usable(one, searcher.rate_per_s)]
        chosen = at_hand(self.goal, usable, chosen) or chosen
        self._unusable = {one.name for one in options} - {one.name for one in usable}
        return self._answer(sample, searcher, options, fresh, chosen=chosen, attempts=attempt)

    def _is_usable(self, option: Option, rate_per_s: float) -> bool:
        """Say whether a written pattern leaves servers as much air as those that are searched, and asks no oracle."""
        one = self._named(option)
        return not asks_an_oracle(one.pattern) and not self._short(one, rate_per_s)

    def _loses_too_much(self, option: Option) -> bool:
        """Say whether fresh requests do not find an option within the budget for sure: a larger margin may help."""
        found = option.judgement.found
        losses = [one for one in self.goal.conditions if one.metric.startswith(LOSS) and one.metric in found]
        return any(one.standing(found[one.metric]) is not Standing.MEETS for one in losses)

    # ---- shortlist

    @property
    def _must_play(self) -> bool:
        if self.goal.minimise == "latency" or any(until not in self.goal.by_tables for until in self.goal.conditions):
            return True
        return self._refusable(self.written)

    def _refusable(self, options: Sequence[Named]) -> bool:
        """Say whether only playing shows what some of these cost: calls may be refused, or replicas come and go."""
        fleet = self.scene.spec.fleet
        return any(
            one.pattern.may_refuse() or any(shows_in_play(fleet[name]) for name in self.scene.models_of(one.pattern))
            for one in options
        )

    def _shortlisted(self, found: Found) -> list[Named]:
        """Give the best of each kind: by the search alone, or among some of each kind as played."""
        if not self._must_play:
            tops = [found.best[kind][0] for kind in KINDS if found.best.get(kind)]
            return [self._call(named(candidate, self.means)) for candidate in tops]
        some = [
            named(candidate, self.means, f"s{number}-{kind.replace(' + ', '-')}")
            for kind in KINDS
            for number, candidate in enumerate(found.best.get(kind, [])[:_PER_KIND])
        ]
        some += self._with_twins(found)
        if len(some) <= 1:  # nothing to choose from
            return [self._call(one) for one in some]
        scene = scene_of(self.short, some, max(self.replications // 2, 2))
        run = played(self.experiment, scene, self.effort, SHORTLIST_FROM)
        effects = effects_of(self.short, run.outcomes, [one.pattern for one in some], self.level, SHORTLIST_FROM)
        options = confirmed(some, run, None, self.goal.others, self.level)
        best: dict[str, tuple[tuple[bool, float], Named]] = {}
        for one, option in zip(some, options, strict=True):
            if one.candidate is None:
                continue
            candidate = as_played(one.candidate, effects.get(one.name, NO_EFFECT))
            order = self._order(option, candidate, swapped=one.swap is not None)
            if one.kind not in best or order < best[one.kind][0]:
                best[one.kind] = (order, replace(one, candidate=candidate))
        return [self._call(best[kind][1]) for kind in KINDS if kind in best]

    def _with_twins(self, found: Found) -> list[Named]:
        """Give the best of each kind again with each twin of one of its models: only a play tells them apart."""
        some = list[Named]()
        for kind in KINDS:
            for candidate in found.best.get(kind, [])[:1]:
                swaps = [(model, twin) for model in candidate.models for twin in self.means.twins.get(model, ())]
                for number, (model, twin) in enumerate(swaps):
                    name = f"t{number}-{kind.replace(' + ', '-')}"
                    pattern = candidate.swapped(model, twin).pattern(name, self.means)
                    some.append(Named(name, candidate.kind, pattern, candidate, (model, twin)))
        return some

    def _order(self, option: Option, candidate: Candidate, *, swapped: bool) -> tuple[bool, float]:
        """Give what orders a shortlist: whether it breaks a limit as played, and the objective.

        A twin must be better by more than the indifference: one that refuses a few requests costs a little less, too.
        """
        point, budget = candidate.point, self.goal.quality_budget
        fails = option.judgement.standing is Standing.FAILS or option.status == UNSTABLE
        over = budget is not None and point.loss > budget
        first = {"cost": point.usd, "latency": option.value(P95), "quality": point.loss}[self.goal.minimise]
        aside = self.goal.indifference if swapped else 0.0
        return fails or over, first + aside * (_POINTS if self.goal.minimise == "quality" else abs(first))

    def _call(self, one: Named) -> Named:
        """Name one of a shortlist after its kind; one model alone may be a baseline already."""
        known = self.scene.line_up.direct.get(one.pattern.all_models()[0]) if one.kind == "single" else None
        name = known or f"best-{one.kind.replace(' + ', '-')}"
        return replace(one, name=name, pattern=one.pattern.model_copy(update={"name": name}))

    # ---- confirmation

    def _confirmed(self, best: Sequence[Named], found: Found, attempt: int) -> tuple[list[Option], Ledger]:
        taken = {one.name for one in best}
        written = [one for one in self.written if one.name not in taken]
        options = [*written, *best, *of_front(found, best, self.goal, self.means)]
        run, effects = self._plays.of(options)
        base = run.of(self.baseline)
        left = base.estimates.get(UNANSWERED)
        serving = serves(0.0 if left is None else left.value, is_stable=base.status != UNSTABLE)
        if self.goal.segment_budgets and not serving:
            hint = "give it room (--set fleet.NAME.capacity=unlimited), or plan with --quality-budget alone"
            raise InvalidInput([Issue(f"{self.baseline} {_NO_YARDSTICK}", "--segment-budget", hint=hint)])
        main = [one for one in options if one in best or one.name == self.baseline]
        fresh = ledger(
            self.drawn,
            [one.pattern for one in main],
            self.baseline,
            beside=[one.pattern for one in options if one not in main],
            effects=effects,
            serves=serving,
            requests=self.effort.requests,
            first=CONFIRM_FROM + attempt * self.effort.requests,
            level=self.level,
            segments=self.goal.segments,
        )
        return confirmed(options, run, fresh, self.goal.conditions, self.level), fresh

    def _notes(self, sample: Sample, searcher: Searcher) -> Iterator[str]:
        may_refuse, found = self._refusable(self.written), searcher.found
        yield from notes(self.scene, self.means, sample, found, may_refuse=may_refuse, plays=self._must_play)
        yield from notes_on_spans(self.scene, self.drawn, self.short)

    # ---- answer

    def _answer(
        self,
        sample: Sample,
        searcher: Searcher,
        options: list[Option],
        fresh: Ledger,
        *,
        chosen: Option | None,
        attempts: int,
    ) -> RouterPlan:
        if chosen is not None:
            options = compared(options, chosen.name, fresh)
            chosen = next(one for one in options if one.name == chosen.name)
        yardstick = self._yardstick(options, fresh)
        ahead = self._ahead(chosen, yardstick, searcher.rate_per_s)
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
            fresh_requests=int(fresh.every.requests.sum()),
            replications=self.replications,
            attempts=attempts,
            chosen=chosen,
            options=tuple(options),
            front=tuple(undominated(options)),
            alike=() if chosen is None else tuple(alike(self.goal, options, chosen, self._unusable)),
            thresholds=() if chosen is None else tuple(self._thresholds(chosen, sample)),
            ceilings=() if chosen is None else tuple(self._ceilings(self._named(chosen), searcher.rate_per_s)),
            fresh_seeds=self._fresh_seeds(chosen, fresh),
            baseline=self.baseline,
            yardstick=yardstick,
            nearest="" if chosen is not None else nearest(options).name,
            beyond=None if chosen is not None else self._beyond(searcher),
            watches=() if chosen is None else tuple(watches(chosen, searcher.rate_per_s, self.goal.quality_budget)),
            ahead=ahead,
            tornado=self._tornado(chosen, options, () if ahead is None else ahead.hard),
            notes=tuple(self._notes(sample, searcher)),
        )

    def _yardstick(self, options: Sequence[Option], fresh: Ledger) -> Yardstick:
        base = next(one for one in options if one.name == self.baseline)
        part = fresh.every
        count = float(part.requests.sum())
        return Yardstick(
            usd=float(part.yardstick.cost.sum()) / _NANO / count * 1000,
            acceptance=float(part.yardstick.right.sum()) / count,
            unanswered=base.unanswered,
            is_stable=base.status != UNSTABLE,
        )

    def _beyond(self, searcher: Searcher) -> Beyond | None:
        """Say what would keep to the budget if servers could do more."""
        candidate = searcher.found.beyond
        if candidate is None or searcher.found.best:
            return None
        pattern = named(candidate, self.means)
        short = tuple(self._short(pattern, searcher.rate_per_s))
        return Beyond(candidate, pattern.settings, candidate.point.usd, candidate.point.loss, short)

    def _short(self, pattern: Named, rate_per_s: float) -> list[Ceiling]:
        """Give the limits of which a pattern needs more than it may."""
        return [
            one
            for one in self._ceilings(pattern, rate_per_s)
            if one.used > (self.goal.utilisation if one.limit in (SERVERS, REPLICAS) else 1.0)
        ]

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
            for model, share in zip(chosen.settings["ladder"], body.shares, strict=False)
        ]

    def _ceilings(self, chosen: Named, rate_per_s: float) -> list[Ceiling]:
        requests = self.scene.requests(0, _PILOT)
        answers = self.scene.answers(requests)
        pattern = scene_of(self.scene, [chosen], 2).line_up.patterns[-1]
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

    def _ahead(self, chosen: Option | None, yardstick: Yardstick, rate_per_s: float) -> Ahead | None:
        """Look ahead from what was confirmed; months are not played, so that queues add what they do now."""
        if chosen is None:
            return None
        baseline = next(one.pattern for one in self._baselines if one.name == self.baseline)
        cap = self.goal.spend_cap
        per_1k = None if cap is None else cap / (rate_per_s * MONTH_S) * 1000
        return look_ahead(
            self.drawn,
            self._named(chosen).pattern,
            baseline,
            budget=self.goal.quality_budget,
            cap_per_1k=per_1k,
            now=Now(chosen.value(PER_1K), yardstick.usd, chosen.value(LOSS), chosen.escalated),
            requests=min(self.effort.requests, MOST_AHEAD),
        )

    def _tornado(self, chosen: Option | None, options: Sequence[Option], hard: tuple[str, ...]) -> Tornado | None:
        """Move what the plan rests on; its rivals are the best of the other kinds."""
        if chosen is None or chosen.candidate is None:
            return None
        best = [one for one in options if one.candidate is not None and not one.name.startswith(FRONT)]
        rivals = [one.candidate for one in best if one.candidate is not None and one.name != chosen.name]
        return tornado(
            self.drawn,
            self.goal,
            self.effort,
            chosen=chosen.candidate,
            rivals=rivals,
            hard=hard,
            now=(chosen.value(PER_1K), chosen.value(LOSS)),
        )

    @property
    def _baselines(self) -> list[Named]:
        return [one for one in self.written if one.kind == "single"]

    def _named(self, option: Option) -> Named:
        """Give an option as it was before it was confirmed."""
        if option.candidate is None:
            return next(one for one in self.written if one.name == option.name)
        return Named(option.name, option.kind, pattern_of(option.settings), option.candidate)

    def _fresh_seeds(self, chosen: Option | None, fresh: Ledger) -> FreshSeeds | None:
        """Say how each of the fresh seeds by itself keeps to the budget; None for fewer than two."""
        if chosen is None or self.goal.quality_budget is None:
            return None
        return fresh.fresh_seeds(chosen.name, self.goal.quality_budget)


def _silent(done: float, total: int) -> None:
    """Report progress to nobody."""
    del done, total
