"""`tiercast check`: does an experiment keep its promises, as far as its intervals tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InvalidInput, Issue
from sim.experiment import store
from sim.experiment.expectations import expectations
from sim.experiment.objectives import goals
from sim.experiment.spend_limits import spend_limits
from sim.experiment.stopping import budget_of, looks, run_to_precision
from sim.experiment.targets import tolerances
from sim.study.baseline import Baseline, baseline_path, load_baseline, save_baseline
from sim.study.objectives import objectives
from sim.study.regression import regressions, simultaneous
from sim.study.spend_limits import spend_findings
from sim.study.thresholds import Unmatched, judged
from sim.study.verdict import CheckResult, Finding, Verdict

if TYPE_CHECKING:
    from sim.experiment.playing import Playing
    from sim.experiment.resolve import Experiment
    from sim.experiment.simulate import Run


def check(
    experiment: Experiment,
    *,
    workers: int | None = None,
    engine: str = "auto",
    progress: Callable[[float, int], None] | None = None,
    results: Path | None = None,
    until_decided: bool = False,
    budget: int | None = None,
    new_baseline: bool = False,
) -> CheckResult:
    """Run an experiment and hold it against what it promises. Where `results` is given the result is kept there.

    With `until_decided` replications are added while verdicts are open, up to `budget` of them (or `run.budget`, or ten
    times as many as one begins with). `new_baseline` writes the answer as the baseline, instead of comparing with it.

    Raises InvalidInput if there is nothing to check, or nothing in the run that a promise is about.
    """
    promises = _Promises(experiment, engine, workers, compare=not new_baseline)
    if not (promises.any or new_baseline):
        hint = "write thresholds: {latency: ['p(95)<4s']}"
        raise InvalidInput([Issue("there is nothing to check", file=experiment.document.file, hint=hint)])
    playing = experiment.playing(workers=workers, engine=engine, progress=progress, results=results)
    run = run_to_precision(experiment, playing)
    if promises.baseline is not None:
        promises.before = _Before(experiment, promises.baseline, playing, workers, engine)
    if until_decided:
        run, findings, looked = _decided(promises, playing, run, budget)
    else:
        findings, looked = promises.judged(run), []
    if results is not None:
        with run.kept_if_interrupted():
            store.write(run.result, results)
    notes = [*promises.notes(run), *looked]
    if new_baseline:
        path = baseline_path(experiment)
        save_baseline(run, path)
        notes.append(f"the baseline was written to {path}")
    compared = "" if promises.baseline is None else str(promises.baseline.path)
    return CheckResult(run=run.result, findings=tuple(findings), baseline=compared, notes=tuple(notes))


def files_read(experiment: Experiment) -> list[Path]:
    """Give every file that the check of an experiment depends on, its baseline and what that reads included.

    Raises InvalidInput for a baseline that cannot be used.
    """
    files = experiment.read_paths()
    if tolerances(experiment):
        baseline = load_baseline(baseline_path(experiment))
        files += [baseline.path, *baseline.experiment.input_paths().values()]
    return files


class _Before:
    """The baseline in play: as many replications of it as are asked for, with the seed of what is held against it."""

    def __init__(
        self, experiment: Experiment, baseline: Baseline, playing: Playing, workers: int | None, engine: str
    ) -> None:
        seed, replications = experiment.spec.seed, experiment.spec.run.replications
        self._experiment = baseline.experiment.with_(seed=seed, replications=replications)
        # Of an unchanged experiment the replications are those that are played anyway.
        same = self._experiment.plays_hash == experiment.plays_hash
        self._playing = playing if same else self._experiment.playing(workers=workers, engine=engine)
        self._runs: dict[int, Run] = {}

    def to(self, replications: int) -> Run:
        """Play so many replications."""
        if replications not in self._runs:
            self._runs[replications] = self._playing.to(replications, self._experiment)
        return self._runs[replications]


class _Promises:
    """What an experiment promises: limits, objectives, and no change for the worse against a baseline."""

    def __init__(self, experiment: Experiment, engine: str, workers: int | None, *, compare: bool) -> None:
        self.experiment = experiment
        self.expectations = expectations(experiment)
        self.goals = goals(experiment)
        self._spend = spend_limits(experiment)
        self._engine, self._workers = engine, workers
        self.tolerances = tolerances(experiment) if compare else []
        self.baseline = load_baseline(baseline_path(experiment)) if self.tolerances else None
        self.before: _Before | None = None

    @property
    def any(self) -> bool:
        """Whether anything is promised."""
        return bool(self.expectations or self.goals or self._spend or self.tolerances)

    @cached_property
    def _on_spend(self) -> list[Finding]:
        """Verdicts on spend, which rest on a run of their own: more replications of the other one change nothing."""
        return spend_findings(self.experiment, self._spend, self._engine, self._workers)

    def judged(self, run: Run) -> list[Finding]:
        """Give all verdicts on a run. Raises InvalidInput for promises about nothing that the run has."""
        found: list[Finding | Unmatched | Issue] = list(judged(run.result, self.expectations, run.estimate))
        found += objectives(run, self.goals)
        found += self._on_spend
        if self.before is not None:
            found += regressions(run, self.before.to(run.replications), self.tolerances, run.level)
        issues = [one.issue() if isinstance(one, Unmatched) else one for one in found if not isinstance(one, Finding)]
        if issues:
            raise InvalidInput(issues)
        return [one for one in found if isinstance(one, Finding)]

    def notes(self, run: Run) -> Iterator[str]:
        """Say which patterns are looked at where none is named, and how far a baseline can be compared."""
        experiment = self.experiment
        written = [one.place for one in self.expectations] + [one.place for one in self.tolerances]
        written += [one.objective.metric for one in self.goals] + [one.place for one in self._spend]
        added = len(experiment.line_up.patterns) - len(experiment.spec.patterns)
        if added and experiment.spec.patterns and not all("pattern" in place for place in written):
            names = ", ".join(pattern.name for pattern in experiment.line_up.patterns[:added])
            yield f"promises that name no pattern are those of the patterns written in the file, not of {names}"
        if self.before is not None and self.baseline is not None:
            yield from _comparable(self.baseline, self.before.to(run.replications), run)
            pairs = sum(len(target.patterns) for target in self.tolerances)
            each = f"{100 * simultaneous(run.level, pairs):.4g} %"
            if pairs > 1:
                yield f"changes are told at {each} each, so that all {pairs} together keep {100 * run.level:g} %"


def _decided(
    promises: _Promises, playing: Playing, run: Run, budget: int | None
) -> tuple[Run, list[Finding], list[str]]:
    """Add replications while a verdict is open that more of them can decide; give the run, its verdicts and a note.

    Whoever looks often is misled more often: each look is at the level that keeps all of them together to that of the
    run.
    """
    experiment = promises.experiment
    schedule = looks(run.replications, budget_of(experiment, run, budget))
    level = simultaneous(run.level, len(schedule))
    findings: list[Finding] = []
    for number in schedule:
        if number > run.replications:
            run = playing.to(number, experiment.with_(replications=number))
        findings = promises.judged(run.read(level=level))
        if not any(one.verdict is Verdict.INCONCLUSIVE and one.more_replications is not None for one in findings):
            break
    note = (
        f"--until-decided: {run.replications:,} replications, of at most {schedule[-1]:,}; verdicts are at the level "
        f"of {100 * level:.4g} %, so that {len(schedule)} looks together keep {100 * run.level:g} %"
    )
    return run, findings, [note]


def _comparable(baseline: Baseline, earlier: Run, run: Run) -> Iterator[str]:
    """Say what else differs between a baseline and what is held against it."""
    for written in baseline.changed_files:
        yield f"{written} is not what it was when the baseline was written; both sides read it as it is now"
    if missing := [name for name in earlier.outcomes if name not in run.outcomes]:
        yield f"the baseline has patterns that are gone: {', '.join(missing)}"
    if fresh := [name for name in run.outcomes if name not in earlier.outcomes]:
        yield f"patterns that the baseline does not have are not compared: {', '.join(fresh)}"
    if earlier.replications != baseline.replications or earlier.experiment.hash != baseline.experiment.hash:
        return
    for name, pattern in earlier.result.patterns.items():
        for metric, found in pattern.estimates.items():
            was = baseline.answered.get(name, {}).get(metric, found.value)
            if was != found.value:
                yield (
                    f"the baseline was written by tiercast {baseline.version}, and answers otherwise now ({metric} of "
                    f"{name} was {was:.6g}, is {found.value:.6g}); both sides are played by this version"
                )
                return
