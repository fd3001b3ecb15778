"""What production can see of its requests: the columns that gates count, and no truth but through noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.chance import Purpose
from sim.columns import Bools, Floats, Ints
from sim.workload.requests import Requests


@dataclass(frozen=True, slots=True)
class Seen:
    """Some answered requests of one pattern, in order of arrival.

    `requests` are all requests they were drawn with and `rows` int64 the rows of those that were answered; `route`
    int64 codes into `routes`; `escalated`, `refused` bool. `task` int64 codes into `tasks` is the class that the router
    takes each for (its true one where nothing classifies). `acceptable` bool is the truth, which gates see only through
    a judge or a user; `cheap_acceptable` and `frontier_acceptable` what both ends of the fleet would have answered, for
    those who call both.
    """

    requests: Requests
    rows: Ints
    routes: tuple[str, ...]
    route: Ints
    tasks: tuple[str, ...]
    task: Ints
    escalated: Bools
    refused: Bools
    acceptable: Bools
    cheap_acceptable: Bools
    frontier_acceptable: Bools

    def __len__(self) -> int:
        return len(self.rows)

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per answered request: the same whatever else is drawn."""
        return self.requests.uniform(purpose, *names)[self.rows]

    @property
    def input_tokens(self) -> Ints:
        """Prompt tokens, int64."""
        return self.requests.input_tokens[self.rows]


def counted(groups: int, group: Ints, bad: Bools) -> Ints:
    """Count what was looked at and what of it was bad, by group; int64[groups, 2]."""
    looked = np.bincount(group, minlength=groups)
    found = np.bincount(group[bad], minlength=groups)
    counts: Ints = np.stack((looked, found), axis=1).astype(np.int64)
    return counts
