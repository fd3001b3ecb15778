"""The loops of accounting: one over the legs of a group, one over requests, one over observations.

They do what the NumPy code of `latency`, `purchases`, `spans`, `ledger` and `histogram` does, which says what is meant,
in one pass over the columns instead of some thirty. Nanoseconds and tokens may exceed 64 bits together, so each sum is
kept as two numbers: of the low 32 bits of every value, and of what is above them.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from sim.columns import Bools, Ints
from sim.engine.kernel import INSIDE, options

LOW: Final = 0xFFFFFFFF
HIGH: Final = 32
METERS: Final = 5
"""As in `token_rates`: calls, uncached, cached, written and output tokens."""
BUSY: Final = 0
QUEUED: Final = 1
OFFERED: Final = 2
FLAGS: Final = 5
EVERY: Final = 1 << FLAGS
MANTISSA: Final = 42
"""Bits of a double below the ten of its mantissa that tell buckets apart."""
BELOW_ONE: Final = (1023 << 10) - 1
"""As in `histogram`: what is taken off, so that the bucket of 1 is 1."""

_njit: Any = njit
_loop = _njit(**options())
_part = _njit(**INSIDE, forceinline=True)
_at: Any = np.uintp
"""Marks an index that is not negative, as in the loop of the engine."""


class Group(NamedTuple):
    """Columns of a group of legs."""

    request: Ints
    leg: Ints
    stage: Ints
    ttft: Ints
    is_answer: Bools


class Log(NamedTuple):
    """Columns of the leg log, and how long each leg was to take."""

    joined: Ints
    started: Ints
    ended: Ints
    service: Ints


class Prompts(NamedTuple):
    """Columns of the requests that the bill is made from; `output` is that of the model that is called."""

    segment: Ints
    input: Ints
    cached: Ints
    written: Ints
    output: Ints
    escalated: Bools


class Marks(NamedTuple):
    """What is known of each request so far.

    When its answer ends and has its first token; the stage it is in, the end of the leg that ended last there and how
    long that one had waited; and the waits of the stages before.
    """

    answered: Ints
    first_token: Ints
    stage: Ints
    ended: Ints
    waited: Ints
    summed: Ints


class Told(NamedTuple):
    """Columns of a request log that are summed up."""

    route: Ints
    segment: Ints
    task: Ints
    escalated: Bools
    acceptable: Bools
    refused: Bools
    latency: Ints
    ttft: Ints
    wait: Ints


@_part
def _add(table, row, place, value):
    """Add a value to a sum that is kept as two numbers."""
    table[_at(row), _at(place), 0] += value & LOW
    if value > LOW:
        table[_at(row), _at(place), 1] += value >> HIGH


@_part
def _bill(table, row, line, tokens):
    """Add a call and its tokens."""
    table[_at(row), _at(line), 0] += 1
    _add(table, row, line + 1, tokens[0])
    _add(table, row, line + 2, tokens[1])
    _add(table, row, line + 3, tokens[2])
    _add(table, row, line + 4, tokens[3])


@_loop
def legs(group, log, prompts, marks, rows, how, window, starts, spans, bought, unused):
    """Take in the legs of a group from row `first` up to `end`.

    `how` says whether they are calls to a model, are awaited, may have waited themselves, and are measured. `spans` get
    busy, queued and offered time within the window, `bought` what is bought by segment and line (the meters of prompts
    of up to each of the `starts` in tokens, then of longer ones), and `unused` the part of it that was no answer, of
    requests that escalated and of others.
    """
    first, end = rows
    is_call, awaited, queues, measured = how
    opens, closes = window
    for row in range(first, end):
        request, leg = group.request[_at(row)], _at(group.leg[_at(row)])
        place = _at(request)
        started, ended = log.started[leg], log.ended[leg]
        if awaited:
            marks.answered[place] = max(marks.answered[place], ended)
            if queues:
                onward = group.stage[_at(row)] > marks.stage[place]
                if onward:
                    marks.summed[place] += marks.waited[place]
                if onward or ended >= marks.ended[place]:
                    marks.waited[place] = started - log.joined[leg]
                    marks.ended[place] = ended
                marks.stage[place] = group.stage[_at(row)]
        is_answer = group.is_answer[_at(row)]
        if is_answer:
            marks.first_token[place] = started + group.ttft[_at(row)]
        segment = prompts.segment[place]
        if not is_call:
            if measured:
                bought[_at(segment), 0, 0] += 1
            continue
        joined = log.joined[leg]
        busy = min(ended, closes) - max(started, opens)
        if busy > 0:
            spans[BUSY, 0] += busy & LOW
            spans[BUSY, 1] += busy >> HIGH
        queued = min(started, closes) - max(joined, opens)
        if queued > 0:
            spans[QUEUED, 0] += queued & LOW
            spans[QUEUED, 1] += queued >> HIGH
        if opens <= joined <= closes:
            spans[OFFERED, 0] += log.service[leg] & LOW
            spans[OFFERED, 1] += log.service[leg] >> HIGH
        if measured:
            cached, written, output = prompts.cached[place], prompts.written[place], prompts.output[place]
            uncached = prompts.input[place] - cached - written
            line = 0
            for start in starts:
                if prompts.input[place] > start:
                    line += METERS
            tokens = uncached, cached, written, output
            _bill(bought, segment, line, tokens)
            if not is_answer:
                _bill(unused, 0 if prompts.escalated[place] else 1, line, tokens)


@_loop
def waits(arrival, held, marks, queues):
    """Turn the marks of requests into latency, time to first token and wait, in `answered`, `first_token`, `summed`."""
    for row in range(len(arrival)):
        latency = marks.answered[_at(row)] - arrival[_at(row)]
        marks.answered[_at(row)] = latency
        marks.first_token[_at(row)] = latency if held[_at(row)] else marks.first_token[_at(row)] - arrival[_at(row)]
        if queues:
            marks.summed[_at(row)] += marks.waited[_at(row)]


@_loop
def requests(told, rows, goals, strides, offsets, cells, counts, sums):
    """Sum up requests from row `first` up to `end` in tables of cells.

    A cell of table k is `offsets[k]`, and the codes of route and escalation, segment and task times `strides[k]`.
    `cells` get it without the offset. `counts` get the number of requests by cell and flags, `sums` their latencies,
    times to first token and waits. `goals` are the largest latency and time to first token of a good answer.
    """
    first, end = rows
    most_latency, most_ttft = goals
    for row in range(first, end):
        at = _at(row)
        latency, ttft, wait = told.latency[at], told.ttft[at], told.wait[at]
        escalated, acceptable = int(told.escalated[at]), int(told.acceptable[at])
        good = acceptable if latency <= most_latency and ttft <= most_ttft else 0
        flags = escalated | acceptable << 1 | int(told.refused[at]) << 2 | good << 3
        code = 2 * told.route[at] + escalated
        for table in range(len(offsets)):
            cell = (
                code * strides[_at(table), 0]
                + told.segment[at] * strides[_at(table), 1]
                + told.task[at] * strides[_at(table), 2]
            )
            cells[_at(table), _at(row - first)] = cell
            cell += offsets[_at(table)]
            counts[_at(cell), _at(flags)] += 1
            sums[_at(cell), 0, 0] += latency & LOW
            sums[_at(cell), 0, 1] += latency >> HIGH
            sums[_at(cell), 1, 0] += ttft & LOW
            sums[_at(cell), 1, 1] += ttft >> HIGH
            if wait > 0:
                sums[_at(cell), 2, 0] += wait & LOW
                sums[_at(cell), 2, 1] += wait >> HIGH


@_loop
def tally(table, lowest, cells, values):
    """Count values in their buckets of `histogram.buckets_of`, by cell; the first column of the table is `lowest`.

    Returns how many were counted, from the first on, before one came whose bucket is not in the table.
    """
    for row in range(len(values)):
        bits = np.float64(values[_at(row)]).view(np.int64)
        place = max((bits >> MANTISSA) - BELOW_ONE, 0) - lowest
        if place < 0 or place >= table.shape[1]:
            return row
        table[_at(cells[_at(row)]), _at(place)] += 1
    return len(values)
