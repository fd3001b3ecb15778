"""BurstGPT traces (CSV; Wang et al., "BurstGPT: A Real-world Workload Dataset to Optimize LLM Serving", KDD 2025)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np

from sim.columns import Ints
from sim.workload.traces.gathering import Wanted, gather
from sim.workload.traces.source import TraceSource
from sim.workload.traces.tables import open_table
from sim.workload.traces.trace import Trace

_SECOND_NS: Final = 1_000_000_000
_SEGMENT_COLUMNS: Final = {"log_type": "Log Type", "model": "Model"}


class BurstGptTrace(TraceSource):
    """Columns `Timestamp` (seconds), `Request tokens` and `Response tokens`, found by name: newer files insert others.

    Requests with 0 response tokens failed; they are kept and marked. Times are whole seconds with many ties, so the
    requests of one second are spread evenly within it, in the order of the file.
    """

    SOURCE: ClassVar[str] = "github.com/HPMLL/BurstGPT, data/BurstGPT_1.csv, CC-BY-4.0"
    format: Literal["burstgpt"]
    """BurstGPT trace."""
    segment_by: Literal["log_type", "model"] | None = "log_type"
    """Which column names the segments: `Log Type` (conversation or API), `Model` (ChatGPT or GPT-4), or none."""

    def read(self, path: Path, *, file: str) -> Trace:
        """Read the trace at `path`, plain or gzipped."""
        wanted = Wanted(
            "Timestamp",
            "s",
            input_tokens="Request tokens",
            output_tokens="Response tokens",
            segment=_SEGMENT_COLUMNS[self.segment_by] if self.segment_by else "",
        )
        return _spread(gather(open_table(path, file, source=self.SOURCE), wanted))


def _spread(trace: Trace) -> Trace:
    """Spread ties of whole seconds; a file with finer times is left as it is."""
    times = trace.arrival_ns
    tied = np.zeros(len(times), dtype=np.bool_)
    tied[1:] = times[1:] == times[:-1]
    if not tied.any() or np.any(times % _SECOND_NS):
        return trace
    count = int(np.count_nonzero(tied | np.append(tied[1:], False)))
    note = f"{count:,} requests share their second with others: spread evenly within it"
    return dataclasses.replace(trace, arrival_ns=times + _offsets(tied), notes=(*trace.notes, note))


def _offsets(tied: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """Give the k-th of m tied requests k/m of a second, in ns; int64."""
    starts = np.flatnonzero(~tied)
    sizes = np.diff(np.append(starts, len(tied)))
    place = np.arange(len(tied)) - np.repeat(starts, sizes)
    offsets: Ints = place * _SECOND_NS // np.repeat(sizes, sizes)
    return offsets.astype(np.int64)
