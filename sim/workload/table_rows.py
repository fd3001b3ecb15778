"""Which row of an outcome table a request is: pass after pass over all rows, each in a fresh random order."""

from __future__ import annotations

import numpy as np

from sim.chance import Purpose, Streams
from sim.columns import Ints
from sim.workload.outcome_table import OutcomeTable


class TableRows:
    """Walks through a table, or through the rows of each task class of its own; goes on from chunk to chunk."""

    def __init__(self, streams: Streams, table: OutcomeTable, tasks: tuple[str, ...] | None) -> None:
        """Begin; `tasks` are the classes of the requests, None where the row is to say the class."""
        if tasks is None:
            self._passes = [_Passes(streams, "", np.arange(table.rows, dtype=np.int64))]
            return
        self._passes = [
            _Passes(streams, name, np.flatnonzero(table.task_code == table.tasks.index(name))) for name in tasks
        ]

    def any(self, count: int) -> Ints:
        """Give the next rows of the table, int64."""
        return self._passes[0].take(count)

    def of(self, task: Ints) -> Ints:
        """Give each request the next row of its own task class, int64."""
        if len(self._passes) == 1:
            return self._passes[0].take(len(task))
        chosen = np.empty(len(task), dtype=np.int64)
        for code, passes in enumerate(self._passes):
            mine = np.flatnonzero(task == code)
            chosen[mine] = passes.take(len(mine))
        return chosen


class _Passes:
    """Endless passes over some rows."""

    def __init__(self, streams: Streams, name: str, rows: Ints) -> None:
        self._streams = streams
        self._name = name
        self._rows = rows
        self._drawn = 0  # uniforms drawn, one for each row of each pass
        self._ahead = rows[:0]

    def take(self, count: int) -> Ints:
        """Give the next `count` rows."""
        if count > len(self._ahead):
            passes = -(-(count - len(self._ahead)) // len(self._rows))
            until = self._drawn + passes * len(self._rows)
            luck = self._streams.uniform(Purpose.TABLE_ROW, (self._name,), self._drawn, until)
            order = np.argsort(luck.reshape(passes, -1), axis=1, kind="stable")
            self._ahead = np.concatenate((self._ahead, self._rows[order].ravel()))
            self._drawn = until
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken
