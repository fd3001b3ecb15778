"""Reads the measured calls that models are served as, and says what does not fit together with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.columns import Ints
from sim.experiment.document import Place
from sim.fleet import CallRows, MeasuredCalls, MeasuredService
from sim.units import NS_PER_UNIT
from sim.workload.traces.findings import Findings
from sim.workload.traces.selection import chosen, refuse_empty
from sim.workload.traces.tables import Batch, open_table
from sim.workload.traces.times import TimeReader
from sim.workload.traces.values import whole_numbers

if TYPE_CHECKING:
    from sim.experiment.spec import ExperimentSpec

_LONGEST_NS: Final = NS_PER_UNIT["w"]
_FEWEST_TOKENS: Final = 2  # the pace is the time between two of them


def measured_calls(spec: ExperimentSpec) -> dict[str, MeasuredCalls]:
    """Give what YAML says of measured calls, by the name of the model that is served as such."""
    services = {name: model.service for name, model in spec.fleet.items()}
    return {name: service.measured for name, service in services.items() if isinstance(service, MeasuredService)}


def place_of_calls(model: str) -> Place:
    """Give the place in the YAML of the file of a model's measured calls."""
    return ("fleet", model, "service", "measured", "file")


def lengths_are_measured(spec: ExperimentSpec) -> bool:
    """Say whether every model's answers are as long as measured, so that the workload need not say how long."""
    return all(
        isinstance(model.service, MeasuredService) and model.service.measured.lengths == "measured"
        for model in spec.fleet.values()
    )


def unfit_lengths(spec: ExperimentSpec) -> Iterator[tuple[Place, str]]:
    """Yield (place, message) of what says how long answers are, beside measured calls that say it."""
    for name, calls in measured_calls(spec).items():
        if calls.lengths == "workload":
            continue
        if spec.fleet[name].verbosity != 1:
            yield ("fleet", name, "verbosity"), "does nothing: with lengths: measured answers are as long as measured"
        table = spec.outcomes.models.get(name) if spec.outcomes is not None else None
        if table is not None and table.output_tokens is not None:
            place: Place = ("outcomes", "models", name, "output_tokens")
            yield place, f"does nothing: the answers of {name!r} are as long as its measured calls (lengths: measured)"


def read_calls(spec: MeasuredCalls, base: Path) -> CallRows:
    """Read the calls; `base` is the folder that the path is relative to. InvalidInput says all that is wrong."""
    table = open_table(base / spec.file, spec.file)
    reader = _Reader(spec, Findings(spec.file))
    for batch in table.batches(reader.names):
        reader.read(batch)
        if reader.findings.full:
            break
    table.raise_if_any(reader.findings)
    return reader.finish()


class _Reader:
    """Reads a file batch after batch: drops the rows that `where` leaves out, checks the others."""

    def __init__(self, spec: MeasuredCalls, findings: Findings) -> None:
        self.findings = findings
        self._spec = spec
        self._rows = 0
        self._after = spec.total or spec.inter_token or ""
        self._clocks = [TimeReader(column, spec.unit, findings) for column in (spec.ttft, self._after)]
        self._pieces: list[tuple[Ints, Ints, Ints]] = []

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        spec = self._spec
        return [spec.ttft, self._after, *([spec.output_tokens] if spec.output_tokens else []), *spec.where]

    def read(self, batch: Batch) -> None:
        """Take in a batch."""
        self._rows += batch.rows
        part = batch.take(chosen(batch, self._spec.where))
        if not part.rows:
            return
        before = self.findings.count
        ttft, after = (self._time(clock, part) for clock in self._clocks)
        self._pieces.append((ttft, after, self._tokens(part)))
        if self._spec.total is not None and self.findings.count == before:  # values that are no times stand as 0
            early = part.rows_at(np.flatnonzero(after < ttft))
            self.findings.add_rows(early, self._spec.total, lambda _: "the last token came before the first one")

    def finish(self) -> CallRows:
        """Give the calls; InvalidInput if no row was chosen."""
        if not self._pieces:
            refuse_empty(self.findings.file, self._rows, self._spec.where, "the measured calls")
        ttft, after, tokens = (np.concatenate(columns) for columns in zip(*self._pieces, strict=True))
        own = tokens if self._spec.lengths == "measured" else None
        if self._spec.total is None:
            return CallRows.ordered(ttft, after, np.ones_like(ttft), own)
        return CallRows.ordered(ttft, after - ttft, tokens - 1, own)

    def _time(self, clock: TimeReader, batch: Batch) -> Ints:
        times = clock.read(batch)
        rows = batch.rows_at(np.flatnonzero(times > _LONGEST_NS))
        self.findings.add_rows(rows, clock.column, lambda _: "no call takes more than a week", "see `unit`")
        return times

    def _tokens(self, batch: Batch) -> Ints:
        """Give the output tokens; where a whole time is spread over them there must be two."""
        column = self._spec.output_tokens
        if column is None:
            return np.zeros(batch.rows, dtype=np.int64)
        tokens = whole_numbers(batch, column, self.findings)
        if self._spec.total is not None:
            short = np.flatnonzero(tokens < _FEWEST_TOKENS)
            self.findings.add_rows(
                batch.rows_at(short),
                column,
                lambda i: f"an answer of {tokens[short[i]]} tokens says nothing of the pace",
                "leave failed calls and answers of one token out of the file, or use `where`",
            )
        return tokens
