"""How much there is to play, and so with which engine and in how many processes: the answer depends on neither."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Collection
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.engine import ENGINES, play
from sim.errors import InvalidInput, Issue
from sim.fleet.capacity import batching_of
from sim.routing.callers import plain_callers
from sim.routing.conditions import unconditional
from sim.routing.itinerary import Itinerary
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.scene import Scene

AUTO: Final = "auto"
COMPILED, REFERENCE = "compiled", "reference"
MOST_WORKERS: Final = 1024

_FEW_PLAYS = 50_000
"""A request through a pattern takes the reference engine some 20 microseconds; to load numba takes half a second, to
compile the loop (once per installation) two to three more."""
_FEW_REFUSABLE_PLAYS = 150_000
"""The same where calls may be refused: some 60 microseconds, and about ten seconds to compile."""
_PLAYS_PER_WORKER = 1_500_000
"""Another process takes more than a second to start, in which one plays about this many requests end to end."""

_PLAYS_PER_WORKER_OF_REFERENCE = 50_000
"""The same of the reference engine, which takes 20 to 300 microseconds for each."""

_MOST_THREADS = 3
"""More would wait for the one that plays and accounts."""

_NS = 1e9


class Loop(Enum):
    """The loops of the compiled engine, each compiled by itself and kept by numba: see `sim.engine`."""

    PLAIN = "plain"
    CONDITIONS = "with conditions"
    EXTRA = "with replicas or callers"


def loops_of(scene: Scene) -> set[Loop]:
    """Say which loops the patterns of a scene are played by."""
    models = scene.spec.fleet.values()
    extra = any(
        batching_of(model.capacity) is not None or model.client.breaker is not None or model.client.hedge is not None
        for model in models
    )
    refusing = Loop.EXTRA if extra else Loop.CONDITIONS
    return {refusing if scene.may_refuse(pattern) else Loop.PLAIN for pattern in scene.line_up.patterns}


def plays_of(scene: Scene) -> float:
    """Estimate the number of requests times patterns times replications."""
    run = scene.spec.run
    if run.requests is not None:
        requests = float(run.requests)
    elif run.duration is not None:
        processes = processes_of(scene.spec.workload)
        traces = scene.inputs.traces
        seconds = run.duration / _NS
        requests = sum(
            float(len(traces[name])) if name in traces else process.mean_rate_per_s(seconds / 2) * seconds
            for name, process in processes.items()
        )
    else:
        requests = float(sum(len(trace) for trace in scene.inputs.traces.values()))
    return requests * len(scene.line_up.patterns) * run.replications


def choose_engine(name: str, plays: float, loops: Collection[Loop] = (Loop.PLAIN,)) -> tuple[str, str]:
    """Give the engine to use and, where it is not the one that was wanted, what to tell the user.

    `loops` are those of the compiled engine that would be needed.

    Raises InvalidInput for an engine that does not exist, or that cannot be used and was asked for by name.
    """
    if name not in (AUTO, *ENGINES):
        raise InvalidInput([Issue(f"there is no engine {name!r}; there are: {', '.join((AUTO, *ENGINES))}")])
    few = _FEW_PLAYS if set(loops) <= {Loop.PLAIN} else _FEW_REFUSABLE_PLAYS
    if name == REFERENCE or (name == AUTO and plays < few):
        return REFERENCE, ""
    reason = _trouble_with_compiling(loops)
    if not reason:
        return COMPILED, ""
    if name == COMPILED:
        raise InvalidInput([Issue(f"the compiled engine cannot be used: {reason}", hint="leave out --engine")])
    return REFERENCE, f"the compiled engine cannot be used ({reason}); the reference engine gives the same, more slowly"


def choose_workers(wanted: int | None, plays: float, replications: int, engine: str) -> tuple[int, int]:
    """Give the number of processes, a replication at a time each, and of threads in each of them.

    There are as many processes as `wanted` or as cores, if each is worth its start, but no more than replications.
    Cores that are left become threads, which plan ahead while the compiled engine plays (the reference engine never
    lets them). Raises InvalidInput for a number out of range.
    """
    if wanted is not None and not 1 <= wanted <= MOST_WORKERS:
        raise InvalidInput([Issue(f"--workers {wanted} is not between 1 and {MOST_WORKERS}")])
    each = _PLAYS_PER_WORKER if engine == COMPILED else _PLAYS_PER_WORKER_OF_REFERENCE
    useful = max(int(min(plays / each, _cores())), 1)
    processes = min(wanted or useful, replications)
    threads = min((wanted or _cores()) // processes, _MOST_THREADS) if engine == COMPILED else 1
    return processes, threads


def _trouble_with_compiling(loops: Collection[Loop]) -> str:
    """Compile or load each loop by playing one request; give what is wrong, or nothing.

    An interrupted write can leave numba's cache unreadable (numba issue 9348): then it is emptied once and filled anew.
    """
    try:
        missing = importlib.util.find_spec("numba") is None
    except ValueError:  # somebody put something of that name in its place
        missing = True
    if missing:
        return "numba is not installed"
    for loop in loops:
        request = _request_for(loop)
        try:
            play(request, COMPILED)
        except Exception:  # noqa: BLE001 - a broken cache raises anything
            try:
                module = "sim.engine.kernel" if loop is Loop.PLAIN else "sim.engine.general"
                importlib.import_module(module).forget_cache()
                play(request, COMPILED)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other engine does not need it
                return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def _request_for(loop: Loop) -> Itinerary:
    """Give one request that a loop plays."""
    one, zero = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    conditions = None if loop is Loop.PLAIN else unconditional(1, 1)
    callers = plain_callers(1, 1) if loop is Loop.EXTRA else None
    return Itinerary(zero, one, zero, zero, zero, one, conditions, callers=callers)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
