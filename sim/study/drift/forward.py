"""Every replication of the months ahead, in parallel processes: the same records on any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.experiment.ahead import Ahead
from sim.study.drift.play import Play, PlayRecord, play_forward
from sim.study.drift.replays import with_replays
from sim.study.replications import Job, Report, for_each

if TYPE_CHECKING:
    from sim.experiment.inputs import Files
    from sim.experiment.resolve import Experiment

Records = dict[Play, PlayRecord]


def forward(
    experiment: Experiment,
    plays: Sequence[Play],
    engine: str,
    processes: int,
    report: Report | None = None,
) -> list[Records]:
    """Play every replication of these plays forward; the records stand in the order of the replications.

    Raises InterruptedRun if the user interrupts, RunError if a process dies, InvalidInput if a number moves to where
    the experiment allows none.
    """
    job: Job[Records] = Job(experiment, experiment.inputs(), _forward, (engine, tuple(plays)))
    return for_each(job, experiment.spec.run.replications, processes, report)


def _forward(experiment: Experiment, inputs: Files, replication: int, engine: str, plays: Sequence[Play]) -> Records:
    ahead = Ahead(experiment)
    found = play_forward(ahead, inputs, replication, engine, plays)
    return {play: with_replays(ahead, play, record) for play, record in found.items()}
