"""Where legs wait at a station in the reference engine: in what order, and at which limits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from simpy import Environment, Event

from sim.engine import order
from sim.engine.limits import Limit
from sim.engine.stations import Due
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import Lanes


class Visit(Event):
    """A leg that joins an endpoint, as the event that a server takes it.

    `tokens` is what it takes from limits that count tokens, `queue_most` from how many waiters on it is turned away;
    `service_ns` is how long it will be served, and `lane` the one it goes by.
    """

    def __init__(self, env: Environment, lane: int, tokens: int, queue_most: int, service_ns: int) -> None:
        super().__init__(env)
        self.lane = lane
        self.tokens = tokens
        self.queue_most = queue_most
        self.service_ns = service_ns


class Lane(NamedTuple):
    """A lane of a station: its rank, its stride, and how many of it wait at most."""

    rank: int
    stride: int
    most: int


class Room:
    """Visits that wait, and who is next: by rank and then first come first served, or by the leads of their lanes."""

    def __init__(self, lanes: Mapping[int, Lane], *, fair: bool) -> None:
        self._lanes = lanes
        self._fair = fair
        self._leads = dict.fromkeys(lanes, 0)
        self._waiting: dict[int, OrderedDict[Visit, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __contains__(self, visit: Visit) -> bool:
        return visit in self._waiting.get(self._class(visit.lane), ())

    def add(self, visit: Visit) -> None:
        """Let a visit wait behind those of its lane or rank."""
        self._waiting.setdefault(self._class(visit.lane), OrderedDict())[visit] = None

    def remove(self, visit: Visit) -> None:
        """Take a visit out, wherever it stands."""
        del self._waiting[self._class(visit.lane)][visit]

    def head(self) -> Visit | None:
        """Give who is next, if anybody waits."""
        some = [number for number, visits in self._waiting.items() if visits]
        if not some:
            return None
        first = min(some, key=lambda number: (self._leads[number] if self._fair else 0, number))
        return next(iter(self._waiting[first]))

    def charge(self, lane: int, cost: int) -> None:
        """Let a lane pay for what one of it is given now: virtual time goes on to where the lane was."""
        if self._fair:
            lead = self._leads[lane]
            self._leads = {number: max(0, other - lead) for number, other in self._leads.items()}
            self._leads[lane] = cost * self._lanes[lane].stride

    def _class(self, lane: int) -> int:
        """Give the class of a lane: visits of one class leave as they come."""
        return lane if self._fair else self._lanes[lane].rank


class Gate:
    """Limits, and the line before them. Who passes comes to `onward`; `number` is the gate's in the order of turns."""

    def __init__(
        self, env: Environment, number: int, limits: Sequence[Limit], line: Room, onward: Callable[[Visit], None]
    ) -> None:
        self.line = line
        self._env = env
        self._number = number
        self._limits = limits
        self._onward = onward
        self._turn: Due | None = None

    def room_in(self, visit: Visit) -> int:
        """Give in how many ns all limits have room for a visit, if nobody else comes."""
        return max([0, *(limit.room_from(visit.tokens) - int(self._env.now) for limit in self._limits)])

    def is_open(self, visit: Visit) -> bool:
        """Say whether a visit that comes now may pass at once."""
        return not self.line and self.room_in(visit) == 0

    def take(self, visit: Visit) -> None:
        """Let a visit take from all limits."""
        for limit in self._limits:
            limit.take(visit.tokens, int(self._env.now))
        self.line.charge(visit.lane, max([0, *(limit.cost_ns(visit.tokens) for limit in self._limits)]))

    def wait(self, visit: Visit) -> None:
        """Let a visit wait in line."""
        self.line.add(visit)
        if self.line.head() is visit:
            self._look()

    def leave(self, visit: Visit) -> None:
        """Let one who waits in line go away."""
        was_head = self.line.head() is visit
        self.line.remove(visit)
        if was_head:
            self._look()

    def _look(self) -> None:
        """See when the head of the line can pass, and let it have its turn then."""
        self._turn = None
        head = self.line.head()
        if head is not None:
            self._turn = turn = Due(self._env)
            turn.callbacks.append(self._take_turn)
            turn.schedule(self.room_in(head), order.turn(self._number))

    def _take_turn(self, turn: Event) -> None:
        """Let the head of the line pass if all limits have room, and look at who is the head now."""
        head = self.line.head()
        if turn is not self._turn or head is None:  # it was that of a head who is not the head any more
            return
        if self.room_in(head) == 0:
            self.line.remove(head)
            self.take(head)
            self._onward(head)
        self._look()


def lanes_of_stations(lanes: Lanes, itinerary: Itinerary) -> list[dict[int, Lane]]:
    """Give the lanes of each station, by number."""
    found: list[dict[int, Lane]] = [{} for _ in itinerary.servers]
    columns = (lanes.lane_rank, lanes.lane_stride, lanes.lane_most)
    for number, (station, *lane) in enumerate(
        zip(lanes.lane_station.tolist(), *(column.tolist() for column in columns), strict=True)
    ):
        found[station][number] = Lane(*lane)
    return found
