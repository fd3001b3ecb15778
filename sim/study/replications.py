"""Something to do for each replication, in parallel processes: the same answers in the same order on any number."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sim.errors import InterruptedRun, RunError
from sim.experiment.workers import DIED, as_they_end

if TYPE_CHECKING:
    from sim.experiment.inputs import Files
    from sim.experiment.resolve import Experiment

T = TypeVar("T")
Report = Callable[[float, int], None]

_job: Job[Any] | None = None
"""What this worker process does; set once when the process starts, so that tasks carry only a number."""


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """Something to do for each replication: `work(experiment, inputs, replication, *rest)`."""

    experiment: Experiment
    inputs: Files
    work: Callable[..., T]
    rest: tuple[object, ...]

    def of(self, replication: int) -> T:
        """Do it for one replication."""
        return self.work(self.experiment, self.inputs, replication, *self.rest)


def for_each(job: Job[T], replications: int, processes: int, report: Report | None = None) -> list[T]:
    """Do a job for every replication; raises InterruptedRun, and RunError if a process dies."""
    found: dict[int, T] = {}
    try:
        for replication, one in _done(job, replications, min(processes, replications)):
            found[replication] = one
            if report is not None:
                report(len(found), replications)
    except KeyboardInterrupt:
        raise InterruptedRun("interrupted before the months ahead had ended; nothing was written") from None
    except BrokenProcessPool as error:
        raise RunError(DIED) from error
    return [found[replication] for replication in range(replications)]


def _done(job: Job[T], replications: int, processes: int) -> Iterator[tuple[int, T]]:
    if processes <= 1:
        for replication in range(replications):
            yield replication, job.of(replication)
        return
    context = multiprocessing.get_context("spawn")  # fork is unsafe once threads run
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(job,)) as pool:
        yield from as_they_end(pool, {pool.submit(_do, number): number for number in range(replications)})


def _begin(job: Job[Any]) -> None:
    global _job  # noqa: PLW0603 - one job per worker process, set before any task
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    _job = job


def _do(replication: int) -> Any:
    if _job is None:
        raise RunError("a worker process was started without a job")
    return _job.of(replication)
