"""The values of `formulas_of_lanes` reached another way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import linalg as sparse_linalg

Floats = Sequence[float]


def priority_waits(residual_s: float, loads: Floats) -> list[float]:
    """Give the mean waits as the solution of linear equations.

    Who arrives waits for a server, for the work of those of its class or before it who are there, and for that of those
    before it who come meanwhile: W_k = W_0 + sum of rho_i W_i over i <= k + W_k x sum of rho_i over i < k.
    """
    rho, classes = np.array(loads), len(loads)
    before = np.diag(1 - (np.cumsum(rho) - rho))
    return list(linalg.solve(before - np.tril(np.tile(rho, (classes, 1))), [residual_s] * classes))


def mmc_two_classes(
    rates: tuple[float, float], service_rate: float, servers: int, most: tuple[int, int]
) -> list[float]:
    """Give the mean waits of two classes in M/M/c from its chain and Little's law, cut at so many who wait.

    States: how many are busy while nobody waits, then how many of each class wait while all are.
    """
    first, second = most
    index = {**{("busy", k): k for k in range(servers)}}
    index |= {("wait", i, j): servers + i * (second + 1) + j for i in range(first + 1) for j in range(second + 1)}
    moves: list[tuple[int, int, float]] = []

    def move(here: tuple[object, ...], there: tuple[object, ...], rate: float) -> None:
        if there in index:
            moves.append((index[here], index[there], rate))

    for k in range(servers):
        move(("busy", k), ("busy", k + 1) if k + 1 < servers else ("wait", 0, 0), sum(rates))
        move(("busy", k), ("busy", k - 1), k * service_rate)
    for i in range(first + 1):
        for j in range(second + 1):
            here = ("wait", i, j)
            move(here, ("wait", i + 1, j), rates[0])
            move(here, ("wait", i, j + 1), rates[1])
            fewer = ("wait", i - 1, j) if i else ("wait", 0, j - 1) if j else ("busy", servers - 1)
            move(here, fewer, servers * service_rate)
    rows, columns, values = (np.array(part) for part in zip(*moves, strict=True))
    number = len(index)
    flow = sparse.coo_array((values, (columns, rows)), shape=(number, number)).tolil()
    flow.setdiag(-np.bincount(rows, weights=values, minlength=number))
    flow[0] = 1
    law = sparse_linalg.spsolve(flow.tocsc(), np.eye(1, number)[0])
    waiting = law[servers:].reshape(first + 1, second + 1)
    return [
        float(np.arange(first + 1) @ waiting.sum(axis=1) / rates[0]),
        float(waiting.sum(axis=0) @ np.arange(second + 1) / rates[1]),
    ]
