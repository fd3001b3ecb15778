"""Looks at an experiment with one value changed, with as many replications as it takes to decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sim.experiment.effort import COMPILED, choose_engine, choose_workers, loops_of, plays_of
from sim.experiment.measured import measured_calls
from sim.experiment.scene import Scene
from sim.experiment.simulate import Run
from sim.experiment.workers import play_some
from sim.outcome.on_demand import quantile_of
from sim.outcome.outcomes import Group
from sim.study.until import Judgement, Standing, Until, judged

if TYPE_CHECKING:
    from sim.experiment.inputs import Files
    from sim.experiment.resolve import Experiment
    from sim.experiment.selectors import Chosen
    from sim.outcome.estimates import Estimate
    from sim.outcome.outcomes import Outcome

FIRST_LOOK: Final = 5
"""Replications of the first look at a value; each further look doubles them."""

_LOOKS_PER_STUDY: Final = 10


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: replications of a value at most, cores (None: all that are worth it), and the engine."""

    replications: int
    workers: int | None = None
    engine: str = "auto"

    @property
    def looks(self) -> tuple[int, ...]:
        """Replications after each look at one value."""
        found = [min(FIRST_LOOK, self.replications)]
        while found[-1] < self.replications:
            found.append(min(2 * found[-1], self.replications))
        return tuple(found)

    def level(self, level: float) -> float:
        """Give the level of the interval of each look, so that all looks together are wrong no more often than `level`.

        Bonferroni: each of them gets an equal part of the risk.
        """
        return 1 - (1 - level) / len(self.looks)


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen at a value: how the pattern stands there, after how many replications."""

    value: float
    judgement: Judgement
    replications: int


class Prober:
    """Looks at one pattern at different values of one key; each value is looked at once.

    `setting` writes a value as assignments (``fleet.small.capacity.concurrency=8``). All values draw from the same
    streams: the same requests with the same luck, so that values differ by what they do and not by chance.
    """

    def __init__(
        self,
        experiment: Experiment,
        pattern: str,
        untils: Sequence[Until],
        effort: Effort,
        setting: Callable[[float], tuple[str, ...]],
    ) -> None:
        self._experiment = experiment
        self.pattern = pattern
        self._untils = [until for until in untils if not until.patterns or pattern in until.patterns]
        self._effort = effort
        self._setting = setting
        self._level = effort.level(experiment.spec.run.level)
        self._engine = ""
        self.notes: tuple[str, ...] = ()
        self.probes: dict[float, Probe] = {}

    def look(self, value: float) -> Standing:
        """Play replications at a value until it is decided, or there are to be no more."""
        if value not in self.probes:
            self.probes[value] = self._look(value)
        return self.probes[value].judgement.standing

    @property
    def replications(self) -> int:
        """Replications played so far, of all values."""
        return sum(probe.replications for probe in self.probes.values())

    @cached_property
    def _inputs(self) -> Files:
        return self._experiment.inputs()

    def _look(self, value: float) -> Probe:
        changed, scene = self._changed(value)
        played: dict[str, list[Outcome]] = {pattern.name: [] for pattern in scene.line_up.patterns}
        done, judgement = 0, _NOTHING_SEEN
        for wanted in self._effort.looks:
            engine, workers = self._means(scene, wanted - done)
            outcomes = play_some(scene, engine, workers, range(done, wanted))
            for number in range(done, wanted):
                for kept, outcome in zip(played.values(), outcomes[number], strict=True):
                    kept.append(outcome)
            done = wanted
            requests = sum(outcome.requests for outcome in played[self.pattern])
            if requests:
                run = Run(changed, scene, engine, played)
                self.notes = self.notes or run.notes()
                judgement = judged(
                    run.of(self.pattern), self._untils, requests, self._level, self._measuring(played[self.pattern])
                )
            if judgement.standing is not Standing.UNDECIDED:
                break
        return Probe(value, judgement, done)

    def _measuring(self, outcomes: Sequence[Outcome]) -> Callable[[Chosen], Estimate | None]:
        def measure(chosen: Chosen) -> Estimate | None:
            group = Group(chosen.group, chosen.name)
            return quantile_of(outcomes, chosen.column, group, chosen.quantile or 0.0, self._level)

        return measure

    def _changed(self, value: float) -> tuple[Experiment, Scene]:
        """Give the experiment with the value in it, and a scene of what has to be played of it."""
        own = (f"run.replications={self._effort.replications}", f"run.level={self._level!r}")
        changed = self._experiment.set(*self._setting(value), *own)
        compared = any(until.compares for until in self._untils)
        line_up = changed.line_up.only(self.pattern, compared=compared)
        return changed, Scene(changed.spec, line_up, self._inputs_of(changed))

    def _inputs_of(self, changed: Experiment) -> Files:
        """Give the input files; they are read again only if the change has to do with them."""
        before, after = self._experiment.spec, changed.spec
        same = after.outcomes == before.outcomes and measured_calls(after) == measured_calls(before)
        if same and (not self._inputs.traces or after.workload == before.workload):
            return self._inputs
        return changed.inputs()

    def _means(self, scene: Scene, replications: int) -> tuple[str, tuple[int, int]]:
        """Give engine, processes and threads for so many more replications. The answer depends on none of them."""
        effort, plays = self._effort, plays_of(scene) / scene.spec.run.replications * replications
        if self._engine != COMPILED:  # once it is worth its start it has been started
            self._engine, _ = choose_engine(effort.engine, plays * _LOOKS_PER_STUDY, loops_of(scene))
        engine = self._engine
        # no more processes than are worth their start: a search plays little at a time
        processes, threads = choose_workers(None, plays, replications, engine)
        if effort.workers is not None:
            most = choose_workers(effort.workers, plays, replications, engine)
            processes, threads = min(processes, most[0]), min(threads, most[0] * most[1])
        return engine, (processes, threads)


_NOTHING_SEEN: Final = Judgement(Standing.UNDECIDED, {}, (), ("no request arrived in the measured part of the run",))
