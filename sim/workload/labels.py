"""Which segment and which task class a request is of: as recorded, as its source says, or drawn by share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sim.chance import Purpose
from sim.columns import Floats, Ints
from sim.workload.draws import Draws
from sim.workload.sources import WHOLE_WORKLOAD
from sim.workload.traces import Labels, Trace
from sim.workload.workload import Workload

UNNAMED = "all"
"""Name of the one segment or task class of a workload that names none."""

_FEW: Final = 8  # edges up to which to compare with each of them is faster than to search


class Segments:
    """The segments of a workload: `names`, and which of them a request is of."""

    def __init__(self, workload: Workload, traces: Mapping[str, Trace]) -> None:
        recorded = recorded_segments(workload, traces)
        self.names = tuple(workload.segments) or ((UNNAMED,) if recorded is None else recorded.names)
        self._by_row = None if recorded is None else {WHOLE_WORKLOAD: _recoded(recorded, self.names)}
        self._by_source = workload.arrivals is None
        self._choice = Choice(self.names, {name: part.share or 0.0 for name, part in workload.segments.items()})

    def codes(self, draws: Draws) -> Ints:
        """Give the segment of each request, int64 into `names`."""
        if self._by_row is not None:
            return draws.recorded(self._by_row)
        if len(self.names) == 1:
            return np.zeros(len(draws), dtype=np.int64)
        if not self._by_source:
            return self._choice.codes(draws.uniform(Purpose.SEGMENT))
        segment = np.empty(len(draws), dtype=np.int64)
        for source in draws.sources:
            segment[source.positions] = self.names.index(source.name)
        return segment


class Tasks:
    """The task classes of a workload: `names`, and which of them a request is of."""

    def __init__(self, workload: Workload, traces: Mapping[str, Trace], segments: tuple[str, ...]) -> None:
        self.names = tuple(workload.tasks) or (UNNAMED,)
        self._by_row = {
            name: _recoded(trace.task, self.names) for name, trace in traces.items() if trace.task is not None
        }
        mixes = [mix_of(workload, segment) for segment in segments]
        alike = all(mix == mixes[0] for mix in mixes)
        self._choices = [Choice(self.names, mix) for mix in (mixes[:1] if alike else mixes)]

    def codes(self, draws: Draws, segment: Ints) -> Ints:
        """Give the task class of each request of these segments, int64 into `names`."""
        if len(self.names) == 1:
            return np.zeros(len(draws), dtype=np.int64)
        if all(source.name in self._by_row for source in draws.sources):
            return draws.recorded(self._by_row)
        task = self._drawn(draws.uniform(Purpose.TASK), segment)
        draws.overwrite(task, self._by_row)
        return task

    def _drawn(self, uniform: Floats, segment: Ints) -> Ints:
        if len(self._choices) == 1:
            return self._choices[0].codes(uniform)
        task = np.empty(len(uniform), dtype=np.int64)
        for code, choice in enumerate(self._choices):
            mine = np.flatnonzero(segment == code)
            task[mine] = choice.codes(uniform[mine])
        return task


class Choice:
    """Turns uniforms into codes into `names` with the given shares, by inversion in the order of the alphabet.

    So the order in which a file lists them, which its content hash does not know, changes no draw.
    """

    def __init__(self, names: tuple[str, ...], shares: Mapping[str, float]) -> None:
        ordered = sorted(names)
        self._edges = np.cumsum([shares.get(name, 0.0) for name in ordered])[:-1]
        self._codes = np.array([names.index(name) for name in ordered], dtype=np.int64)

    def codes(self, uniform: Floats) -> Ints:
        """Give int64 codes."""
        if len(self._edges) > _FEW:
            return self._codes[np.searchsorted(self._edges, uniform, side="right")]
        passed = np.zeros(len(uniform), dtype=np.int8)
        for edge in self._edges:
            passed += uniform >= edge
        return self._codes[passed]


def recorded_segments(workload: Workload, traces: Mapping[str, Trace]) -> Labels | None:
    """Give the segments that a trace records, where its requests are not of one segment by their source."""
    trace = traces.get(WHOLE_WORKLOAD)
    return None if trace is None or workload.arrivals is None else trace.segment


def mix_of(workload: Workload, segment: str) -> Mapping[str, float]:
    """Give the share of each task class in a segment, which the workload may not know."""
    return workload.mix_of(segment if segment in workload.segments else None) or {UNNAMED: 1.0}


def _recoded(labels: Labels, names: tuple[str, ...]) -> Ints:
    """Give labels as int64 codes into other `names`."""
    return np.array([names.index(name) for name in labels.names], dtype=np.int64)[labels.codes]
