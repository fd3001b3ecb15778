"""Observations kept for fewer replications, put into histograms once there are more of them.

What is kept exactly depends on the number of replications (docs/decisions/0008). Replications that were played when
there were fewer are brought to the form they would have had, so that adding replications gives the same bytes as
playing all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from sim.outcome.outcomes import Outcome
from sim.outcome.samples import Collector, Kept, Samples

_DIRECT = {"route": 1}


def limited(outcome: Outcome, most: int) -> Outcome:
    """Give an outcome that keeps at most `most` observations and counts more of them."""
    sizes = {name: table.shape[1] for name, table in outcome.sums.items()}
    durations = _limited(outcome.durations, sizes, most)
    direct = None if outcome.direct is None else _limited(outcome.direct, _DIRECT, most)
    if durations is outcome.durations and direct is outcome.direct:
        return outcome
    return replace(outcome, durations=durations, direct=direct)


def is_too_coarse(outcome: Outcome, most: int) -> bool:
    """Say whether an outcome counts what would have been kept if `most` observations may be."""
    return any(
        samples is not None and not isinstance(samples, Kept) and samples.total() <= most
        for samples in (outcome.durations, outcome.direct)
    )


def _limited(samples: Samples, sizes: Mapping[str, int], most: int) -> Samples:
    if not isinstance(samples, Kept) or samples.total() <= most:
        return samples
    sections = len(samples.cuts) + 1
    collector = Collector(tuple(samples.values), sizes, sections, 0)
    bounds = [0, *samples.cuts.tolist(), samples.total()]
    for section, (first, end) in enumerate(pairwise(bounds)):
        values = {name: column[first:end] for name, column in samples.values.items()}
        codes = {name: column[first:end].astype(np.int64) for name, column in samples.codes.items()}
        if first < end:
            collector.add(section, values, codes)
    return collector.finish()
