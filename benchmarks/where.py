"""Where the time of a replication goes: the program itself, with a stop-watch around its steps.

Time is charged to the innermost step: what a pattern's plan spends on uniforms counts as uniforms, not as planning.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import scipy.special

import sim
from sim.chance import Streams
from sim.engine.compiled import Compiled
from sim.experiment.replication import play_replication
from sim.experiment.scene import Scene
from sim.outcome.ledger import Ledger
from sim.routing.answers import Answers

UNIFORMS, SCORES, PROBABILITIES = "uniforms", "normal quantiles (ndtri)", "normal probabilities (ndtr)"
DRAWING, ANSWERS, PLAN, PLAY, ACCOUNT = "requests, the rest", "answers, the rest", "plan", "play", "account"

Step = tuple[str, str]
"""What is done, and for which pattern (none: for all)."""


@dataclass
class Watch:
    """CPU seconds of each step without those within it, and how many values the steps for all patterns gave."""

    seconds: dict[Step, float] = field(default_factory=lambda: defaultdict(float))
    values: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    legs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    total: float = 0.0
    _within: list[float] = field(default_factory=lambda: [0.0])

    @contextmanager
    def step(self, what: str, pattern: str = "") -> Iterator[None]:
        """Charge what the block takes to a step, without the steps within it."""
        self._within.append(0.0)
        begin = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - begin
            self.seconds[what, pattern] += spent - self._within.pop()
            self._within[-1] += spent

    def of(self, what: str) -> float:
        """CPU seconds of a step, for all patterns together."""
        return sum(seconds for (step, _), seconds in self.seconds.items() if step == what)


def watched(scene: Scene) -> Watch:
    """Play the first replication of a scene under the stop-watch, in one thread."""
    watch = Watch()
    with ExitStack() as stack:
        for owner, name, wrapped in _wrapped(watch, [pattern.name for pattern in scene.line_up.patterns]):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, wrapped)
        begin = time.process_time()
        play_replication(scene, 0, "compiled")
        watch.total = time.process_time() - begin
    return watch


def scene_of(experiment: sim.Experiment) -> Scene:
    """Give the scene of an experiment."""
    return Scene(experiment.spec, experiment.line_up, experiment.inputs())


def _wrapped(watch: Watch, patterns: list[str]) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield (owner, name, function under the watch) of every step."""
    for owner, name, what in (
        (Streams, "uniform", UNIFORMS),
        (scipy.special, "ndtri", SCORES),
        (scipy.special, "ndtr", PROBABILITIES),
        *((Answers, name, ANSWERS) for name, made in vars(Answers).items() if callable(made) and name[0] != "_"),
    ):
        yield owner, name, _shared(watch, getattr(owner, name), what)

    def chunks(original: Callable[..., Any], *arguments: Any, **names: Any) -> Iterator[Any]:
        coming = original(*arguments, **names)
        while True:
            with watch.step(DRAWING):
                chunk = next(coming, None)
            if chunk is None:
                return
            yield chunk

    def plan(original: Callable[..., Any], scene: Scene, pattern: Any, *arguments: Any) -> Any:
        with watch.step(PLAN, pattern.name):
            made = original(scene, pattern, *arguments)
        watch.legs[pattern.name] += made.itinerary.legs
        return made

    terms_of: dict[int, tuple[Any, str]] = {}  # the terms stay alive, so that their identity stays theirs
    engines: dict[int, str] = {}

    def terms(original: Callable[..., Any], scene: Scene, pattern: Any, *arguments: Any, **names: Any) -> Any:
        made = original(scene, pattern, *arguments, **names)
        terms_of[id(made)] = made, pattern.name
        return made

    def account(original: Callable[..., Any], ledger: Ledger, *arguments: Any) -> Any:
        with watch.step(ACCOUNT, terms_of[id(ledger.terms)][1]):
            return original(ledger, *arguments)

    def play(original: Callable[..., Any], engine: Compiled, *arguments: Any) -> Any:
        pattern = engines.setdefault(id(engine), patterns[min(len(engines), len(patterns) - 1)])
        with watch.step(PLAY, pattern):
            return original(engine, *arguments)

    for owner, name, around in (
        (Scene, "chunks", chunks),
        (Scene, "plan", plan),
        (Scene, "terms", terms),
        (Ledger, "add", account),
        (Ledger, "add_direct", account),
        (Compiled, "advance", play),
    ):
        yield owner, name, _around(getattr(owner, name), around)


def _shared(watch: Watch, original: Callable[..., Any], what: str) -> Callable[..., Any]:
    @wraps(original)
    def wrapped(*arguments: Any, **names: Any) -> Any:
        with watch.step(what):
            made = original(*arguments, **names)
        watch.values[what] += getattr(made, "size", 1)
        return made

    return wrapped


def _around(original: Callable[..., Any], around: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def wrapped(*arguments: Any, **names: Any) -> Any:
        return around(original, *arguments, **names)

    return wrapped
