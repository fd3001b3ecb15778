"""How many replicas are wanted, in the reference engine: by a plan, or by what they have to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from simpy import Environment

from sim.engine import order
from sim.engine.stations import Due
from sim.routing.replicas import Replicas


class Wanted:
    """The number of replicas that are wanted at one station, as it changes."""

    def __init__(self, replicas: Replicas, station: int) -> None:
        self.number = int(replicas.number[station])
        mine = (replicas.plan_station == station).nonzero()[0]
        self._plan = deque(zip(replicas.plan_at_ns[mine].tolist(), replicas.plan_replicas[mine].tolist(), strict=True))
        self._every_ns = int(replicas.every_ns[station])
        self._load_ns = int(replicas.load_ns[station])
        self._least, self._most = int(replicas.least[station]), int(replicas.most[station])
        self._cooldown_ns = int(replicas.cooldown_ns[station])
        self._tick_ns = self._every_ns
        self._changed_ns = 0

    def next_ns(self) -> int | None:
        """Say when it is decided next, if ever."""
        times = [at for at, _ in list(self._plan)[:1]] + ([self._tick_ns] if self._every_ns else [])
        return min(times, default=None)

    def decide(self, now: int, load: Callable[[], int]) -> None:
        """Decide now; `load` gives that since it was last asked."""
        before = self.number
        if self._plan and self._plan[0][0] == now:
            self.number = self._plan.popleft()[1]
        if self._every_ns and self._tick_ns == now:
            self._tick_ns += self._every_ns
            needed = max(self._least, min(-(-load() // self._load_ns), self._most))
            if needed > self.number or now - self._changed_ns >= self._cooldown_ns:
                self.number = needed
        if self.number != before:
            self._changed_ns = now


class Scaled(Protocol):
    """A station whose replicas may change in number."""

    number: int
    wanted: Wanted

    def scale(self) -> None:
        """Decide now, and let replicas start, drain or go."""
        ...


class Scaler:
    """Lets each station decide at its times, while `is_over` does not say that nothing will come of it."""

    def __init__(self, env: Environment, stations: Sequence[Scaled], is_over: Callable[[], bool]) -> None:
        self._env = env
        self._stations = stations
        self._is_over = is_over
        for station in stations:
            self._look(station)

    def _look(self, station: Scaled) -> None:
        then = station.wanted.next_ns()
        if then is not None:
            due = Due(self._env)
            due.callbacks.append(lambda _: self._scale(station))
            due.schedule(then - int(self._env.now), order.scaling(station.number))

    def _scale(self, station: Scaled) -> None:
        if not self._is_over():
            station.scale()
            self._look(station)
