"""Whether buying ahead pays: committed spend and provisioned throughput against paying by use, future by future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.experiment.commitment_spec import Commitment, Throughput
from sim.fleet.token_rates import METERS
from sim.study.spend.answers import CommitmentAnswer, CommitmentMonth, ranged
from sim.workload.traffic import Month

HALF: Final = 0.5
"""Share of the futures from which on something is said to be so."""

_MOST_USED: Final = 10.0
"""A utilisation at which a purchase would pay, and that is beyond, is told as this: more than is there in any case."""


def committed(
    name: str,
    asked: Commitment,
    pattern: str,
    use: tuple[Floats, Floats],
    within: tuple[Sequence[Month], float],
) -> CommitmentAnswer:
    """Hold a commitment against paying by use.

    `use` is what the calls cost, USD as float64[draws, months], and what they use, float64[draws, months, meters];
    `within` are the months and the level of intervals.
    """
    usd, (months, level) = use[0], within
    if asked.throughput is None:
        cost, used, at = _of_spend(asked, usd)
    else:
        cost, used, at = _of_throughput(asked.usd_per_month, asked.throughput, use, months)
    saved = usd - cost
    pays = (saved > 0).mean(axis=0)
    names = [month.name for month in months]
    unpaid = np.flatnonzero(pays < HALF)
    first = 0 if not len(unpaid) else int(unpaid[-1]) + 1

    def told(month: str, values: Sequence[Floats]) -> CommitmentMonth:
        paid, share, kept = values
        return CommitmentMonth(
            month, ranged(paid, level), ranged(share, level), float((kept > 0).mean()), ranged(kept, level)
        )

    return CommitmentAnswer(
        commitment=name,
        kind="spend" if asked.throughput is None else "throughput",
        pattern=pattern,
        usd_per_month=asked.usd_per_month,
        break_even_usd=None if at is None else asked.usd_per_month,
        break_even_utilisation=None if at is None else ranged(at, level),
        months=tuple(told(month, (usd[:, n], used[:, n], saved[:, n])) for n, month in enumerate(names)),
        whole=told("all", (usd.sum(axis=1), used.mean(axis=1), saved.sum(axis=1))),
        from_month=names[first] if first < len(names) else None,
    )


def _of_spend(asked: Commitment, usd: Floats) -> tuple[Floats, Floats, Floats | None]:
    """Give cost, utilisation, and the utilisation at which it pays in each future, of committed spend.

    Committed C at a discount d covers C / (1 - d) of cost by use, and pays from C on.
    """
    kept = 1.0 - (asked.discount or 0.0)
    covered = asked.usd_per_month / kept
    beyond = np.maximum(usd - covered, 0.0) * (kept if asked.beyond == "discounted" else 1.0)
    return asked.usd_per_month + beyond, np.minimum(usd / covered, 1.0), np.full(len(usd), kept)


def _of_throughput(
    fixed: float, asked: Throughput, use: tuple[Floats, Floats], months: Sequence[Month]
) -> tuple[Floats, Floats, Floats | None]:
    """Give the same of throughput: the share of calls that fits into what is usable is not paid by use.

    It pays at the utilisation at which the tokens that it serves would cost by use what it costs.
    """
    usd, units = use
    weights = np.array([_weights(asked)[meter] for meter in METERS])
    tokens = units @ weights
    whole = np.array([month.length_s / 60 for month in months]) * asked.tokens_per_minute
    served = np.minimum(tokens, whole * asked.usable)
    inside = np.divide(served, tokens, out=np.ones_like(tokens), where=tokens > 0)
    bought, worth = fixed * tokens.sum(axis=1), usd.sum(axis=1) * whole.mean()
    at = np.divide(bought, worth, out=np.full(len(usd), _MOST_USED), where=bought < _MOST_USED * worth)
    pays = float((at < asked.usable).mean()) >= HALF
    return fixed + usd * (1.0 - inside), served / whole, at if pays else None


def _weights(asked: Throughput) -> dict[str, float]:
    return dict(zip(METERS, (0.0, 1.0, asked.cached_weight, 1.0, asked.output_weight), strict=True))
