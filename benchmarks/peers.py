"""The three systems as users of SimPy and of Ciw write them: customers draw their times as they go.

Both keep a result per request. Cimba's models are in `peers_cimba.py`, since its classes need it to be installed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from importlib import import_module

import simpy
from systems import Numbers
from timing import cpu, installed

Peer = Callable[[Numbers, int], float]
"""Plays that many requests of a system; gives CPU seconds per request."""


def idiomatic_simpy(system: Numbers, requests: int) -> float:
    """Time SimPy with a Process per request and Resources; it draws with `random` and lists each latency."""
    environment = simpy.Environment()
    first = simpy.Resource(environment, system.servers)
    second = simpy.Resource(environment, max(system.second_servers, 1))
    chance = random.Random(1)  # noqa: S311 - a simulation
    latencies: list[float] = []

    def customer() -> Generator[simpy.Event, None, None]:
        arrived = environment.now
        with first.request() as turn:
            yield turn
            yield environment.timeout(chance.expovariate(1 / system.mean_s))
        if system.is_cascade:
            yield environment.timeout(system.check_s)
            if chance.random() < system.escalated:
                with second.request() as turn:
                    yield turn
                    yield environment.timeout(chance.expovariate(1 / system.second_mean_s))
        latencies.append(environment.now - arrived)

    def source() -> Generator[simpy.Event, None, None]:
        for _ in range(requests):
            yield environment.timeout(chance.expovariate(system.rate))
            environment.process(customer())

    environment.process(source())
    seconds = cpu(environment.run)
    if len(latencies) != requests:
        raise RuntimeError("SimPy lost a request")
    return seconds / requests


def ciw_network(system: Numbers, requests: int) -> float:
    """Time Ciw's `simulate_until_max_customers`; it keeps a record per visit. Building and reading are not timed."""
    import ciw  # noqa: PLC0415 - a peer, not a dependency

    exponential, fixed = ciw.dists.Exponential, ciw.dists.Deterministic
    arrivals, services = [exponential(rate=system.rate)], [exponential(rate=1 / system.mean_s)]
    servers, routing = [float(system.servers)], [[0.0]]
    if system.is_cascade:
        arrivals += [None, None]
        services += [fixed(value=system.check_s), exponential(rate=1 / system.second_mean_s)]
        servers += [float("inf"), float(system.second_servers)]
        routing = [[0.0, 1.0, 0.0], [0.0, 0.0, system.escalated], [0.0, 0.0, 0.0]]
    network = ciw.create_network(
        arrival_distributions=arrivals,
        service_distributions=services,
        number_of_servers=[int(count) if count != float("inf") else count for count in servers],
        routing=routing,
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    seconds = cpu(lambda: simulation.simulate_until_max_customers(requests, method="Finish"))
    return seconds / requests


def cimba_model(system: Numbers, requests: int) -> float:
    """Time Cimba's `Experiment.run` on one worker, classes compiled before; it keeps every latency."""
    return import_module("peers_cimba").seconds(system, requests) / requests


def optional_peers() -> dict[str, Peer | None]:
    """Give the peers that are not dependencies of ours; None for one that is not installed.

    Call it before anything of ours is compiled: Cimba extends numba, and what it adds is overlooked by a numba that has
    compiled before.
    """
    if installed("cimba"):
        import_module("peers_cimba")
    known: dict[str, Peer] = {"ciw": ciw_network, "cimba": cimba_model}
    return {name: peer if installed(name) else None for name, peer in known.items()}
