"""Exact values where calls share a replica, or are sent to one of several; times in seconds, rates per second.

The twin of each is in `test_formulas_of_replicas`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg as linalg_of_matrices
from scipy import optimize, sparse
from scipy.sparse import linalg


@dataclass(frozen=True)
class Sharing:
    """A queue whose `slots` serve at a rate that depends on how many are taken; mean times of all who come."""

    sojourn: float
    waits: float
    mean_wait: float
    mean_batch: float


def ps_mean(arrival_rate: float, mean_s: float) -> float:
    """Give the mean sojourn in M/G/1 with processor sharing, whatever the law of service (Sakata et al. 1971)."""
    return mean_s / (1 - arrival_rate * mean_s)


def ps_conditional(arrival_rate: float, mean_s: float, second_moment: float) -> float:
    """Give E[sojourn x service] there: who needs x stays x / (1 - load) on average (Kleinrock 1967)."""
    return second_moment / (1 - arrival_rate * mean_s)


def ps_second_moment(load: float) -> float:
    """Give E[sojourn^2] in M/M/1 with processor sharing and services of mean 1 (Coffman, Muntz & Trotter 1970)."""
    return (2 + load) / ((1 - load) ** 2 * (2 - load)) + 1 / (1 - load) ** 2


def ps_tail(load: float, most: int = 200) -> Callable[[float], float]:
    """Give the probability to stay longer than a time in M/M/1 with processor sharing and services of mean 1.

    A tagged call is followed, as Coffman, Muntz & Trotter do (1970): with n others, of whom it finds n with probability
    (1 - load) load^n, it ends at rate 1 / (n + 1), one of them at n / (n + 1), and another one comes at rate `load`.
    The chain, cut at `most` others, is reversible, so that its law is a sum of exponentials that all fall.
    """
    others = np.arange(most)
    up, down = np.full(most - 1, load), others[1:] / (others[1:] + 1.0)
    leaving = np.full(most, 1 + load)
    leaving[-1] -= load
    rates, modes = linalg_of_matrices.eigh_tridiagonal(leaving, -np.sqrt(up * down))
    weights = np.exp(np.concatenate(([0.0], np.cumsum(np.log(up / down)))) / 2)
    found = ((1 - load) * load**others / weights) @ modes
    shares = found * (modes.T @ weights)

    def tail(time_s: float) -> float:
        return float(shares @ np.exp(-rates * time_s))

    return tail


def state_dependent(arrival_rate: float, rate_of: Callable[[int], float], slots: int, most: int = 4000) -> Sharing:
    """Give the birth-death queue that serves n <= slots at the rate `rate_of(n)`, and more as fast as `slots`.

    Services are exponential; if slots never run out any other law gives the same mean (Cohen 1979).
    """
    numbers = np.arange(1, most)
    rates = np.array([rate_of(min(number, slots)) for number in range(1, slots + 1)])
    logs = np.cumsum(np.log(arrival_rate / rates[np.minimum(numbers, slots) - 1]))
    law = np.exp(np.concatenate(([0.0], logs)) - logs.max(initial=0.0))
    law /= law.sum()
    everyone = np.arange(most)
    waiting = float(np.maximum(everyone - slots, 0) @ law)
    busy = float(np.minimum(everyone, slots) @ law) / float(1 - law[0])
    return Sharing(float(everyone @ law) / arrival_rate, float(law[slots:].sum()), waiting / arrival_rate, busy)


def two_phases(
    arrival_rate: float, prefill: Callable[[int], float], decode: Callable[[int, bool], float], slots: int, most: int
) -> tuple[float, float]:
    """Give the mean time to first token and the mean sojourn of calls that prefill and then decode, both exponential.

    `prefill(p)` and `decode(d, beside)` are the rates at which one of p and of d calls ends its phase. The chain of the
    calls there and of those that prefill, cut at `most` calls, solved.
    """
    states = [(there, p) for there in range(most + 1) for p in range(min(there, slots) + 1)]
    index = {state: at for at, state in enumerate(states)}
    entries: list[tuple[int, int, float]] = []
    for at, (there, p) in enumerate(states):
        decoding = min(there, slots) - p
        if there < most:
            entries.append((at, index[there + 1, p + (there < slots)], arrival_rate))
        if p:
            entries.append((at, index[there, p - 1], prefill(p)))
        if decoding:
            entries.append((at, index[there - 1, p + (there > slots)], decode(decoding, p > 0)))
    law = _stationary(entries, len(states))
    there, p = np.array(states).T
    unread = np.maximum(there - slots, 0) + p
    return float(law @ unread) / arrival_rate, float(law @ there) / arrival_rate


def erlang_arrivals(arrival_rate: float, service_rate: float, phases: int) -> tuple[float, float]:
    """Give the probability to wait and the mean wait in E_k/M/1, for arrivals at `arrival_rate` (Kleinrock 1975, 6.4).

    Of arrivals to k servers in turn, each server sees every k-th: Erlang gaps of k phases.
    """
    rate = arrival_rate * phases

    def gap(sigma: float) -> float:
        return math.exp(phases * math.log(rate / (rate + service_rate * (1 - sigma)))) - sigma

    root = float(optimize.brentq(gap, 0.0, 1 - 1e-9, xtol=1e-15))
    return root, root / (service_rate * (1 - root))


def joining(arrival_rate: float, replicas: int, choices: int, most: int) -> tuple[float, float]:
    """Give the probability to wait and the mean sojourn where each joins the shortest of `choices` random queues.

    Every queue is served at rate 1. The chain of the queues' lengths, each cut at `most`, solved.
    """
    shape = (most + 1,) * replicas
    lengths = np.indices(shape).reshape(replicas, -1).T
    index = np.arange(len(lengths)).reshape(shape)
    entries: list[tuple[int, int, float]] = []
    sets = _subsets(replicas, choices)
    for at, state in enumerate(lengths.tolist()):
        for chosen in sets:
            best = min(chosen, key=lambda queue: (state[queue], queue))
            if state[best] < most:
                entries.append((at, _moved(index, state, best, 1), arrival_rate / len(sets)))
        entries += [(at, _moved(index, state, queue, -1), 1.0) for queue in range(replicas) if state[queue] > 0]
    law = _stationary(entries, len(lengths))
    shortest = np.array(
        [[min(state[queue] for queue in chosen) > 0 for chosen in sets] for state in lengths.tolist()]
    ).mean(axis=1)
    return float(law @ shortest), float(law @ lengths.sum(axis=1)) / arrival_rate


def _subsets(replicas: int, choices: int) -> list[tuple[int, ...]]:
    if choices == replicas:
        return [tuple(range(replicas))]
    return [(one, other) for one in range(replicas) for other in range(one)]


def _moved(index: np.ndarray[tuple[int, ...], np.dtype[np.int64]], state: list[int], queue: int, step: int) -> int:
    return int(index[tuple(length + step * (number == queue) for number, length in enumerate(state))])


def _stationary(entries: list[tuple[int, int, float]], states: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Solve pi Q = 0 with the sum of pi 1, Q having these rates."""
    come, go, rate = (np.array(column) for column in zip(*entries, strict=True))
    flow = sparse.coo_matrix((rate, (go, come)), shape=(states, states)).tocsr()
    matrix = (flow - sparse.diags(np.bincount(come, rate, states))).tolil()
    matrix[0] = 1.0
    target = np.zeros(states)
    target[0] = 1.0
    return linalg.spsolve(matrix.tocsc(), target)
