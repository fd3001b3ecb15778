"""Options of a plan: named patterns with what fresh requests and a play through the queues say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sim.experiment.effort import choose_engine, choose_workers, loops_of, plays_of
from sim.experiment.lineup import line_up
from sim.experiment.result import PatternResult
from sim.experiment.scene import Scene
from sim.experiment.simulate import Run
from sim.experiment.workers import play_some
from sim.outcome.estimates import Estimate
from sim.study.plan.candidates import AS_WRITTEN, Candidate
from sim.study.plan.effects import COST, NO_EFFECT, RIGHT, Effect, effects_of
from sim.study.until import Judgement, judged

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.outcome.outcomes import Outcome
    from sim.routing.patterns import Pattern
    from sim.study.plan.goal import Effort
    from sim.study.plan.ledger import Ledger
    from sim.study.plan.sample import Means
    from sim.study.until import Until

SHORTLIST_FROM: Final = 1 << 21
"""First replication of those in which a shortlist is played; the confirming ones begin at 0, as a run does."""

BASELINE: Final = "single"
_NANO: Final = 1e9
_POINTS: Final = 100.0
UNANSWERED: Final = "failure.rate"


@dataclass(frozen=True, slots=True)
class Named:
    """A pattern with its name and kind, and the candidate it was made of (None: the experiment has it so).

    `swap` says which of the candidate's models a twin stands for, if one does.
    """

    name: str
    kind: str
    pattern: Pattern
    candidate: Candidate | None = None
    swap: tuple[str, str] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The pattern as YAML says it."""
        return self.pattern.model_dump(mode="json", exclude_defaults=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Option:
    """An option, confirmed: estimates by metric, how it stands to the conditions, and how it compares with the choice.

    `dearer` is the share by which it costs more than the choice and `worse` the points that it loses more, both request
    by request; None for the choice itself. `saved_per_answer` are USD saved for each acceptable answer lost against the
    yardstick, None where none is lost for sure. `effect` is what playing has added to cost and quality.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    candidate: Candidate | None
    estimates: Mapping[str, Estimate]
    judgement: Judgement
    status: str
    dearer: Estimate | None = None
    worse: Estimate | None = None
    saved_per_answer: Estimate | None = None
    effect: Effect = NO_EFFECT

    @property
    def unanswered(self) -> float:
        """Share of requests that got no answer."""
        found = self.estimates.get(UNANSWERED)
        return 0.0 if found is None else found.value

    @property
    def escalated(self) -> float:
        """Share of requests that escalate."""
        found = self.estimates.get("escalation.rate")
        return 0.0 if found is None else found.value

    def value(self, metric: str) -> float:
        """Give the value of a metric; infinity where it was not measured."""
        found = self.estimates.get(metric)
        return float("inf") if found is None else found.value


def named(candidate: Candidate, means: Means, name: str = "") -> Named:
    """Name a candidate after its kind: ``best-cascade``."""
    slug = name or f"best-{candidate.kind.replace(' + ', '-')}"
    return Named(slug, candidate.kind, candidate.pattern(slug, means), candidate)


def written_ones(scene: Scene) -> Iterator[Named]:
    """Yield the patterns of the experiment, baselines among them."""
    for pattern in scene.line_up.patterns:
        baseline = pattern.name in scene.line_up.direct.values()
        yield Named(pattern.name, BASELINE if baseline else AS_WRITTEN, pattern)


def scene_of(scene: Scene, options: Sequence[Named], replications: int) -> Scene:
    """Give the scene with these patterns in the place of the experiment's, held against frontier-only."""
    run = scene.spec.run.model_copy(update={"replications": replications})
    patterns = [one.pattern for one in options]
    spec = scene.spec.model_copy(update={"patterns": patterns, "baseline": None, "run": run})
    return Scene(spec, line_up(patterns, spec.fleet, None), scene.inputs)


def played(experiment: Experiment, scene: Scene, effort: Effort, first: int) -> Run:
    """Play every pattern of a scene in replications of its own."""
    replications, plays = scene.spec.run.replications, plays_of(scene)
    engine, remark = choose_engine(effort.engine, plays, loops_of(scene))
    workers = choose_workers(None, plays, replications, engine)
    if effort.workers is not None:  # no more processes than are worth their start
        most = choose_workers(effort.workers, plays, replications, engine)
        workers = min(workers[0], most[0]), min(workers[1], most[0] * most[1])
    numbers = range(first, first + replications)
    by_number = play_some(scene, engine, workers, numbers)
    outcomes = {
        pattern.name: [by_number[number][place] for number in numbers]
        for place, pattern in enumerate(scene.line_up.patterns)
    }
    return Run(experiment, scene, engine, outcomes, remark=remark)


class Plays:
    """Patterns in the replications that confirm a plan; each is played once, however often it is asked for."""

    def __init__(self, experiment: Experiment, scene: Scene, effort: Effort, replications: int) -> None:
        self._experiment, self._scene, self._effort, self._replications = experiment, scene, effort, replications
        self._outcomes: dict[str, list[Outcome]] = {}
        self._effects: dict[str, Effect] = {}

    def of(self, options: Sequence[Named]) -> tuple[Run, dict[str, Effect]]:
        """Give the run of these options, and what playing adds to each."""
        new = [one for one in options if _unnamed(one.pattern) not in self._outcomes]
        whole = scene_of(self._scene, options, self._replications)
        if new:
            scene = scene_of(self._scene, new, self._replications)
            run = played(self._experiment, scene, self._effort, 0)
            effects = effects_of(scene, run.outcomes, scene.line_up.patterns, self._experiment.spec.run.level)
            for pattern in scene.line_up.patterns:
                self._outcomes[_unnamed(pattern)] = list(run.outcomes[pattern.name])
                self._effects[_unnamed(pattern)] = effects.get(pattern.name, NO_EFFECT)
        keys = {pattern.name: _unnamed(pattern) for pattern in whole.line_up.patterns}
        outcomes = {name: self._outcomes[key] for name, key in keys.items()}
        effects = {name: self._effects[key] for name, key in keys.items()}
        return Run(self._experiment, whole, self._effort.engine, outcomes, remark=""), effects


def _unnamed(pattern: Pattern) -> str:
    """Give a pattern without its name, which changes nothing in what it does."""
    return pattern.model_dump_json(exclude={"name"}, exclude_none=True)


def confirmed(
    options: Sequence[Named], run: Run, fresh: Ledger | None, untils: Sequence[Until], level: float
) -> list[Option]:
    """Hold options against the conditions; cost and quality are those of fresh requests, and of what playing adds."""
    found = []
    for one in options:
        result = run.of(one.name)
        if fresh is not None:
            result = _with(result, fresh.estimates(one.name))
        requests = sum(outcome.requests for outcome in run.outcomes[one.name])
        found.append(
            Option(
                name=one.name,
                kind=one.kind,
                settings=one.settings,
                candidate=one.candidate,
                estimates=result.estimates,
                judgement=judged(result, untils, requests, level),
                status=result.status,
                effect=NO_EFFECT if fresh is None else fresh.effect(one.name),
            )
        )
    return found


def compared(options: Sequence[Option], chosen: str, fresh: Ledger) -> list[Option]:
    """Add to each option how it compares with the chosen one."""
    return [
        replace(one, saved_per_answer=fresh.saved_per_answer(one.name))
        if one.name == chosen
        else replace(
            one,
            dearer=fresh.dearer(one.name, chosen),
            worse=fresh.worse(one.name, chosen),
            saved_per_answer=fresh.saved_per_answer(one.name),
        )
        for one in options
    ]


def _with(result: PatternResult, estimates: Mapping[str, Estimate]) -> PatternResult:
    kept = {name: found for name, found in result.estimates.items() if name not in estimates}
    if result.estimates.get("escalation.rate") is None:
        estimates = {name: found for name, found in estimates.items() if name != "escalation.rate"}
    return replace(result, estimates={**kept, **estimates})


def as_played(candidate: Candidate, effect: Effect) -> Candidate:
    """Give a candidate with what playing adds to its cost and loss."""
    point = candidate.point
    usd, loss = effect.more[COST] / _NANO * 1000, -effect.more[RIGHT] * _POINTS
    return replace(candidate, point=replace(point, usd=point.usd + float(usd), loss=point.loss + float(loss)))
