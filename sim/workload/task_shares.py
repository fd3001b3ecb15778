"""Which share of the requests each task class is expected to have, before any of them is drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.columns import Floats
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.calendar import Calendar
from sim.workload.expected import expected_requests
from sim.workload.labels import UNNAMED, mix_of, recorded_segments
from sim.workload.sources import Horizon, processes_of
from sim.workload.traces import Labels, Trace
from sim.workload.workload import Workload


def expected_task_shares(
    workload: Workload, traces: Mapping[str, Trace], tasks: tuple[str, ...], calendar: Calendar, horizon: Horizon
) -> Floats:
    """Give the expected share of each of the `tasks` among all requests up to the horizon, float64[tasks].

    Every source counts by the requests it is expected to send up to there, and a trace by what the rows say that are
    played of it: once, and any row alike beyond the end of the trace.
    """
    processes = processes_of(workload)
    if len(processes) == 1 and not any(isinstance(process, TraceReplay) for process in processes.values()):
        counts = dict.fromkeys(processes, 1.0)  # its shares are the same however many it sends
    else:
        counts = expected_requests(processes, traces, calendar, until_ns=horizon.until_ns, most=horizon.requests)
    if not any(counts.values()):  # nothing is expected to come, and any shares are as true as others
        counts = dict.fromkeys(processes, 1.0)
    mixes = [_mix(workload, name, traces.get(name), count) for name, count in counts.items()]
    by_task = np.array(list(counts.values())) @ np.array([[mix.get(task, 0.0) for task in tasks] for mix in mixes])
    shares: Floats = by_task / by_task.sum()
    return shares


def _mix(workload: Workload, source: str, trace: Trace | None, count: float) -> dict[str, float]:
    """Give the expected share of each task class among the `count` requests of one source."""
    if trace is not None and trace.task is not None:
        return _recorded(trace.task, count)
    segments = {name: part.share or 0.0 for name, part in workload.segments.items()} or {UNNAMED: 1.0}
    labels = recorded_segments(workload, {} if trace is None else {source: trace})
    if workload.arrivals is None:
        segments = {source: 1.0}
    elif labels is not None:
        segments = _recorded(labels, count)
    mix: dict[str, float] = {}
    for segment, share in segments.items():
        for task, part in mix_of(workload, segment).items():
            mix[task] = mix.get(task, 0.0) + share * part
    return mix


def _recorded(labels: Labels, count: float) -> dict[str, float]:
    """Give the share of each name among the first `count` rows, and among all for what is played beyond them."""
    rows, names = len(labels.codes), len(labels.names)
    whole = min(int(count), rows)
    found = np.bincount(labels.codes[:whole], minlength=names).astype(np.float64)
    if whole < rows:
        found[labels.codes[whole]] += count - whole
    else:
        found += (count - rows) / rows * np.bincount(labels.codes, minlength=names)
    return dict(zip(labels.names, (found / (count or 1.0)).tolist(), strict=True))
