"""Assumptions of an experiment that may be wrong: each with the range that it is moved over."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.fleet.token_rates import PER_TOKEN
from sim.routing.quality import DEFAULT_AUROC, Confidence
from sim.routing.signals.similarity import Cosine
from sim.routing.signals.task_class import TaskClassifier

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.experiment.spec import ExperimentSpec
    from sim.study.plan.sample import Means

ACCEPTANCE: Final = 0.02
AUROC: Final = 0.05
DEPENDENCE: Final = 0.10
ACCURACY: Final = 0.05
LOGIT: Final = 0.5
PRICE: Final = 1.5
LENGTH: Final = 1.25

Change = Callable[["ExperimentSpec", float], "ExperimentSpec"]


_FIXED: Final = ("per_call_usd", "replica_hour_usd")


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that is assumed: `change` gives the experiment with it moved by -1 (low) to 1 (high) of its range.

    `words` says what a move means.
    """

    name: str
    change: Change
    words: Callable[[float], str]


def assumptions_of(scene: Scene, means: Means, hard: tuple[str, ...]) -> Iterator[Assumption]:
    """Yield what a plan rests on, each with its range.

    Qualities by 2 points, AUROCs by .05, the correlation of latents by .1, classifiers by 5 points, prices by half,
    lengths of answers by a quarter, and the share of the hard task classes by half a logit. What an outcome table says
    is not moved: its rows are measured.
    """
    spec = scene.spec
    if scene.quality.table is None and spec.outcomes is None:
        rho = dict(zip(scene.quality.tasks, scene.quality.rho.tolist(), strict=True))
        for model in means.models:
            yield Assumption(f"acceptance of {model}", _acceptance(model, rho), _points(ACCEPTANCE))
        yield Assumption("correlation of models", _dependence(rho), _plain(DEPENDENCE))
        for model in means.models[:-1]:
            yield Assumption(f"AUROC of {model}'s confidence", _auroc(model), _plain(AUROC))
    for name, signal in means.signals.items():
        if name in spec.signals and isinstance(signal, TaskClassifier) and signal.accuracy is not None:
            yield Assumption(f"accuracy of {name}", _accuracy(name), _points(ACCURACY))
        if name in spec.signals and isinstance(signal, Cosine) and isinstance(signal.auroc, float):
            yield Assumption(f"AUROC of {name}", _signal_auroc(name), _plain(AUROC))
    for model in means.models:
        yield Assumption(f"price of {model}", _price(model), _times(PRICE))
    for model in means.models:
        yield Assumption(f"length of {model}'s answers", _length(model), _times(LENGTH))
    if hard and spec.workload.tasks:
        yield Assumption(f"share of {' and '.join(hard)}", _share(hard), _plain(LOGIT, " logit"))


def _points(step: float) -> Callable[[float], str]:
    return lambda x: f"{100 * step * x:+.3g} points"


def _plain(step: float, unit: str = "") -> Callable[[float], str]:
    return lambda x: f"{step * x:+.2g}{unit}"


def _times(factor: float) -> Callable[[float], str]:
    return lambda x: f"x {factor**x:.3g}"


def _clip(value: float, low: float = 0.001, high: float = 0.999) -> float:
    return min(max(value, low), high)


def _acceptance(model: str, rho: Mapping[str, float]) -> Change:
    """Move an acceptance; what stays is how models depend on each other beneath it."""

    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        moved = {
            task: {name: _clip(p + ACCEPTANCE * x) if name == model else p for name, p in by_model.items()}
            for task, by_model in spec.quality.acceptance.items()
        }
        return _with_quality(spec, acceptance=moved, dependence=dict(rho), right_when_cheap_wrong=None)

    return change


def _dependence(rho: Mapping[str, float]) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        moved = {task: _clip(value + DEPENDENCE * x, 0.0) for task, value in rho.items()}
        return _with_quality(spec, dependence=moved, right_when_cheap_wrong=None)

    return change


def _auroc(model: str) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        confidence = spec.quality.confidence.get(model, Confidence())
        stated = confidence.auroc
        if isinstance(stated, dict):
            tasks = spec.workload.tasks
            found: float | dict[str, float] = {
                task: _clip(stated.get(task, DEFAULT_AUROC) + AUROC * x, 0.5) for task in tasks
            }
        else:
            found = _clip(stated + AUROC * x, 0.5)
        other = confidence.model_copy(update={"auroc": found})
        return _with_quality(spec, confidence={**spec.quality.confidence, model: other})

    return change


def _accuracy(name: str) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        signal = spec.signals[name]
        stated = getattr(signal, "accuracy", None) or 1.0
        return _with_signal(spec, name, accuracy=_clip(stated + ACCURACY * x, 0.0, 1.0))

    return change


def _signal_auroc(name: str) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        return _with_signal(spec, name, auroc=_clip(getattr(spec.signals[name], "auroc", 0.5) + AUROC * x, 0.5))

    return change


def _price(model: str) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        card, factor = spec.fleet[model].price, PRICE**x
        moved = {name: value * factor for name in (*PER_TOKEN, *_FIXED) if (value := getattr(card, name)) is not None}
        tiers = [
            tier.model_copy(
                update={name: price * factor for name in PER_TOKEN if (price := getattr(tier, name)) is not None}
            )
            for tier in card.above
        ]
        return _with_model(spec, model, price=card.model_copy(update={**moved, "above": tiers}))

    return change


def _length(model: str) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        return _with_model(spec, model, verbosity=spec.fleet[model].verbosity * LENGTH**x)

    return change


def _share(hard: tuple[str, ...]) -> Change:
    def change(spec: ExperimentSpec, x: float) -> ExperimentSpec:
        workload = spec.workload
        names = tuple(workload.tasks)

        def moved(mix: Mapping[str, float]) -> dict[str, float]:
            whole = dict(mix) or dict.fromkeys(names, 1 / len(names))
            share = sum(value for task, value in whole.items() if task in hard)
            if not 0 < share < 1:
                return whole
            odds = share / (1 - share) * math.exp(LOGIT * x)
            now = odds / (1 + odds)
            return {
                task: value * (now / share if task in hard else (1 - now) / (1 - share))
                for task, value in whole.items()
            }

        segments = {
            name: segment.model_copy(update={"mix": moved(segment.mix)}) if segment.mix else segment
            for name, segment in workload.segments.items()
        }
        update = {"segments": segments, "mix": moved(workload.mix or {})}
        return spec.model_copy(update={"workload": workload.model_copy(update=update)})

    return change


def _with_quality(spec: ExperimentSpec, **changes: object) -> ExperimentSpec:
    return spec.model_copy(update={"quality": spec.quality.model_copy(update=changes)})


def _with_signal(spec: ExperimentSpec, name: str, **changes: object) -> ExperimentSpec:
    moved = spec.signals[name].model_copy(update=changes)
    return spec.model_copy(update={"signals": {**spec.signals, name: moved}})


def _with_model(spec: ExperimentSpec, model: str, **changes: object) -> ExperimentSpec:
    moved = spec.fleet[model].model_copy(update=changes)
    return spec.model_copy(update={"fleet": {**spec.fleet, model: moved}})
