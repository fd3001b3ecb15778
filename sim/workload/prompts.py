"""How long prompts are and how hard requests: tokens recorded or drawn, difficulty correlated with them as written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.chance import Purpose
from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Floats, Ints
from sim.units import as_int64
from sim.workload.by_class import of_class, rows_by
from sim.workload.draws import Draws
from sim.workload.outcome_table import OutcomeTable
from sim.workload.sources import Number
from sim.workload.tasks import TaskClass
from sim.workload.traces import Trace

_TABLE = ""  # stands for the outcome table where columns are by file


class Prompts:
    """Prompt tokens, cached tokens and difficulty of requests, correlated per task class as `lengths` says.

    Drawn tokens follow the difficulty; recorded tokens stay as they are and the difficulty follows their rank. Either
    way the difficulty stays standard normal and the token law what was written.
    """

    def __init__(
        self,
        classes: tuple[TaskClass, ...],
        traces: Mapping[str, Trace],
        table: OutcomeTable | None,
        sources: Sequence[str],
    ) -> None:
        """Prepare to read the traces of all `sources`, or else a `table` whose rows are the requests."""
        self._classes = classes
        self._correlated = any(task_class.lengths.input_with_difficulty for task_class in classes)
        self._tokens = recorded_tokens(traces, sources, "input_tokens")
        groups = {name: None if trace.task is None else trace.task.codes for name, trace in traces.items()}
        self._in_table = self._tokens is None and table is not None and table.input_tokens is not None
        if self._tokens is None and table is not None and table.input_tokens is not None:
            self._tokens, groups = {_TABLE: table.input_tokens}, {_TABLE: table.task_code}
        scored = self._tokens if self._tokens is not None and self._correlated else {}
        self._scores = {name: normal_scores(tokens, groups[name]) for name, tokens in scored.items()}
        self._cached = recorded_tokens(traces, sources, "cached_tokens")

    def draw(self, draws: Draws, task: Ints, table_row: Ints | None) -> tuple[Ints, Floats]:
        """Give the prompt tokens (int64) and the difficulty (float64) of requests of these task classes."""
        difficulty = normal_quantile(draws.uniform(Purpose.DIFFICULTY))
        if self._tokens is None:
            tokens = self._drawn(draws.uniform(Purpose.INPUT_TOKENS), task, difficulty)
            return self._longer(tokens, task), difficulty
        tokens = self._longer(self._looked_up(self._tokens, draws, table_row), task)
        if self._correlated:
            score = self._looked_up(self._scores, draws, table_row)
            rhos = [task_class.lengths.input_with_difficulty for task_class in self._classes]
            for rho, mine in rows_by(rhos, task):
                if rho:
                    difficulty[mine] = rho * score[mine] + np.sqrt(1 - rho * rho) * difficulty[mine]
        return tokens, difficulty

    def cached(self, draws: Draws, task: Ints, tokens: Ints) -> Ints:
        """Give the prompt tokens that come from the prompt cache: as recorded, or the share of the task class."""
        if self._cached is not None:
            return np.minimum(self._longer(draws.recorded(self._cached), task), tokens)
        shares = [task_class.cached_share for task_class in self._classes]
        if not any(shares):
            return np.zeros(len(tokens), dtype=np.int64)
        share = shares[0] if len(shares) == 1 else np.array(shares)[task]
        return as_int64(np.floor(share * tokens))

    def written(self, task: Ints, uncached: Ints) -> Ints:
        """Give the prompt tokens that are written to the prompt cache, of those that are not read from it."""
        shares = [task_class.cache_write_share for task_class in self._classes]
        if not any(shares):
            return np.zeros(len(uncached), dtype=np.int64)
        share = shares[0] if len(shares) == 1 else np.array(shares)[task]
        return as_int64(np.floor(share * uncached))

    def _drawn(self, uniform: Floats, task: Ints, difficulty: Floats) -> Ints:
        tokens = np.empty(len(task), dtype=np.int64)
        laws = [(task_class.lengths.input_with_difficulty, task_class.input_tokens) for task_class in self._classes]
        for (rho, law), mine in rows_by(laws, task):
            if law is None:
                raise ValueError("a task class without input tokens was let through")
            place = uniform[mine]
            if rho:
                latent = normal_quantile(place)
                latent *= np.sqrt(1 - rho * rho)
                latent += rho * difficulty[mine]
                place = normal_cdf(latent)
            tokens[mine] = as_int64(law.quantile(place))
        return tokens

    def _longer(self, tokens: Ints, task: Ints) -> Ints:
        """Multiply by the factors of the task classes, rounded."""
        factors = np.array([task_class.input_factor for task_class in self._classes])
        return tokens if np.all(factors == 1) else as_int64(np.rint(tokens * of_class(factors, task)))

    def _looked_up(self, column: Mapping[str, NDArray[Number]], draws: Draws, row: Ints | None) -> NDArray[Number]:
        return draws.recorded(column) if row is None or not self._in_table else column[_TABLE][row]


def recorded_tokens(traces: Mapping[str, Trace], sources: Sequence[str], column: str) -> dict[str, Ints] | None:
    """Give a token column of the traces by source; None unless every source is a trace that has it."""
    found = {name: getattr(traces[name], column) for name in sources if name in traces}
    return found if len(found) == len(sources) and all(tokens is not None for tokens in found.values()) else None


def normal_scores(values: Ints, groups: Ints | None) -> Floats:
    """Give the normal score of each value's rank in its group; ties share their middle rank (Blom 1958, offset 1/2)."""
    if groups is not None:
        scores = np.empty(len(values), dtype=np.float64)
        for group in np.unique(groups):
            scores[groups == group] = normal_scores(values[groups == group], None)
        return scores
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return normal_quantile((low + high) / (2 * len(values)))
