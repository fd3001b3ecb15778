"""Reads a trace from a file of named columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.columns import Ints
from sim.workload.traces.findings import Findings
from sim.workload.traces.tables import Batch, Table
from sim.workload.traces.times import TimeReader, TimeUnit, utc_text
from sim.workload.traces.trace import Labels, Trace, assemble
from sim.workload.traces.values import LabelReader, whole_numbers

_ZERO_OUTPUT_HINT = "if these requests failed, write zero_output: failed to keep them as failures"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which column of the file holds what; empty means the file has none.

    `zero_output_fails` says that a request with 0 output tokens is one that failed; otherwise it is refused.
    """

    arrival: str
    time_unit: TimeUnit
    input_tokens: str = ""
    output_tokens: str = ""
    cached_tokens: str = ""
    task: str = ""
    segment: str = ""
    zero_output_fails: bool = True

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        columns = (self.arrival, self.input_tokens, self.output_tokens, self.cached_tokens, self.task, self.segment)
        return [name for name in columns if name]


def gather(table: Table, wanted: Wanted) -> Trace:
    """Read, check, sort and count from the first arrival; InvalidInput with all bad rows (up to 20 are shown)."""
    findings = Findings(table.file)
    clock = TimeReader(wanted.arrival, wanted.time_unit, findings)
    labels = {name: LabelReader(name, findings) for name in (wanted.task, wanted.segment) if name}
    counts = [name for name in (wanted.input_tokens, wanted.output_tokens, wanted.cached_tokens) if name]
    pieces: dict[str, list[Ints]] = {name: [] for name in wanted.names}
    for batch in table.batches(wanted.names):
        pieces[wanted.arrival].append(clock.read(batch))
        for name in counts:
            refuses_zero = name == wanted.output_tokens and not wanted.zero_output_fails
            zero_hint = _ZERO_OUTPUT_HINT if refuses_zero else ""
            pieces[name].append(whole_numbers(batch, name, findings, zero_hint=zero_hint))
        for name, reader in labels.items():
            pieces[name].append(reader.read(batch))
        if wanted.cached_tokens and wanted.input_tokens:
            cached, prompt = pieces[wanted.cached_tokens][-1], pieces[wanted.input_tokens][-1]
            _check_cached(batch, cached, prompt, wanted.cached_tokens, findings)
        if findings.full:
            break
    table.raise_if_any(findings)

    # One column after the other, so that at most one is there twice.
    columns = {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}
    output_tokens = columns.get(wanted.output_tokens)
    failed = None if output_tokens is None else output_tokens == 0
    arrival_ns = columns[wanted.arrival]
    return assemble(
        Trace(
            arrival_ns=arrival_ns,
            input_tokens=columns.get(wanted.input_tokens),
            output_tokens=output_tokens,
            cached_tokens=columns.get(wanted.cached_tokens),
            task=Labels(columns[wanted.task], labels[wanted.task].names) if wanted.task else None,
            segment=Labels(columns[wanted.segment], labels[wanted.segment].names) if wanted.segment else None,
            rows_read=len(arrival_ns),
            failed=failed if failed is not None and failed.any() else None,
            notes=("times without a UTC offset were read as UTC",) if clock.zoned is False else (),
            origin=utc_text(int(arrival_ns.min())) if wanted.time_unit == "iso" else "",
        )
    )


def _check_cached(batch: Batch, cached: Ints, prompt: Ints, column: str, findings: Findings) -> None:
    """Record rows whose cached part is more than the whole prompt."""
    above = np.flatnonzero(cached > prompt)
    findings.add_rows(
        batch.rows_at(above),
        column,
        lambda i: f"{cached[above[i]]} cached tokens are more than the {prompt[above[i]]} input tokens",
        "input tokens count the whole prompt, cached ones included",
    )
