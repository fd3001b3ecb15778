"""One replication of every pattern, chunk by chunk: draw, plan, play, account. Memory does not grow with its length."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeAlias, TypeVar

import numpy as np

from sim.engine import ENGINES
from sim.engine.log import LegLog
from sim.experiment.scene import Scene
from sim.outcome.ledger import Ledger
from sim.outcome.outcomes import Outcome, RequestLog, Window
from sim.routing.answers import Answers
from sim.routing.patterns import Pattern
from sim.routing.plan import Plan
from sim.workload.requests import Requests

S = TypeVar("S")
T = TypeVar("T")

_KEPT_BYTES = 31 << 20

Watch: TypeAlias = Callable[[str, Plan, LegLog, Answers], None]
"""Is told what became of the requests of a plan, before they are accounted for: pattern, plan, log, answers."""


def play_replication(
    scene: Scene, replication: int, engine: str, threads: int = 1, report: Callable[[float], None] | None = None
) -> list[Outcome]:
    """Play one replication of every pattern; the outcomes stand in the order of the line-up.

    With several `threads` the plans of the next chunks are made while one is played; the outcomes are the same.
    `report` is called with the share of the replication that is done, after each chunk but the last.
    """
    play = Replication(scene, replication, engine, scene.line_up.patterns, threads)
    for _ in play.logs(report):
        pass  # request logs are let go of as they come
    return play.outcomes()


class Replication:
    """The patterns of one replication in play: all see the same requests, drawn once."""

    def __init__(
        self,
        scene: Scene,
        replication: int,
        engine: str,
        patterns: Sequence[Pattern],
        threads: int = 1,
        *,
        watch: Watch | None = None,
    ) -> None:
        _keep_freed_memory()
        self._scene = scene
        self._replication = replication
        self._planners = threads - 1
        self._window = window = scene.window(replication)
        self._plays = {pattern.name: _Play(scene, pattern, engine, window, watch) for pattern in patterns}
        for pattern in patterns:
            ends = pattern.baselines()
            direct = scene.line_up.direct[ends[-1]] if ends else pattern.name
            if direct != pattern.name and direct in self._plays:
                self._plays[direct].followers.append(self._plays[pattern.name])
                self._plays[pattern.name].compared = True

    def logs(self, report: Callable[[float], None] | None = None) -> Iterator[tuple[str, RequestLog]]:
        """Play to the end; yield (pattern, request log) of the measured requests, as they are accounted for.

        The logs of one pattern come in order of arrival. `report` is called with the share that is done, after each
        chunk but the last.
        """
        for answers, plans, until_ns in self._planned():
            for play, plan in zip(self._plays.values(), plans, strict=True):
                play.take(plan, answers)
            for name, play in self._plays.items():
                for log in play.advance(until_ns):
                    yield name, log
            if report is not None and until_ns is not None:
                report(min(until_ns / max(self._window.end_ns, 1), 1.0))

    def _planned(self) -> Iterator[tuple[Answers, list[Plan], int | None]]:
        """Yield, chunk by chunk, all answers, the plans of all patterns, and when the next chunk begins to arrive."""
        chunks = self._scene.chunks(self._replication)
        if not self._planners:
            yield from _until_next(map(self._plan, chunks))
            return
        with ThreadPoolExecutor(self._planners) as pool:
            yield from _until_next(_ahead(pool, self._plan, chunks, self._planners + 1))

    def _plan(self, requests: Requests) -> tuple[Answers, list[Plan]]:
        """Plan some requests for every pattern: a pure function of them, so chunks can be planned in any order."""
        answers = self._scene.answers(requests)
        return answers, [self._scene.plan(play.pattern, answers, self._window) for play in self._plays.values()]

    def outcomes(self) -> list[Outcome]:
        """Give the outcome of every pattern, after all has been played."""
        return [play.outcome() for play in self._plays.values()]


class _Play:
    """One pattern in play: its engine, the plans whose requests are under way, and its ledger."""

    def __init__(self, scene: Scene, pattern: Pattern, engine: str, window: Window, watch: Watch | None = None) -> None:
        self._scene = scene
        self._watch = watch
        self.pattern = pattern
        self._window = window
        self._engine = ENGINES[engine]()
        self._compiled = engine == "compiled"
        self._open: deque[tuple[Plan, Answers]] = deque()
        self._next: Plan | None = None
        self._ledger: Ledger | None = None
        self.followers: list[_Play] = []
        """Patterns whose escalated requests are compared with the same requests here."""
        self.compared = False
        self._own: deque[RequestLog] = deque()
        self._direct: deque[RequestLog] = deque()

    def take(self, plan: Plan, answers: Answers) -> None:
        """Take the plan of the next requests."""
        if self._ledger is None:
            terms = self._scene.terms(self.pattern, self._window, compared=self.compared)
            self._ledger = Ledger(terms, answers.requests, plan.routes, compiled=self._compiled)
        self._open.append((plan, answers))
        self._next = plan

    def advance(self, until_ns: int | None) -> Iterator[RequestLog]:
        """Play what was planned, up to the arrival of those who come next, and account for what is complete."""
        if self._next is None or self._ledger is None:
            raise ValueError("nothing was planned")
        for log in self._engine.advance(self._next.itinerary, until_ns):
            plan, answers = self._open.popleft()
            if self._watch is not None:
                self._watch(self.pattern.name, plan, log, answers)
            requests = self._ledger.add(plan, log, answers)
            for follower in self.followers:
                follower.compare(direct=requests)
            if self.compared:
                self.compare(own=requests)
            yield requests

    def compare(self, *, own: RequestLog | None = None, direct: RequestLog | None = None) -> None:
        """Take in what requests met here, or the same ones under the pattern that calls the last model at once.

        Whichever comes first waits for the other; only escalated requests that both patterns answered are compared.
        """
        self._own.extend([] if own is None else [own])
        self._direct.extend([] if direct is None else [direct])
        while self._own and self._direct and self._ledger is not None:
            mine, other = self._own.popleft(), self._direct.popleft()
            both = mine.escalated & ~mine.failed & ~other.failed
            self._ledger.add_direct(other.latency_ns, other.arrival_ns, both)

    def outcome(self) -> Outcome:
        """Give what the ledger has."""
        if self._ledger is None:
            raise ValueError("nothing was played")
        return self._ledger.close(self._engine.usage())


def _until_next(planned: Iterable[tuple[Answers, list[Plan]]]) -> Iterator[tuple[Answers, list[Plan], int | None]]:
    """Add to each chunk the first arrival of the one that follows it, None after the last."""
    before: tuple[Answers, list[Plan]] | None = None
    for answers, plans in planned:
        if before is not None:
            yield *before, int(answers.requests.arrival_ns[0])
        before = answers, plans
    if before is not None:
        yield *before, None


def _ahead(pool: Executor, function: Callable[[S], T], values: Iterable[S], most: int) -> Iterator[T]:
    """Yield the function's results in order, while the pool works on up to `most` that follow."""
    under_way: deque[Future[T]] = deque()
    for value in values:
        under_way.append(pool.submit(function, value))
        if len(under_way) > most:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


@functools.cache
def _keep_freed_memory() -> None:
    """Let the C library hold on to the memory of freed columns, once per process.

    The GNU allocator returns what lies at the end of its heap to the system when more than twice the largest freed
    block is unused there. With a column of half a megabyte that is after nearly every operation, and the next one waits
    for the system to hand out zeroed pages: ten times the cost of the operation itself. It learns from a large block
    (up to 32 MB) that is freed once. Elsewhere this does nothing.
    """
    block = np.empty(_KEPT_BYTES, dtype=np.uint8)
    del block
