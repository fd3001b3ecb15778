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
from sim.experiment.simulate import Run, Scene
from sim.outcome.metrics import sections_for
from sim.outcome.outcomes import outcome_of

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


def where_it_goes(requests: int) -> tuple[list[list[str]], str]:
    """Give CPU ns per request of each step, for each pattern, and a remark on those that all patterns share."""
    experiment = sim.load(EXPERIMENT, overrides(requests))
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    sections = sections_for(scene.spec.run.replications)
    rows, outcomes = [], {}
    with counted() as draws:
        drawn: list[Any] = []
        drawing = cpu(lambda: drawn.append(scene.requests(0)))
        (asked,) = drawn
        uniform = draws.seconds
        answers, window = scene.answers(asked), scene.window(asked)
        for pattern in scene.line_up.patterns:
            draws.seconds, steps, found = 0.0, [], []

            def step(work: Callable[[], Any], steps: list[float] = steps, found: list[Any] = found) -> Any:
                steps.append(cpu(lambda: found.append(work())))
                return found[-1]

            plan = step(lambda pattern=pattern: scene.plan(pattern, answers))
            log = step(lambda plan=plan: play(plan.itinerary, "compiled"))
            outcomes[pattern.name] = [
                step(
                    lambda plan=plan, log=log, pattern=pattern: outcome_of(
                        plan,
                        log,
                        answers,
                        fleet=scene.spec.fleet,
                        kept=pattern.all_models(),
                        window=window,
                        sections=sections,
                    )
                )
            ]
            times = [1e9 * seconds / len(asked) for seconds in (*steps, draws.seconds)]
            rows.append([pattern.name, f"{plan.itinerary.legs / len(asked):.2f}", *map(short, times)])
    run = Run(experiment, scene, "compiled", outcomes)
    measuring = cpu(lambda: run.result)
    shared = (
        f"Once for all patterns: drawing the requests {short(1e9 * drawing / len(asked))} ns a request "
        f"({short(1e9 * uniform / len(asked))} of them uniforms). "
        f"Measuring: {short(1e9 * measuring / len(asked))} ns a request for all {len(rows)} patterns."
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
