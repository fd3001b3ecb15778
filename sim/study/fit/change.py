"""What logs alone tell of a change: what the mix of classes explains, and a remainder that they cannot take apart.

A rate R = sum p_k r_k over classes k changes because their shares p_k do or because the rates r_k within them do. Both
orders of changing one and then the other, averaged, give the parts sum (p1 - p0) (r0 + r1) / 2 and
sum (r1 - r0) (p0 + p1) / 2, which add up to the whole (Kitagawa 1955, JASA 50(272): components of a difference between
two rates). A class that is on one side only is taken to have had the same rate on the other: all of it is mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Bools, Floats, Ints

DRAWS: Final = 2_000
"""Times that both logs are drawn anew from themselves for the intervals (Efron 1979)."""

LEVEL: Final = 0.95
_SEED: Final = 20_261_125


@dataclass(frozen=True, slots=True)
class Ranged:
    """A value with the interval that draws from the same logs give."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ClassChange:
    """One class: its share and rate before and after (a rate is None without requests), and its parts of the change.

    `mix` is told against the mean rate, so that a class that grows adds where it is above it and takes where below.
    """

    name: str
    shares: tuple[float, float]
    rates: tuple[float | None, float | None]
    mix: float
    within: float


@dataclass(frozen=True, slots=True)
class RateChange:
    """A rate before and after; `change` is `mix` and `within` together, to the last digit but rounding."""

    of: str
    by: tuple[str, ...]
    rows: tuple[int, int]
    before: Ranged
    after: Ranged
    change: Ranged
    mix: Ranged
    within: Ranged
    classes: tuple[ClassChange, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """One log: whether each request has the flag, bool[n], and its class by name, int64 codes of `names`."""

    flags: Bools
    codes: Ints
    names: tuple[str, ...]


def change_of(of: str, by: Sequence[str], before: Log, after: Log) -> RateChange:
    """Take the change of a rate between two logs apart. ValueError for a log without requests."""
    if not len(before.flags) or not len(after.flags):
        raise ValueError("a log holds no request")
    names = tuple(dict.fromkeys((*before.names, *after.names)))
    counts = np.stack([_counts(log, names) for log in (before, after)])
    (whole,) = _parts(counts[np.newaxis])
    drawn = _parts(_drawn(counts))
    ranged = [_ranged(float(value), drawn[:, at]) for at, value in enumerate(whole)]
    return RateChange(
        of=of,
        by=tuple(by),
        rows=(len(before.flags), len(after.flags)),
        before=ranged[0],
        after=ranged[1],
        change=ranged[2],
        mix=ranged[3],
        within=ranged[4],
        classes=tuple(_classes(names, counts)),
    )


def joined(classes: Mapping[str, tuple[Ints, tuple[str, ...]]]) -> tuple[Ints, tuple[str, ...]]:
    """Make one class of several: every combination that there is, named ``a / b``."""
    columns = list(classes.values())
    codes, names = columns[0]
    for more, others in columns[1:]:
        pairs = codes * len(others) + more
        known, codes = np.unique(pairs, return_inverse=True)
        names = tuple(f"{names[pair // len(others)]} / {others[pair % len(others)]}" for pair in known.tolist())
    return codes.astype(np.int64), names


def doublings(values: Floats) -> tuple[Ints, tuple[str, ...]]:
    """Put numbers in classes of one doubling each: below 1, 1 to 2, 2 to 4, ..."""
    codes = np.where(values < 1, 0, np.floor(np.log2(np.maximum(values, 1.0))) + 1).astype(np.int64)
    most = int(codes.max(initial=0))
    return codes, ("below 1", *(f"{2**power:,} to {2 ** (power + 1):,}" for power in range(most)))


def _counts(log: Log, names: tuple[str, ...]) -> Ints:
    """Count by class, int64[classes, 2]: without the flag and with it."""
    places = np.array([names.index(name) for name in log.names], dtype=np.int64)
    cells = places[log.codes] * 2 + log.flags
    found: Ints = np.bincount(cells, minlength=2 * len(names)).reshape(-1, 2).astype(np.int64)
    return found


def _drawn(counts: Ints) -> Ints:
    """Draw both logs anew, int64[draws, side, classes, 2]."""
    chance = np.random.Generator(np.random.Philox(_SEED))
    sides = [
        chance.multinomial(int(side.sum()), side.ravel() / side.sum(), size=DRAWS).reshape(DRAWS, *side.shape)
        for side in counts
    ]
    return np.stack(sides, axis=1)


def _parts(counts: Ints) -> Floats:
    """Give before, after, change, mix and within for each draw, float64[draws, 5]."""
    shares, rates = _shares_and_rates(counts)
    whole = (shares * rates).sum(axis=2)
    mix = ((shares[:, 1] - shares[:, 0]) * (rates[:, 0] + rates[:, 1]) / 2).sum(axis=1)
    within = ((rates[:, 1] - rates[:, 0]) * (shares[:, 0] + shares[:, 1]) / 2).sum(axis=1)
    return np.stack([whole[:, 0], whole[:, 1], whole[:, 1] - whole[:, 0], mix, within], axis=1)


def _shares_and_rates(counts: Ints) -> tuple[Floats, Floats]:
    """Give both by [draw, side, class]; a class without requests on one side has the rate of the other."""
    every = counts.sum(axis=3).astype(np.float64)
    shares: Floats = every / every.sum(axis=2, keepdims=True)
    rates = np.divide(counts[..., 1], every, out=np.zeros_like(every), where=every > 0)
    known: Floats = np.where(every > 0, rates, rates[:, ::-1])
    return shares, known


def _classes(names: tuple[str, ...], counts: Ints) -> list[ClassChange]:
    shares, rates = (values[0] for values in _shares_and_rates(counts[np.newaxis]))
    centre = float((shares * rates).sum(axis=1).mean())
    seen = counts.sum(axis=2) > 0
    found = [
        ClassChange(
            name=name,
            shares=(float(shares[0, at]), float(shares[1, at])),
            rates=(float(rates[0, at]) if seen[0, at] else None, float(rates[1, at]) if seen[1, at] else None),
            mix=float((shares[1, at] - shares[0, at]) * (rates[:, at].mean() - centre)),
            within=float((rates[1, at] - rates[0, at]) * shares[:, at].mean()),
        )
        for at, name in enumerate(names)
    ]
    return sorted(found, key=lambda one: -abs(one.mix + one.within))


def _ranged(value: float, drawn: Floats) -> Ranged:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Ranged(value, low, high)
