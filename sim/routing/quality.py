"""Who would answer acceptably: the quality section of the YAML, resolved against the fleet and the task classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Floats
from sim.routing.confidence import Episode, Miscalibration
from sim.routing.dependence import solve_rho
from sim.schema import Spec
from sim.units import Fraction
from sim.workload.outcome_table import OutcomeTable

Auroc = Annotated[float, Field(ge=0.5, le=1)]
DEFAULT_AUROC = 0.75
"""Token log-probabilities of cheap models reach .72 to .80 (research of this project, 31 weak/strong pairs)."""
DEFAULT_RHO = 0.5


class Confidence(Spec):
    """How well a model's own confidence tells its acceptable answers from the others."""

    auroc: Auroc | dict[str, Auroc] = DEFAULT_AUROC
    """0.5 is useless, 1 an oracle; one number, or one per task class. Either way within a task class: measured over
    classes of different difficulty together it comes out higher."""
    miscalibration: Miscalibration = Miscalibration()
    """How the stated probability differs from the calibrated one."""
    episodes: list[Episode] = Field(default_factory=list)
    """Times in which it differs more; what escalates by `confidence_below` then changes, what escalates by rank not."""


class Wording(Spec):
    """How often an answer shows a wording (refusal, hedging), by whether it is acceptable."""

    acceptable: Fraction = 0.0
    """Share among acceptable answers."""
    unacceptable: Fraction = 0.0
    """Share among unacceptable answers."""


class Quality(Spec):
    """Acceptance probabilities, how models fail together, and what a first answer gives away."""

    acceptance: dict[str, dict[str, Fraction]] = Field(default_factory=dict)
    """Acceptance probability by task class and model."""
    outcomes: Literal["replay", "fit"] = "replay"
    """With an outcome table: replay its rows, or fit acceptance, dependence and AUROC to it per task class."""
    dependence: Annotated[float, Field(ge=0, lt=1)] | dict[str, Annotated[float, Field(ge=0, lt=1)]] | None = None
    """Correlation of the latents of any two models: one number, or one per task class."""
    right_when_cheap_wrong: Fraction | dict[str, Fraction] | None = None
    """P(frontier right | cheap wrong), which people can measure, instead of `dependence`."""
    confidence: dict[str, Confidence] = Field(default_factory=dict)
    """Confidence by model."""
    refusal: dict[str, Wording] = Field(default_factory=dict)
    """Refusals by model."""
    hedging: dict[str, Wording] = Field(default_factory=dict)
    """Hedged answers by model."""

    @model_validator(mode="after")
    def _one_dependence(self) -> Self:
        if self.dependence is not None and self.right_when_cheap_wrong is not None:
            raise ValueError("dependence and right_when_cheap_wrong say the same thing; give one of them")
        return self


@dataclass(frozen=True, slots=True)
class QualityModel:
    """Quality with every number filled in; arrays run over the task classes.

    `acceptance` and `auroc` by model, float64[tasks]; `rho` float64[tasks]; `table` is set when rows are replayed.
    `calibrated` is the model of the time when confidences were calibrated and thresholds set; None: of now.
    """

    tasks: tuple[str, ...]
    acceptance: Mapping[str, Floats]
    rho: Floats
    auroc: Mapping[str, Floats]
    miscalibration: Mapping[str, Miscalibration]
    episodes: Mapping[str, tuple[Episode, ...]]
    refusal: Mapping[str, Wording]
    hedging: Mapping[str, Wording]
    table: OutcomeTable | None
    notes: tuple[str, ...] = ()
    calibrated: QualityModel | None = None


def quality_model(
    quality: Quality, models: tuple[str, ...], pair: tuple[str, str], tasks: tuple[str, ...], table: OutcomeTable | None
) -> QualityModel:
    """Fill in every number for the given task classes; `pair` is (cheap, frontier).

    Raises ValueError on what is missing or cannot be.
    """
    notes: list[str] = []
    if table is None:
        _check_task_names(quality, tasks)
        acceptance = {m: np.array([_acceptance(quality, task, m) for task in tasks]) for m in models}
        rho = np.array([_rho(quality, task, *(float(acceptance[m][k]) for m in pair)) for k, task in enumerate(tasks)])
    else:
        by_model = {m: table.acceptance(m) for m in models}
        acceptance = {m: np.array([by_model[m][task] for task in tasks]) for m in models}
        measured = table.conditional(*pair) if pair[0] != pair[1] else {}
        low, high = (acceptance[model] for model in pair)
        rho = np.array(
            [_fitted_rho(measured.get(t), t, float(low[k]), float(high[k]), notes=notes) for k, t in enumerate(tasks)]
        )
    return QualityModel(
        tasks=tasks,
        acceptance=acceptance,
        rho=rho,
        auroc={m: _auroc(quality, m, tasks, table) for m in models},
        miscalibration={m: quality.confidence.get(m, Confidence()).miscalibration for m in models},
        episodes={m: tuple(quality.confidence.get(m, Confidence()).episodes) for m in models},
        refusal={m: quality.refusal.get(m, Wording()) for m in models},
        hedging={m: quality.hedging.get(m, Wording()) for m in models},
        table=table if quality.outcomes == "replay" else None,
        notes=tuple(notes),
    )


def _check_task_names(quality: Quality, tasks: tuple[str, ...]) -> None:
    """Raise ValueError for a number that would be ignored because its task class does not exist."""
    by_task: dict[str, object] = {
        "dependence": quality.dependence,
        "right_when_cheap_wrong": quality.right_when_cheap_wrong,
        **{f"confidence.{model}.auroc": confidence.auroc for model, confidence in quality.confidence.items()},
    }
    for where, value in by_task.items():
        for task in value if isinstance(value, dict) else ():
            if task not in tasks:
                raise ValueError(f"quality.{where} names the task class {task!r}; there are {', '.join(tasks)}")


def _acceptance(quality: Quality, task: str, model: str) -> float:
    try:
        return quality.acceptance[task][model]
    except KeyError:
        raise ValueError(f"quality.acceptance has no number for task class {task!r} and model {model!r}") from None


def _rho(quality: Quality, task: str, p_cheap: float, p_frontier: float) -> float:
    target = quality.right_when_cheap_wrong
    if isinstance(target, dict):
        target = target.get(task)
    if target is not None:
        return 0.0 if p_cheap >= 1 else solve_rho(target, p_cheap, p_frontier)
    rho = quality.dependence
    if isinstance(rho, dict):
        rho = rho.get(task)
    return DEFAULT_RHO if rho is None else rho


def _fitted_rho(measured: float | None, task: str, p_cheap: float, p_frontier: float, *, notes: list[str]) -> float:
    """Fit the latent correlation; a table may show more independence than the copula reaches, then it is 0."""
    if measured is None or not 0 < p_cheap < 1 or not 0 < p_frontier < 1:
        return 0.0
    try:
        return solve_rho(measured, p_cheap, p_frontier)
    except ValueError:
        independent = measured > p_frontier
        notes.append(f"task class {task}: the dependence in the table is out of the copula's reach; took the nearest")
        return 0.0 if independent else 0.999


def _auroc(quality: Quality, model: str, tasks: tuple[str, ...], table: OutcomeTable | None) -> Floats:
    stated = quality.confidence.get(model, Confidence()).auroc
    values = [stated.get(task, DEFAULT_AUROC) if isinstance(stated, dict) else stated for task in tasks]
    if table is not None and model not in quality.confidence:
        fitted = table.auroc(model)
        values = [
            value if (measured := fitted.get(task)) is None else max(measured, 0.5)
            for task, value in zip(tasks, values, strict=True)
        ]
    return np.array(values)
