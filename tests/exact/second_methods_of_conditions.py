"""The values of `formulas_of_conditions` reached another way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from exact.formulas_of_conditions import Impatient
from exact.second_methods import Floats
from scipy import integrate, linalg, signal, stats


def chain_law(up: Callable[[int], float], down: Callable[[int], float], states: int) -> Floats:
    """Give the stationary law of a birth-death chain, by linear algebra."""
    rates = np.zeros((states, states))
    for state in range(states - 1):
        rates[state, state + 1] = up(state)
        rates[state + 1, state] = down(state + 1)
    balance = (rates - np.diag(rates.sum(axis=1))).T
    balance[0] = 1
    return np.asarray(linalg.solve(balance, np.eye(states)[0]))


def mmck(arrival_rate: float, service_rate: float, servers: int, most: int) -> Impatient:
    """Give M/M/c/K from its chain and Little's law."""
    law = chain_law(lambda _: arrival_rate, lambda n: min(n, servers) * service_rate, most + 1)
    waiting = np.maximum(np.arange(most + 1) - servers, 0) @ law
    let_in = 1 - law[most]
    return Impatient(float(law[most]), float(law[servers:most].sum() / let_in), float(waiting / arrival_rate / let_in))


def erlang_a(
    arrival_rate: float, service_rate: float, servers: int, leaving_rate: float, states: int = 300
) -> Impatient:
    """Give Erlang A from its chain and Little's law."""

    def down(number: int) -> float:
        return min(number, servers) * service_rate + max(number - servers, 0) * leaving_rate

    law = chain_law(lambda _: arrival_rate, down, states)
    waiting = np.maximum(np.arange(states) - servers, 0) @ law
    lost = leaving_rate * waiting / arrival_rate
    return Impatient(float(lost), float(law[servers:].sum()), float(waiting / arrival_rate))


def constant_patience(arrival_rate: float, service_rate: float, servers: int, patience_s: float) -> Impatient:
    """Give M/M/c with constant patience on a grid: each level of the wait is crossed up as often as down.

    With v(x) the density of the wait to come, v(x) = lambda (p exp(-c mu x) + the integral of v(y) exp(-c mu (x - y))
    over y from 0 to min(x, patience)) (Brill & Posner 1977), by the trapezoidal rule.
    """
    offered, rate, steps = arrival_rate / service_rate, servers * service_rate, 1500
    grid = np.linspace(0, patience_s, steps + 1)
    step = grid[1]
    states = np.cumprod([1.0, *(offered / k for k in range(1, servers))])
    kernel = np.tril(np.exp(-rate * np.maximum(grid[:, None] - grid[None, :], 0)))
    weights = kernel * step
    weights[:, 0] /= 2
    weights[np.diag_indices(steps + 1)] -= step / 2
    weights[0, 0] = 0
    direct = states[-1] * np.exp(-rate * grid)
    density = linalg.solve(np.eye(steps + 1) - arrival_rate * weights, arrival_rate * direct)
    in_time, late = integrate.simpson(density, x=grid), density[-1] / rate
    everything = states.sum() + in_time + late
    waited = integrate.simpson(grid * density, x=grid) + patience_s * late
    return Impatient(float(late / everything), float((in_time + late) / everything), float(waited / everything))


def md1_loss(load: float, most: int) -> float:
    """Give the loss of M/D/1 with room for `most`, from the chain of those left behind by departures."""
    arrivals = stats.poisson.pmf(np.arange(most), load)
    moves = np.zeros((most, most))
    for left in range(most):
        start = max(left - 1, 0)
        for number in range(start, most):
            moves[left, number] = arrivals[number - start]
        moves[left, most - 1] += 1 - moves[left].sum()
    balance = moves.T - np.eye(most)
    balance[0] = 1
    empty = linalg.solve(balance, np.eye(most)[0])[0]
    return float(1 - 1 / (empty + load))


def shaped_delay(arrival_rate: float, cell_s: float, burst: int, steps: int = 2000) -> tuple[float, float]:
    """Give P(D > 0) and E[D] of a shaped Poisson stream, for a burst of 2 or more, on a grid of `steps` per cell.

    The M/D/1 wait is a geometric sum of uniform residual services, by the recursion of Panjer (1981).
    """
    load, cells = arrival_rate * cell_s, 40
    residual = np.full(steps + 1, 1 / steps)
    residual[[0, -1]] /= 2
    wait = signal.lfilter([1 - load], np.eye(1, steps + 1)[0] - load * residual, np.eye(1, cells * steps)[0])
    late = np.arange(cells * steps) - (burst - 1) * steps
    beyond = np.sum(wait[late > 0]) + wait[late == 1][0] / 2  # the density jumps at one cell: take what is beyond it
    return float(beyond), float(np.maximum(late, 0) @ wait * cell_s / steps)


def granted_share(failing: float, firsts: int) -> float:
    """Give retries per first try from the chain of what is kept, in shares of a retry, before each first try."""
    moves = np.zeros((firsts + 1, firsts + 1))
    for kept in range(firsts + 1):
        now = min(kept + 1, firsts)
        moves[kept, 0] += failing * (now == firsts)
        moves[kept, now] += 1 - failing * (now == firsts)
    balance = moves.T - np.eye(firsts + 1)
    balance[0] = 1
    law = linalg.solve(balance, np.eye(firsts + 1)[0])
    return float(failing * law[firsts - 1 :].sum())
