"""The three systems as users of Cimba's Python package write them; its classes are compiled when they first run.

A station is a queue of arrival times and one process per server, as in the package's own examples. The check of the
cascade takes the same time for all, so one process can hold each answer until its check is over; when each was given
stands in a ring, which is faster than a second queue.
"""

# Without `from __future__ import annotations`: Cimba compiles by annotations and cannot read them as text.

import cimba as cb
from cimba import inputs
from systems import SYSTEMS, Numbers
from timing import cpu

_RING = 65_536
"""Answers that can be in check at once; at 8 a second and 60 ms there are hardly ever three."""


class _Queue(cb.Model):
    """Customers that arrive at a queue."""

    requests: cb.Param[int]
    gap: cb.Input[float]
    service: cb.Input[float]
    waiting: cb.Store[float]
    latency: cb.Dataset

    @cb.process
    def source(self) -> None:
        """Let customers arrive."""
        for _ in range(self.requests):
            cb.hold(self.gap.next())
            self.waiting.put(cb.now())


class _OneServer(_Queue):
    """M/M/1."""

    @cb.process
    def server(self) -> None:
        """Serve one after the other."""
        while True:
            arrived = self.waiting.get()
            cb.hold(self.service.next())
            self.latency.record(cb.now() - arrived)


class _TenServers(_Queue):
    """M/M/10."""

    @cb.process(copies=10)
    def server(self) -> None:
        """Serve one after the other."""
        while True:
            arrived = self.waiting.get()
            cb.hold(self.service.next())
            self.latency.record(cb.now() - arrived)


class _Cascade(_Queue):
    """Ten cheap servers, a check that nobody waits for, four frontier servers."""

    check_s: cb.Param[float]
    escalated: cb.Param[float]
    luck: cb.Input[float]
    second_service: cb.Input[float]
    answered: cb.Store[float]
    ends: cb.Array[float]
    put: int = 0
    taken: int = 0
    escalations: cb.Store[float]

    @cb.process(copies=10)
    def cheap(self) -> None:
        """Answer, and hand the answer to the check."""
        while True:
            arrived = self.waiting.get()
            cb.hold(self.service.next())
            self.ends[self.put % _RING] = cb.now()
            self.put += 1
            self.answered.put(arrived)

    @cb.process
    def check(self) -> None:
        """Let each answer go or escalate once its check is over."""
        while True:
            arrived = self.answered.get()
            cb.hold(self.ends[self.taken % _RING] + self.check_s - cb.now())
            self.taken += 1
            if self.luck.next() < self.escalated:
                self.escalations.put(arrived)
            else:
                self.latency.record(cb.now() - arrived)

    @cb.process(copies=4)
    def frontier(self) -> None:
        """Answer again."""
        while True:
            arrived = self.escalations.get()
            cb.hold(self.second_service.next())
            self.latency.record(cb.now() - arrived)


def seconds(system: Numbers, requests: int) -> float:
    """CPU seconds of one run."""
    model = (_OneServer, _TenServers, _Cascade)[SYSTEMS.index(system)]()
    model.requests = requests
    model.gap = inputs.dist.exponential(mean=1 / system.rate)
    model.service = inputs.dist.exponential(mean=system.mean_s)
    model.latency = cb.Dataset()
    model.latency.capture()
    if system.is_cascade:
        model.check_s, model.escalated = system.check_s, system.escalated
        model.ends = cb.Array(_RING)
        model.luck = inputs.dist.uniform()
        model.second_service = inputs.dist.exponential(mean=system.second_mean_s)
    experiment = cb.Experiment(model, window=cb.Window.until_idle(), seed=1)
    results = []
    spent = cpu(lambda: results.append(experiment.run(workers=1)))
    _, latencies = results[0][model].latency.trial(0, 0)
    if len(latencies) != requests:
        raise RuntimeError("Cimba lost a request")
    return spent
