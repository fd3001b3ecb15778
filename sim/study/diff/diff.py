"""`tiercast diff`: what a change of an experiment does to its metrics, pattern by pattern.

Two experiments are played with the same seed and as many replications, so that the same requests meet the same luck and
only what was changed makes a difference; its interval comes from the differences of the replications. Results that a
run has left are numbers with intervals: their difference is told as that of independent ones, which is too wide where
they shared a seed, and never too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sim.experiment.expectations import chosen_patterns, matched
from sim.experiment.selectors import Chosen, parse_selector
from sim.experiment.stopping import run_to_precision
from sim.experiment.summary import summary_of
from sim.experiment.targets import whole_metric
from sim.outcome.change import absolute_change, relative_change
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval, student_t
from sim.outcome.metrics import sections_for
from sim.study.diff.answer import Difference, independent_change
from sim.study.diff.pair import Asked, Pair
from sim.study.diff.sides import Side, open_side

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.simulate import Run


def difference(before: str, after: str, asked: Asked) -> Difference:
    """Compare two sides, each an experiment file, ``REVISION:FILE``, a baseline or a result.

    Raises InvalidInput for a side that cannot be read, and for a metric that neither has.
    """
    with ExitStack() as until:
        sides = [open_side(before, (), until), open_side(after, asked.overrides, until)]
        first, second = sides
        if first.experiment is None or second.experiment is None:
            pair: Pair = _Recorded(sides, asked)
        else:
            pair = _Played(sides, first.experiment, second.experiment, asked)
        return pair.difference()


class _Played(Pair):
    """Two experiments, played with the seed and the replications of the second."""

    paired = True

    def __init__(self, sides: Sequence[Side], before: Experiment, after: Experiment, asked: Asked) -> None:
        super().__init__(sides, asked)
        self._after = after.with_(seed=asked.seed, replications=asked.replications)
        playing = self._after.playing(workers=asked.workers, engine=asked.engine, progress=asked.progress)
        now = run_to_precision(self._after, playing)
        self._before = before.with_(seed=self._after.spec.seed, replications=now.replications)
        if self._before.plays_hash != self._after.plays_hash:
            playing = self._before.playing(workers=asked.workers, engine=asked.engine, progress=asked.progress)
        self._seed_before = before.spec.seed
        self._runs: tuple[Run, Run] = playing.to(now.replications, self._before), now

    def facts(self, at: int) -> Mapping[str, Any]:
        result = self._runs[at].result
        return {
            "experiment": result.experiment,
            "seed": result.seed,
            "replications": result.replications,
            "level": result.level,
        }

    def statuses(self, at: int) -> dict[str, str]:
        return {name: found.status for name, found in self._runs[at].result.patterns.items()}

    def known(self, at: int, pattern: str) -> list[str]:
        found = self._runs[at].result.patterns.get(pattern)
        return [] if found is None else list(found.estimates)

    def estimate(self, at: int, pattern: str, chosen: Chosen) -> Estimate | None:
        run = self._runs[at]
        return run.estimate(pattern, chosen) if pattern in run.outcomes else None

    def change(self, pattern: str, chosen: Chosen, level: float, *, relative: bool) -> Interval | None:
        before, after = (run.basis(pattern, chosen) for run in self._runs)
        if before is None or after is None:
            return None
        return relative_change(after, before, level) if relative else absolute_change(after, before, level)

    def chosen(self, text: str) -> tuple[Chosen, tuple[str, ...]]:
        selector = parse_selector(text)
        for experiment in (self._after, self._before):
            with_it = [pattern.name for pattern in experiment.line_up.patterns]
            if selector.where.get("pattern", with_it[0]) in with_it:
                matched(experiment, whole_metric(selector), selector, chosen_patterns(experiment, selector))
                break
        return super().chosen(text)

    def notes(self) -> Iterator[str]:
        if self._seed_before != self._after.spec.seed:
            yield f"both sides are played with the seed {self._after.spec.seed}, that of the second"
        changed = {name for name, digest in self._before.files.items() if self._after.files.get(name, digest) != digest}
        for name in sorted(changed):
            yield f"the content of {name} has changed"


class _Recorded(Pair):
    """Two sides of which at least one is numbers alone."""

    def __init__(self, sides: Sequence[Side], asked: Asked) -> None:
        super().__init__(sides, asked)
        self._summaries = [self._summary(side) for side in sides]

    def _summary(self, side: Side) -> Mapping[str, Any]:
        """Give the summary of a side; one that can be played is."""
        if side.summary is not None:
            return side.summary
        asked = self.asked
        if side.experiment is None:
            raise ValueError("a side is an experiment or a result")
        run = side.experiment.run(
            workers=asked.workers,
            seed=asked.seed,
            replications=asked.replications,
            engine=asked.engine,
            progress=asked.progress,
        )
        return summary_of(run.result)

    def facts(self, at: int) -> Mapping[str, Any]:
        return self._summaries[at]

    def statuses(self, at: int) -> dict[str, str]:
        return {name: str(found["status"]) for name, found in self._summaries[at]["patterns"].items()}

    def known(self, at: int, pattern: str) -> list[str]:
        found = self._summaries[at]["patterns"].get(pattern, {})
        return [name for name, entry in found.items() if isinstance(entry, dict) and "value" in entry]

    def estimate(self, at: int, pattern: str, chosen: Chosen) -> Estimate | None:
        entry = self._summaries[at]["patterns"].get(pattern, {}).get(chosen.metric)
        if not isinstance(entry, dict) or "value" not in entry:
            return None
        return Estimate(
            float(entry["value"]), entry.get("lower"), entry.get("upper"), chosen.unit, "", bool(entry.get("few_data"))
        )

    def change(self, pattern: str, chosen: Chosen, level: float, *, relative: bool) -> Interval | None:
        before, after = (self.estimate(at, pattern, chosen) for at in (0, 1))
        if before is None or after is None:
            return None
        before, after = (self._at(at, found, level) for at, found in enumerate((before, after)))
        return independent_change(after, before, relative=relative)

    def _at(self, at: int, found: Estimate, level: float) -> Estimate:
        """Give an estimate with its interval at another level: half-widths are multiples of Student's t."""
        if found.lower is None or found.upper is None:
            return found
        facts = self._summaries[at]
        replications = int(facts["replications"])
        freedom = (replications if replications > 1 else sections_for(1)) - 1
        wider = student_t(freedom, level) / student_t(freedom, float(facts["level"]))
        lower, upper = (found.value + wider * (bound - found.value) for bound in (found.lower, found.upper))
        return Estimate(found.value, lower, upper, found.unit, found.baseline, found.few_data)

    def notes(self) -> Iterator[str]:
        yield (
            "a result is numbers alone: changes are told as those of independent runs; compare experiments, revisions "
            "or baselines to have the same requests on both sides"
        )
