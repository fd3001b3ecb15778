"""Which share of the requests each task class is expected to have, before any of them is drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.columns import Floats
from sim.workload.arrivals import ArrivalProcess
from sim.workload.arrivals.trace import TraceReplay, trace_rate_per_s
from sim.workload.labels import UNNAMED, mix_of, recorded_segments
from sim.workload.sources import Horizon, processes_of
from sim.workload.traces import Labels, Trace
from sim.workload.workload import Workload

_NS = 1e9


def expected_task_shares(
    workload: Workload, traces: Mapping[str, Trace], tasks: tuple[str, ...], horizon: Horizon
) -> Floats:
    """Give the expected share of each of the `tasks` among all requests up to the horizon, float64[tasks].

    Every source counts by its mean rate: that in the middle of the run, where traffic grows and the run has a
    duration. A trace is what is recorded, the whole of it if it goes on beyond its end, else what the run plays of it.
    """
    weights, mixes = [], []
    for name, process in processes_of(workload).items():
        played = _played(process, traces[name], horizon) if isinstance(process, TraceReplay) else None
        weights.append(_rate_per_s(process, played, horizon))
        mix = _mix(workload, name, played)
        mixes.append([mix.get(task, 0.0) for task in tasks])
    if not any(weights):  # traces whose requests all arrive at once have no rate
        weights = [1.0] * len(weights)
    counts = np.array(weights) @ np.array(mixes)
    shares: Floats = counts / counts.sum()
    return shares


def _played(process: TraceReplay, trace: Trace, horizon: Horizon) -> Trace:
    """Give the part of a trace that stands for what is played of it."""
    if process.bootstrap is not None or horizon.until_ns is None:
        return trace
    return trace.take(slice(int(np.searchsorted(trace.arrival_ns, horizon.until_ns, side="left"))))


def _rate_per_s(process: ArrivalProcess, played: Trace | None, horizon: Horizon) -> float:
    duration_s = None if horizon.until_ns is None else horizon.until_ns / _NS
    if played is None:
        return process.mean_rate_per_s(None if duration_s is None else duration_s / 2)
    if isinstance(process, TraceReplay) and process.bootstrap is None and duration_s is not None:
        return len(played) / duration_s
    return trace_rate_per_s(played)


def _mix(workload: Workload, source: str, played: Trace | None) -> dict[str, float]:
    """Give the expected share of each task class among the requests of one source."""
    if played is not None and played.task is not None:
        return _recorded(played.task)
    segments = {name: part.share or 0.0 for name, part in workload.segments.items()} or {UNNAMED: 1.0}
    labels = recorded_segments(workload, {} if played is None else {source: played})
    if workload.arrivals is None:
        segments = {source: 1.0}
    elif labels is not None:
        segments = _recorded(labels)
    mix: dict[str, float] = {}
    for segment, share in segments.items():
        for task, part in mix_of(workload, segment).items():
            mix[task] = mix.get(task, 0.0) + share * part
    return mix


def _recorded(labels: Labels) -> dict[str, float]:
    """Give the share of each name among labels; none where there are no labels."""
    counts = np.bincount(labels.codes, minlength=len(labels.names))
    return dict(zip(labels.names, (counts / max(len(labels.codes), 1)).tolist(), strict=True))
