"""Replications until the intervals are narrow enough: `run.precision`.

The numbers of replications at which one looks are fixed beforehand: `run.replications`, and half as many again each
time, up to the budget. So the answer depends neither on workers nor on the clock. To stop when an interval happens to
be narrow favours those that are too narrow; with few looks and twenty replications or more at the first one the loss of
coverage is small (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sim.experiment.targets import Target, precision_targets

if TYPE_CHECKING:
    from sim.experiment.playing import Playing
    from sim.experiment.resolve import Experiment
    from sim.experiment.simulate import Run

TIMES_MORE: Final = 10
"""Most replications where no budget is given, as a multiple of those one begins with."""

MOST_REPLICATIONS: Final = 100_000


def looks(first: int, most: int) -> list[int]:
    """Give the numbers of replications at which one looks: `first`, half as many again each time, `most` at last."""
    found = [first]
    while found[-1] < most:
        found.append(min(found[-1] + max(found[-1] // 2, 1), most))
    return found


def budget_of(experiment: Experiment, run: Run, given: int | None = None) -> int:
    """Give the most replications that may be played: `given`, what `run.budget` says, or ten times as many as now.

    A budget of requests is turned into replications by the mean number of requests of those in `run`.
    """
    budget, now = experiment.spec.run.budget, run.replications
    most = [MOST_REPLICATIONS]
    if given is not None:
        most.append(given)
    elif budget is None:
        most.append(TIMES_MORE * now)
    else:
        if budget.replications is not None:
            most.append(budget.replications)
        if budget.requests is not None:
            most.append(budget.requests * now // max(run.result.requests, 1))
    return max(min(most), now)


def run_to_precision(experiment: Experiment, playing: Playing) -> Run:
    """Play the replications of an experiment, and more of them until its precision is reached or the budget ends."""
    first = experiment.spec.run.replications
    run = playing.to(first)
    targets = precision_targets(experiment)
    if not targets:
        return run
    for number in looks(first, budget_of(experiment, run)):
        run = playing.to(number)
        missed = list(_missed(run, targets))
        if not missed:
            return run.read(stopped=f"run.precision: reached after {number:,} replications")
        if all(run.result.patterns[pattern].status == "unstable" for pattern, _, _ in missed):
            return run.read(stopped="run.precision: given up, because the system is unstable")
    pattern, target, share = missed[0]
    known = (
        "has no interval" if share is None else f"is known to {100 * share:.2g} %, not to {100 * target.share:.3g} %"
    )
    more = f", and {len(missed) - 1} more like it" if len(missed) > 1 else ""
    return run.read(
        stopped=f"run.precision: the budget of {run.replications:,} replications ended before it was reached: "
        f"{target.chosen.metric} of {pattern} {known}{more}"
    )


def _missed(run: Run, targets: Sequence[Target]) -> Iterator[tuple[str, Target, float | None]]:
    """Yield pattern, target and relative half-width (None without one) of what is not known well enough."""
    for target in targets:
        for pattern in target.patterns:
            found = run.estimate(pattern, target.chosen)
            if found is None:
                continue
            unstable = run.result.patterns[pattern].status == "unstable"
            few_events = found.few_data and found.unit != "s"
            if found.lower is None or found.upper is None or few_events or unstable:
                yield pattern, target, None
                continue
            half = (found.upper - found.lower) / 2
            if half > target.share * abs(found.value):
                yield pattern, target, half / abs(found.value) if found.value else None
