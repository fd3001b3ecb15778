"""Replications in parallel processes: the same bytes on any number of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from sim.errors import InterruptedRun, RunError
from sim.experiment.lineup import line_up
from sim.experiment.spec import ExperimentSpec

if TYPE_CHECKING:
    from sim.experiment.simulate import Scene
    from sim.outcome.outcomes import Outcome
    from sim.workload.requests import Inputs

_scene: Scene | None = None
"""What this worker process plays; set once when the process starts, so that tasks carry only a number."""


def play_all(
    scene: Scene, engine: str, workers: int, progress: Callable[[int, int], None] | None
) -> list[list[Outcome]]:
    """Play every replication; the outcomes stand in the order of the replications, whichever process played them."""
    from sim.experiment.simulate import play_replication  # noqa: PLC0415 - simulate imports this module

    replications = scene.spec.run.replications
    report = progress or _silent
    report(0, replications)
    try:
        if workers == 1:
            played = []
            for replication in range(replications):
                played.append(play_replication(scene, replication, engine))
                report(replication + 1, replications)
            return played
        context = multiprocessing.get_context("spawn")  # fork is unsafe once threads run
        data = scene.spec.model_dump(mode="json", exclude_none=True)
        with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(data, scene.inputs)) as pool:
            return _gather(pool, replications, engine, report)
    except KeyboardInterrupt:
        raise InterruptedRun("interrupted before the run had ended; nothing was written") from None
    except BrokenProcessPool as error:
        raise RunError("a worker process died; try --workers 1 to see why") from error


def _gather(pool: Executor, replications: int, engine: str, report: Callable[[int, int], None]) -> list[list[Outcome]]:
    """Collect the replications as they end; on an interrupt the ones not begun are dropped."""
    futures: dict[Future[list[Outcome]], int] = {
        pool.submit(_play, replication, engine): replication for replication in range(replications)
    }
    played: dict[int, list[Outcome]] = {}
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                played[futures[future]] = future.result()
                report(len(played), replications)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return [played[replication] for replication in range(replications)]


def _begin(data: dict[str, object], inputs: Inputs) -> None:
    """Rebuild the scene in a fresh worker process from the resolved experiment."""
    from sim.experiment.simulate import Scene  # noqa: PLC0415 - simulate imports this module

    global _scene  # noqa: PLW0603 - one scene per worker process, set before any task
    spec = ExperimentSpec.model_validate(data)
    _scene = Scene(spec, line_up(spec.patterns, spec.fleet, spec.baseline), inputs)


def _play(replication: int, engine: str) -> list[Outcome]:
    from sim.experiment.simulate import play_replication  # noqa: PLC0415 - simulate imports this module

    if _scene is None:
        raise RunError("a worker process was started without an experiment")
    return play_replication(_scene, replication, engine)


def _silent(done: int, total: int) -> None:
    """Report progress to nobody."""
    del done, total
