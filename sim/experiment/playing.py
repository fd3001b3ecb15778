"""Replications of an experiment, as many as somebody asks for: those that have been played stay as they are.

A replication is positioned by its number, so that twenty of them and then twenty more are the same as forty.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InvalidInput, Issue
from sim.experiment.effort import choose_engine, choose_workers, loops_of, plays_of
from sim.experiment.finished import Finished
from sim.experiment.scene import Scene, most_exact
from sim.experiment.simulate import Run
from sim.experiment.workers import play_all
from sim.outcome.limiting import is_too_coarse, limited
from sim.outcome.metrics import sections_for
from sim.outcome.outcomes import Outcome

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment


class Playing:
    """An experiment in play."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        workers: int | None = None,
        engine: str = "auto",
        progress: Callable[[float, int], None] | None = None,
        finished: Path | None = None,
    ) -> None:
        """Read the input files and choose the engine; replications in the folder `finished` are taken from there."""
        self._experiment = experiment
        self._workers = workers
        self._progress = progress
        self._scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
        self._plays = plays_of(self._scene) / experiment.spec.run.replications
        plays = self._plays * experiment.spec.run.replications
        self._engine, self._remark = choose_engine(engine, plays, loops_of(self._scene))
        self._finished = None if finished is None else Finished(finished, experiment.plays_hash)
        self._played = {} if self._finished is None else self._finished.load()

    def to(self, replications: int, experiment: Experiment | None = None) -> Run:
        """Play what is missing to so many replications; the run is one of `experiment`, where another one is given.

        Raises InvalidInput if the input files hold nothing to measure.
        """
        self._cut_for(replications)
        missing = sum(number not in self._played for number in range(replications))
        workers = choose_workers(self._workers, self._plays * missing, max(missing, 1), self._engine)
        found = play_all(
            self._scene,
            self._engine,
            workers,
            self._progress,
            self._finished,
            replications=replications,
            played=self._usable(replications),
        )
        self._played |= dict(enumerate(found))
        if not any(outcomes[0].requests for outcomes in found):
            raise InvalidInput([Issue("no request arrived in the measured part of the run", path="run")])
        most = most_exact(replications)
        by_pattern = zip(*([limited(one, most) for one in outcomes] for outcomes in found), strict=True)
        names = [pattern.name for pattern in self._scene.line_up.patterns]
        of = experiment or self._experiment
        # What is played does not know what it costs, and may have been played at other prices.
        outcomes = {
            name: [outcome.priced(of.spec.fleet) for outcome in one]
            for name, one in zip(names, by_pattern, strict=True)
        }
        scene = self._scene if of is self._experiment else Scene(of.spec, of.line_up, self._scene.inputs)
        return Run(of, scene, self._engine, outcomes, remark=self._remark, finished=self._finished)

    def _cut_for(self, replications: int) -> None:
        """Begin again where a single replication, which is cut into sections, is to become several, or the reverse."""
        run = self._scene.spec.run
        if sections_for(run.replications) != sections_for(replications):
            spec = self._scene.spec.model_copy(update={"run": run.model_copy(update={"replications": replications})})
            self._scene = Scene(spec, self._scene.line_up, self._scene.inputs)
            self._played, self._finished = {}, None

    def _usable(self, replications: int) -> dict[int, list[Outcome]]:
        """Give what has been played, as exactly as so many replications are kept."""
        most = most_exact(replications)
        return {
            number: outcomes
            for number, outcomes in self._played.items()
            if number < replications and not any(is_too_coarse(outcome, most) for outcome in outcomes)
        }
