"""`tiercast check`: does an experiment keep its promises, as far as its intervals tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InvalidInput, Issue
from sim.experiment import store
from sim.experiment.expectations import expectations
from sim.outcome.on_demand import quantile_of
from sim.outcome.outcomes import Group
from sim.study.thresholds import Unmatched, judged
from sim.study.verdict import CheckResult

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.selectors import Chosen
    from sim.experiment.simulate import Run
    from sim.outcome.estimates import Estimate


def check(
    experiment: Experiment,
    *,
    workers: int | None = None,
    engine: str = "auto",
    progress: Callable[[float, int], None] | None = None,
    results: Path | None = None,
) -> CheckResult:
    """Run an experiment and hold it against what it promises. Where `results` is given the result is kept there.

    Raises InvalidInput if there is nothing to check, or nothing in the run that a threshold is about.
    """
    wanted = expectations(experiment)
    if not wanted:
        hint = "write thresholds: {latency: ['p(95)<4s']}"
        raise InvalidInput([Issue("there is nothing to check", file=experiment.document.file, hint=hint)])
    run = experiment.run(workers=workers, engine=engine, progress=progress, results=results)
    if results is not None:
        with run.kept_if_interrupted():
            store.write(run.result, results)
    found = list(judged(run.result, wanted, _measuring(run)))
    if unmatched := [one.issue() for one in found if isinstance(one, Unmatched)]:
        raise InvalidInput(unmatched)
    return CheckResult(
        run=run.result,
        findings=tuple(one for one in found if not isinstance(one, Unmatched)),
        notes=tuple(_notes(experiment)),
    )


def _measuring(run: Run) -> Callable[[str, Chosen], Estimate | None]:
    level = run.experiment.spec.run.level

    def measure(pattern: str, chosen: Chosen) -> Estimate | None:
        if chosen.quantile is None:
            return run.result.patterns[pattern].estimates.get(chosen.metric)
        group = Group(chosen.group, chosen.name)
        return quantile_of(run.outcomes[pattern], chosen.column, group, chosen.quantile, level)

    return measure


def _notes(experiment: Experiment) -> list[str]:
    """Say which patterns are looked at where a threshold names none."""
    unnamed = [key for key in experiment.spec.thresholds if "pattern" not in key]
    added = len(experiment.line_up.patterns) - len(experiment.spec.patterns)
    if not unnamed or not added or not experiment.spec.patterns:
        return []
    names = ", ".join(pattern.name for pattern in experiment.line_up.patterns[:added])
    return [f"thresholds without a pattern are those of the patterns written in the file, not of {names}"]
