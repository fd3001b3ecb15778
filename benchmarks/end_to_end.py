"""End to end: from the YAML file to the metrics with their intervals, on both engines, and where the time goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri
from timing import Turns, cpu, in_turn, ratios, short, spread, table
from where import (
    ACCOUNT,
    ANSWERS,
    DRAWING,
    PLAN,
    PLAY,
    PROBABILITIES,
    SCORES,
    UNIFORMS,
    Watch,
    scene_of,
    watched,
)

import sim

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "support-chat.yaml"
RATE_PER_S = 5.53
"""Of the workload of that experiment."""

_CHUNK = 65_536
_WARM = 100_000
"""Requests of a run before anything is timed: it loads the loop and lets the process keep freed memory."""

ALONE, SCORED = "uniforms alone", "uniforms and normal scores alone"


def overrides(requests: int, replications: int = 1) -> tuple[str, ...]:
    """Say how long a run of about this many requests lasts."""
    return (f"run.duration={round(requests / RATE_PER_S)}s", f"run.replications={replications}")


def answer(engine: str, changed: Sequence[str], workers: int | None = 1) -> sim.RunResult:
    """Do all that a user waits for: read, check, play, account and measure."""
    return sim.load(EXPERIMENT, changed).run(engine=engine, workers=workers).result


def draw_only(uniforms: int, scores: int = 0, probabilities: int = 0) -> float:
    """CPU seconds of as many Philox uniforms and nothing else, in buffers that fit the cache.

    If asked, `scores` of them are turned into normal quantiles, and `probabilities` quantiles back into probabilities.
    """
    chance, uniform, score = np.random.Generator(np.random.Philox(1)), np.empty(_CHUNK), np.empty(_CHUNK)

    def work() -> None:
        turned = returned = 0
        for begin in range(0, uniforms, _CHUNK):
            size = min(_CHUNK, uniforms - begin)
            chance.random(out=uniform[:size])
            if turned < scores:
                size = min(size, scores - turned)
                ndtri(uniform[:size], out=score[:size])
                turned += size
                if returned < probabilities:
                    size = min(size, probabilities - returned)
                    ndtr(score[:size], out=score[:size])
                    returned += size

    return cpu(work)


def contest(requests: int, reference_requests: int, rounds: int, watch: Watch) -> Turns:
    """Let both engines and the draws alone take their turns; CPU ns per request, a value per round."""
    changed, fewer = overrides(requests), overrides(reference_requests)
    counts = [watch.values[name] for name in (UNIFORMS, SCORES, PROBABILITIES)]

    def timed(work: Callable[[], object], per: int) -> Callable[[], float]:
        return lambda: 1e9 * cpu(work) / per

    return in_turn(
        {
            "compiled": timed(lambda: answer("compiled", changed), requests),
            "reference": timed(lambda: answer("reference", fewer), reference_requests),
            "compiled, as short": timed(lambda: answer("compiled", fewer), reference_requests),
            ALONE: lambda: 1e9 * draw_only(counts[0]) / requests,
            SCORED: lambda: 1e9 * draw_only(*counts) / requests,
        },
        rounds,
    )


def where_it_goes(requests: int) -> tuple[Watch, float]:
    """Play under the stop-watch; give it, and the CPU seconds of measuring, which come after."""
    answer("compiled", overrides(_WARM))
    experiment = sim.load(EXPERIMENT, overrides(requests))
    watch = watched(scene_of(experiment))
    run = sim.load(EXPERIMENT, overrides(min(requests, 1_000_000))).run(engine="compiled", workers=1)
    return watch, cpu(lambda: run.result)


def _steps(watch: Watch, measuring: float, requests: int) -> str:
    """Write a row per kind of work, and one per pattern."""
    kinds = {name: watch.of(name) for name in (UNIFORMS, SCORES, PROBABILITIES, DRAWING, ANSWERS, PLAN, PLAY, ACCOUNT)}
    kinds["else, within the replication"] = watch.total - sum(kinds.values())
    kinds["measuring"] = measuring
    whole = sum(kinds.values())
    rows = [
        [
            name,
            f"{watch.values[name] / requests:.1f}" if name in (UNIFORMS, SCORES, PROBABILITIES) else "",
            short(1e9 * seconds / requests),
            f"{100 * seconds / whole:.1f} %",
        ]
        for name, seconds in kinds.items()
    ]
    rows.append(["all", "", short(1e9 * whole / requests), "100 %"])
    first = table(("work", "values a request", "ns a request", "share"), rows)
    patterns = [
        [
            name,
            f"{legs / requests:.2f}",
            *(short(1e9 * watch.seconds[what, name] / requests) for what in (PLAN, PLAY, ACCOUNT)),
        ]
        for name, legs in watch.legs.items()
    ]
    second = table(("pattern", "legs a request", "plan", "play", "account"), patterns)
    return f"{first}\n\nBy pattern:\n\n{second}\n\nMeasuring takes {short(measuring)} s, however long the run is."


def report(requests: int, reference_requests: int, rounds: int) -> str:
    """Measure; three tables."""
    watch, measuring = where_it_goes(requests)
    turns = contest(requests, reference_requests, rounds, watch)
    each = {name: watch.values[name] / requests for name in (UNIFORMS, SCORES, PROBABILITIES)}
    compiled = turns["compiled"]
    rows = [
        ["compiled", f"{requests:,}", spread(compiled), ""],
        ["reference", f"{reference_requests:,}", spread(turns["reference"]), ""],
        ["reference by compiled", "as above", "", spread(ratios(turns["reference"], compiled), "x")],
        [
            "reference by compiled, same size",
            f"{reference_requests:,}",
            "",
            spread(ratios(turns["reference"], turns["compiled, as short"]), "x"),
        ],
        [f"{each[UNIFORMS]:.0f} uniforms alone (NumPy Philox)", f"{requests:,}", spread(turns[ALONE]), ""],
        ["compiled by uniforms alone", f"{requests:,}", "", spread(ratios(compiled, turns[ALONE]), "x")],
        [
            f"the same, {each[SCORES]:.0f} turned into normal scores, {each[PROBABILITIES]:.0f} of these back (SciPy)",
            f"{requests:,}",
            spread(turns[SCORED]),
            "",
        ],
        ["compiled by these", f"{requests:,}", "", spread(ratios(compiled, turns[SCORED]), "x")],
    ]
    first = table((f"`{EXPERIMENT.stem}`, {len(watch.legs)} patterns", "requests", "ns a request", "ratio"), rows)
    return f"{first}\n\nWhere the time goes, CPU ns a request, compiled:\n\n{_steps(watch, measuring, requests)}"
