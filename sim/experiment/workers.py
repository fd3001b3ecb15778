"""Replications in parallel processes: the same bytes on any number of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Final, TypeVar

from sim.errors import InterruptedRun, RunError
from sim.experiment.replication import play_replication
from sim.experiment.scene import Scene
from sim.experiment.spec import ExperimentSpec

if TYPE_CHECKING:
    from sim.experiment.finished import Finished
    from sim.experiment.inputs import Files
    from sim.experiment.lineup import LineUp
    from sim.outcome.outcomes import Outcome

T = TypeVar("T")

DIED: Final = "a worker process died; try --workers 1 to see why"

_scene: Scene | None = None
"""What this worker process plays; set once when the process starts, so that tasks carry only a number."""


def play_all(
    scene: Scene,
    engine: str,
    workers: tuple[int, int],
    progress: Callable[[float, int], None] | None,
    finished: Finished | None = None,
    *,
    replications: int,
    played: Mapping[int, list[Outcome]],
) -> list[list[Outcome]]:
    """Play so many replications; the outcomes stand in their order, whichever process played them.

    `workers` are processes, and threads in each of them.

    Those in `played` are not played again, and those that are done are given to `finished`, also when the user
    interrupts. Raises InterruptedRun then, and RunError if a process dies.
    """
    report = progress or _silent
    played = dict(played)
    to_do = [replication for replication in range(replications) if replication not in played]
    report(len(played), replications)
    try:

        def in_play(share: float) -> None:
            report(len(played) + share, replications)

        for replication, outcomes in _done(scene, engine, workers, to_do, in_play):
            played[replication] = outcomes
            if finished is not None:
                finished.add(replication, outcomes)
            report(len(played), replications)
    except KeyboardInterrupt:
        raise InterruptedRun(_kept(finished, len(played), replications)) from None
    except BrokenProcessPool as error:
        if finished is not None:
            finished.save()
        raise RunError(DIED) from error
    return [played[replication] for replication in range(replications)]


def play_some(
    scene: Scene, engine: str, workers: tuple[int, int], replications: Sequence[int]
) -> dict[int, list[Outcome]]:
    """Play these replications, and give their outcomes by replication. Raises as `play_all` does; nothing is kept."""
    try:
        return dict(_done(scene, engine, workers, list(replications), _of_one))
    except KeyboardInterrupt:
        raise InterruptedRun("nothing was written") from None
    except BrokenProcessPool as error:
        raise RunError(DIED) from error


def _kept(finished: Finished | None, done: int, replications: int) -> str:
    """Save what is done and say so."""
    if finished is None or not done:
        return "interrupted before the run had ended; nothing was written"
    finished.save()
    return f"{done} of {replications} replications are kept; the same command goes on from there"


def _done(
    scene: Scene, engine: str, workers: tuple[int, int], to_do: list[int], report: Callable[[float], None]
) -> Iterator[tuple[int, list[Outcome]]]:
    """Yield replications as they end; `report` hears of the share that is done of the one in play."""
    processes, threads = min(workers[0], len(to_do)), workers[1]
    if processes <= 1:
        for replication in to_do:
            yield replication, play_replication(scene, replication, engine, threads, report)
        return
    context = multiprocessing.get_context("spawn")  # fork is unsafe once threads run
    data = scene.spec.model_dump(mode="json", exclude_none=True)
    shared = (data, scene.line_up, scene.inputs)
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=shared) as pool:
        yield from as_they_end(pool, {pool.submit(_play, number, engine, threads): number for number in to_do})


def as_they_end(pool: Executor, futures: Mapping[Future[T], int]) -> Iterator[tuple[int, T]]:
    """Yield (number, result) as tasks end; if the reader gives up, the others are dropped and their processes ended."""
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield futures[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise


def _begin(data: dict[str, object], line_up: LineUp, inputs: Files) -> None:
    """Rebuild the scene in a fresh worker process from the resolved experiment."""
    global _scene  # noqa: PLW0603 - one scene per worker process, set before any task
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    _scene = Scene(ExperimentSpec.model_validate(data), line_up, inputs)


def _play(replication: int, engine: str, threads: int) -> list[Outcome]:
    if _scene is None:
        raise RunError("a worker process was started without an experiment")
    return play_replication(_scene, replication, engine, threads)


def _of_one(share: float) -> None:
    """Report the share of one replication to nobody."""
    del share


def _silent(done: float, total: int) -> None:
    """Report progress to nobody."""
    del done, total
