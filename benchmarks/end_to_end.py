"""End to end: from the YAML file to the metrics with their intervals, on both engines, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from timing import Turns, cpu, in_turn, ratios, short, spread, table

import sim
from sim.chance import Streams
from sim.engine import play
from sim.experiment.scene import Scene
from sim.outcome.ledger import Ledger

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "support-chat.yaml"
RATE_PER_S = 5.53
"""Of the workload of that experiment."""

_CHUNK = 65_536


@dataclass
class Draws:
    """Uniforms drawn, and CPU seconds spent on them."""

    count: int = 0
    seconds: float = 0.0


def overrides(requests: int, replications: int = 1) -> tuple[str, ...]:
    """Say how long a run of about this many requests lasts."""
    return (f"run.duration={round(requests / RATE_PER_S)}s", f"run.replications={replications}")


def answer(engine: str, changed: Sequence[str], workers: int = 1) -> sim.RunResult:
    """Do all that a user waits for: read, check, play, account and measure."""
    return sim.load(EXPERIMENT, changed).run(engine=engine, workers=workers).result


@contextmanager
def counted() -> Iterator[Draws]:
    """Count what is drawn within the block."""
    draws, original = Draws(), Streams.uniform

    def uniform(self: Streams, *args: Any, **names: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        begin = time.process_time()
        drawn = original(self, *args, **names)
        draws.seconds += time.process_time() - begin
        draws.count += len(drawn)
        return drawn

    Streams.uniform = uniform  # type: ignore[method-assign]
    try:
        yield draws
    finally:
        Streams.uniform = original  # type: ignore[method-assign]


def draw_only(count: int) -> float:
    """CPU seconds that NumPy takes for as many Philox uniforms and nothing else, in a buffer that fits the cache."""
    chance, buffer = np.random.Generator(np.random.Philox(1)), np.empty(_CHUNK)

    def work() -> None:
        for begin in range(0, count, _CHUNK):
            chance.random(out=buffer[: min(_CHUNK, count - begin)])

    return cpu(work)


def contest(requests: int, reference_requests: int, rounds: int) -> tuple[Turns, int]:
    """Let both engines and the draws alone take their turns; CPU ns per request, and uniforms per request."""
    changed, fewer = overrides(requests), overrides(reference_requests)
    with counted() as draws:
        answer("compiled", changed)

    def timed(work: Callable[[], object], per: int) -> Callable[[], float]:
        return lambda: 1e9 * cpu(work) / per

    turns = in_turn(
        {
            "compiled": timed(lambda: answer("compiled", changed), requests),
            "reference": timed(lambda: answer("reference", fewer), reference_requests),
            "compiled, as short": timed(lambda: answer("compiled", fewer), reference_requests),
            "draws alone": lambda: 1e9 * draw_only(draws.count) / requests,
        },
        rounds,
    )
    return turns, round(draws.count / requests)


@dataclass
class Steps:
    """CPU seconds of each step of one pattern, the uniforms drawn while planning, and its legs."""

    plan: float = 0.0
    play: float = 0.0
    account: float = 0.0
    uniforms: float = 0.0
    legs: int = 0


def where_it_goes(requests: int) -> tuple[list[list[str]], str]:
    """Give CPU ns per request of each step, for each pattern, and a remark on those that all patterns share."""
    experiment = sim.load(EXPERIMENT, overrides(requests))
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    window, patterns = scene.window(0), scene.line_up.patterns
    steps = {pattern.name: Steps() for pattern in patterns}
    ledgers: dict[str, Ledger] = {}
    drawing = uniform = 0.0
    asked = 0
    chunks = scene.chunks(0)
    with counted() as draws:
        while True:
            begin, draws.seconds = time.process_time(), 0.0
            chunk = next(chunks, None)
            drawing += time.process_time() - begin
            uniform += draws.seconds
            if chunk is None:
                break
            asked += len(chunk)
            answers = scene.answers(chunk)
            for pattern in patterns:
                step, draws.seconds = steps[pattern.name], 0.0
                times = [time.process_time()]
                plan = scene.plan(pattern, answers)
                times.append(time.process_time())
                log = play(plan.itinerary, "compiled")  # whole: what is under way at the end of a chunk ends there
                times.append(time.process_time())
                if pattern.name not in ledgers:
                    ledgers[pattern.name] = Ledger(scene.terms(pattern, window), chunk, plan.routes)
                ledgers[pattern.name].add(plan, log, answers)
                times.append(time.process_time())
                step.plan, step.play, step.account = (
                    spent + end - begin
                    for spent, begin, end in zip(
                        (step.plan, step.play, step.account), times[:-1], times[1:], strict=True
                    )
                )
                step.uniforms += draws.seconds
                step.legs += plan.itinerary.legs
    rows = [
        [name, f"{of.legs / asked:.2f}", *(short(1e9 * s / asked) for s in (of.plan, of.play, of.account, of.uniforms))]
        for name, of in steps.items()
    ]
    run = experiment.run(engine="compiled", workers=1)
    measuring = cpu(lambda: run.result)
    shared = (
        f"Once for all patterns: drawing the requests {short(1e9 * drawing / asked)} ns a request "
        f"({short(1e9 * uniform / asked)} of them uniforms). "
        f"Measuring: {short(measuring)} s for all {len(rows)} patterns, whatever the number of requests."
    )
    return rows, shared


def report(requests: int, reference_requests: int, rounds: int) -> str:
    """Measure; two tables."""
    turns, uniforms = contest(requests, reference_requests, rounds)
    patterns, shared = where_it_goes(requests)
    rows = [
        ["compiled", f"{requests:,}", spread(turns["compiled"]), ""],
        ["reference", f"{reference_requests:,}", spread(turns["reference"]), ""],
        ["reference by compiled", "as above", "", spread(ratios(turns["reference"], turns["compiled"]), "x")],
        [
            "reference by compiled, same size",
            f"{reference_requests:,}",
            "",
            spread(ratios(turns["reference"], turns["compiled, as short"]), "x"),
        ],
        [f"{uniforms} uniforms alone (NumPy Philox)", f"{requests:,}", spread(turns["draws alone"]), ""],
        [
            "compiled by uniforms alone",
            f"{requests:,}",
            "",
            spread(ratios(turns["compiled"], turns["draws alone"]), "x"),
        ],
    ]
    first = table((f"`{EXPERIMENT.stem}`, {len(patterns)} patterns", "requests", "ns a request", "ratio"), rows)
    second = table(("pattern", "legs a request", "plan", "play", "account", "uniforms, within plan"), patterns)
    return f"{first}\n\nWhere the time goes, CPU ns a request, compiled:\n\n{second}\n\n{shared}"
