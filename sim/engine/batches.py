"""What calls in one batch do to each other, in the reference engine.

The work that is left of each leg is kept as it is, and all legs of a replica work theirs off whenever something changes
there: slow, but as plain as `sim.routing.replicas` says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simpy import Environment, Event

from sim.engine import order
from sim.engine.gates import Room, Visit
from sim.engine.stations import Due
from sim.routing.replicas import FULL_SPEED

_NEVER = -1


class Stay(Visit):
    """A leg that joins a cluster; `ended` happens when nothing is left of it to do.

    `number` is the leg's among all of the run, `prefill_ns` is how long it takes alone to its first token; `replica` is
    the one it is sent to.
    """

    def __init__(
        self, env: Environment, number: int, way: tuple[int, int, int, int], *, prefill_ns: int, lot: int
    ) -> None:
        super().__init__(env, *way)
        self.number = number
        self.prefill_ns = prefill_ns
        self.lot = lot
        self.ended = Event(env)
        self.first_ns = _NEVER
        self.replica: Replica | None = None
        self.prefills = True
        self.left = self.decode = 0

    def number_of_replica(self) -> int:
        """Give the number of its replica at its station, or -1."""
        return _NEVER if self.replica is None else self.replica.number


@dataclass(frozen=True, slots=True)
class Speeds:
    """How fast a leg is, by how many are in its phase."""

    prefill: list[int]
    decode: list[int]
    beside: list[int]


class Home(Protocol):
    """The station of a replica."""

    def lasting(self, service_ns: int) -> int:
        """Give how long (ns) a service that starts now takes."""
        ...

    def entering(self, stay: Stay) -> None:
        """Note that a leg has a slot now."""
        ...

    def leaving(self) -> None:
        """Note that a leg is about to leave."""
        ...


class Replica:
    """Up to `slots` legs in one batch, and those who wait for a slot in its `queue`."""

    def __init__(
        self,
        env: Environment,
        number: tuple[int, int],
        *,
        slots: int,
        speeds: Speeds,
        window_ns: tuple[int, int],
        queue: Room,
        home: Home,
    ) -> None:
        self.number, self._rank = number
        self._env = env
        self._slots = slots
        self._speeds = speeds
        self._window = window_ns
        self._home = home
        self._inside: list[Stay] = []
        self.queue = queue
        self._since = 0
        self._due: Due | None = None
        self.served_ns = self.busy_ns = 0
        self._paid_ns, self._paid_since = 0, _NEVER
        self._ready_ns, self._drains = 0, False

    def start(self, startup_ns: int) -> None:
        """Let it be up in so many nanoseconds, or if it drains, at once."""
        if self._paid_since == _NEVER:
            self._paid_since, self._ready_ns = int(self._env.now), int(self._env.now) + startup_ns
        self._drains = False

    def stop(self) -> None:
        """Let it be sent no more legs, and be down when it has none."""
        self._drains = True
        self._let_go()

    def is_up(self) -> bool:
        """Say whether it may be sent legs."""
        return self._paid_since != _NEVER and not self._drains and self._ready_ns <= self._env.now

    def paid_ns(self) -> int:
        """Give for how much of the window it is paid, if nothing happens any more."""
        if self._paid_since == _NEVER:
            return self._paid_ns
        return self._paid_ns + _overlap(self._paid_since, self._window[1], self._window)

    def _let_go(self) -> None:
        if self._drains and self._paid_since != _NEVER and not self._inside:
            self._paid_ns += _overlap(self._paid_since, int(self._env.now), self._window)
            self._paid_since = _NEVER

    def load(self) -> int:
        """Count the legs in its slots and those who wait for one."""
        return len(self._inside) + len(self.queue)

    def has_room(self) -> bool:
        """Say whether a slot is free."""
        return len(self._inside) < self._slots

    def take(self, stay: Stay) -> None:
        """Let a leg have a slot, or wait for one."""
        stay.replica = self
        if self.has_room():
            self._enter(stay)
        else:
            self.queue.add(stay)

    def free(self, stay: Stay) -> None:
        """Free the slot of a leg; it goes to the next waiter."""
        self._home.leaving()
        self._work_off()
        self._inside.remove(stay)
        waiter = self.queue.head()
        if isinstance(waiter, Stay):
            self.queue.remove(waiter)
            self._enter(waiter)
        else:
            self._look()
            self._let_go()

    def _enter(self, stay: Stay) -> None:
        self._work_off()
        prefill_ns, service_ns = (self._home.lasting(time) for time in (stay.prefill_ns, stay.service_ns))
        stay.left, stay.decode = prefill_ns * FULL_SPEED, (service_ns - prefill_ns) * FULL_SPEED
        self._inside.append(stay)
        self._home.entering(stay)
        self._look()

    def _work_off(self) -> None:
        """Let all inside work until now."""
        now = int(self._env.now)
        measured = _overlap(self._since, now, self._window)
        self.served_ns += len(self._inside) * measured
        self.busy_ns += measured if self._inside else 0
        for stay, speed in self._paces():
            stay.left -= speed * (now - self._since)
        self._since = now

    def _paces(self) -> list[tuple[Stay, int]]:
        """Give who is inside, and how much of its work each does in a nanosecond."""
        prefilling = [stay for stay in self._inside if stay.prefills]
        decoding = [stay for stay in self._inside if not stay.prefills]
        curve = self._speeds.beside if prefilling else self._speeds.decode
        return [(stay, self._speeds.prefill[len(prefilling) - 1]) for stay in prefilling] + [
            (stay, curve[len(decoding) - 1]) for stay in decoding
        ]

    def _look(self) -> None:
        """See when the next phase ends, and let a step happen then."""
        self._due = None
        spans = [max(0, -(-stay.left // speed)) for stay, speed in self._paces()]
        if spans:
            self._due = due = Due(self._env)
            due.callbacks.append(self._step)
            due.schedule(min(spans), order.step(self._rank))

    def _step(self, due: Event) -> None:
        """End one phase."""
        if due is not self._due:  # the batch has changed since
            return
        self._work_off()
        over = [stay for stay in self._inside if stay.left <= 0]
        stay = min(over, key=lambda one: (not one.prefills, one.left, one.number))
        if stay.prefills:
            stay.prefills, stay.left = False, stay.decode
            stay.first_ns = int(self._env.now)
            self._look()
        else:
            self.free(stay)
            stay.ended.succeed()


def _overlap(since: int, until: int, window: tuple[int, int]) -> int:
    return max(0, min(until, window[1]) - max(since, window[0]))
