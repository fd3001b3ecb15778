"""A recorded trace: when requests arrived and how long they were, as columns."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np

from sim.columns import Bools, Ints
from sim.errors import InvalidInput
from sim.units import MAX_NS, format_duration
from sim.workload.traces.times import utc_text

_SAFE: Final = 2**62


class Labels(NamedTuple):
    """A column of names: `codes` int64[n] into `names`."""

    codes: Ints
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Recorded requests in order of arrival; a column that the file lacks is None.

    `arrival_ns` int64[n], non-decreasing from 0; `input_tokens` int64[n] counts the whole prompt, `cached_tokens`
    int64[n] the part of it that a prompt cache would have held; `output_tokens` int64[n]; `task` and `segment` are
    names as codes; `failed` bool[n] marks requests that were not answered (0 output tokens): they arrived, but they are
    no finished work and are not replayed. `rows_read` rows stood in the file, `notes` say what was done to them,
    `origin` is the time of the first request (ISO 8601, UTC), empty where the file has no dates.
    """

    arrival_ns: Ints
    input_tokens: Ints | None
    output_tokens: Ints | None
    cached_tokens: Ints | None = None
    task: Labels | None = None
    segment: Labels | None = None
    rows_read: int = 0
    failed: Bools | None = None
    notes: tuple[str, ...] = ()
    origin: str = ""

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def take(self, rows: Ints | slice) -> Trace:
        """Give some rows, in the order of `rows`; times stay as they are."""
        return dataclasses.replace(
            self,
            arrival_ns=self.arrival_ns[rows],
            input_tokens=None if self.input_tokens is None else self.input_tokens[rows],
            output_tokens=None if self.output_tokens is None else self.output_tokens[rows],
            cached_tokens=None if self.cached_tokens is None else self.cached_tokens[rows],
            task=None if self.task is None else Labels(self.task.codes[rows], self.task.names),
            segment=None if self.segment is None else Labels(self.segment.codes[rows], self.segment.names),
            failed=None if self.failed is None else self.failed[rows],
        )


def assemble(trace: Trace) -> Trace:
    """Sort the rows by arrival (stably, with a note) and count time from the first one."""
    arrival_ns = trace.arrival_ns
    notes = list(trace.notes)
    if np.any(arrival_ns[1:] < arrival_ns[:-1]):
        late = int(np.count_nonzero(arrival_ns < np.maximum.accumulate(arrival_ns)))
        notes.append(f"{late:,} of {len(arrival_ns):,} rows were out of order: sorted by arrival")
        trace = trace.take(np.argsort(arrival_ns, kind="stable").astype(np.int64))
    return dataclasses.replace(trace, arrival_ns=trace.arrival_ns - trace.arrival_ns[0], notes=tuple(notes))


def window(trace: Trace, start_ns: int, end_ns: int | None = None) -> Trace:
    """Keep the requests that arrive in ``[start_ns, end_ns)``, in ns from the first one, and count from the first kept.

    InvalidInput when none is left. Without `end_ns` the window lasts to the end of the trace.
    """
    first = int(np.searchsorted(trace.arrival_ns, start_ns, side="left"))
    last = len(trace) if end_ns is None else int(np.searchsorted(trace.arrival_ns, end_ns, side="left"))
    if first >= last:
        until = "" if end_ns is None else f" to {format_duration(max(end_ns, 0))}"
        whole = format_duration(int(trace.arrival_ns[-1]))
        raise InvalidInput(
            f"no request arrives in the window {format_duration(max(start_ns, 0))}{until}; the trace is {whole} long"
        )
    kept = trace.take(slice(first, last))
    shift = int(kept.arrival_ns[0])
    origin = trace.origin
    if origin:
        origin = utc_text(int(np.datetime64(origin.removesuffix("Z"), "ns").astype(np.int64)) + shift)
    notes = (*trace.notes, f"a window of {last - first:,} of {len(trace):,} requests is used")
    return dataclasses.replace(kept, arrival_ns=kept.arrival_ns - shift, origin=origin, notes=notes)


def without_failed(trace: Trace) -> Trace:
    """Leave out the requests that were not answered: how long their answers would have been is not recorded.

    Played as they stand they would be calls of no length: free, instant and a success. InvalidInput when none is left.
    """
    if trace.failed is None:
        return trace
    answered = np.flatnonzero(~trace.failed)
    if not len(answered):
        raise InvalidInput("every request of the trace failed (0 output tokens): nothing can be replayed")
    left_out = len(trace) - len(answered)
    note = f"{left_out:,} of {len(trace):,} requests failed (0 output tokens): not played, their answers have no length"
    kept = trace.take(answered)
    return dataclasses.replace(kept, failed=None, notes=(*trace.notes, note))


def speed_up(trace: Trace, factor: float) -> Trace:
    """Divide all times by `factor` (a finite number above 0, taken as the decimal that is written), half to even.

    ValueError if the slowed trace does not fit the clock.
    """
    if not 0 < factor < float("inf"):
        raise ValueError(f"the factor {factor} is not a number above 0; write for example 2")
    ratio = Fraction(repr(float(factor)))
    if round(int(trace.arrival_ns[-1]) / ratio) > MAX_NS:
        raise ValueError(f"at {factor} times its speed the trace lasts longer than 292 years")
    notes = (*trace.notes, f"played at {factor:g} times its speed")
    return dataclasses.replace(trace, arrival_ns=_divide(trace.arrival_ns, ratio), notes=notes)


def _divide(times: Ints, ratio: Fraction) -> Ints:
    """Divide by an exact ratio p/q, half to even: t = a p + r gives a q + r q / p, so no product exceeds p q."""
    if ratio.numerator * ratio.denominator >= _SAFE:
        return np.array([round(int(time) / ratio) for time in times], dtype=np.int64)
    whole, rest = np.divmod(times, np.int64(ratio.numerator))
    part, left = np.divmod(rest * np.int64(ratio.denominator), np.int64(ratio.numerator))
    below = whole * np.int64(ratio.denominator) + part
    # Compared without doubling `left`, which could overflow.
    over, tie = left > ratio.numerator - left, left == ratio.numerator - left
    divided: Ints = below + (over | (tie & (below % 2 == 1)))
    return divided
