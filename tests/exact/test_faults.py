"""Both engines against theory where models of one provider fail together: availability, brown-outs, stalls; from YAML.

Of five minutes a provider is down for a tenth and slow for a tenth. A request comes every second, half a second off the
edges of those times, so that what depends on them alone has no chance in it. Other values are held against theory as in
`test_conditions`: R = 40 replications, |t| <= 4.6.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

import sim
from sim.engine import ENGINES
from sim.experiment.simulate import Run

REPLICATIONS, LARGEST_T = 40, 4.6
DOWN, SLOW = 0.1, 0.1
ERRORS = {"one": 0.3, "twin": 0.2, "split": 0.3, "elsewhere": 0.1}
"""Error rates: `one` falls back on `twin` at the same provider, `split` on a model elsewhere."""
STALLS = 0.2

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


def _model(provider: str, **more: Any) -> dict[str, Any]:
    return {"provider": provider, "price": {"per_call_usd": 0.01}, "service": "100ms", **more}


def _failing(name: str, provider: str, *fallback: str) -> dict[str, Any]:
    faults = {"error_rate": ERRORS[name], "error_time": "1ms"}
    return _model(provider, faults=faults, client={"fallback": list(fallback)})


@cache
def played(engine: str) -> Run:
    """Play one pattern for each model that is asked first."""
    down = {"start": "1m", "length": "30s"}
    slow = {"start": "3m", "length": "30s", "slowdown": 3.0}
    stall = {"share": STALLS, "time": {"law": "exponential", "mean": "2s"}}
    asked = ("one", "split", "sound", "stalling")
    return sim.from_mapping(
        {
            "version": 1,
            "name": "faults",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 1, "first": "500ms"},
                "tasks": {"t": {"input_tokens": 10, "output_tokens": 1}},
            },
            "providers": {"host": {"faults": {"outages": [down], "brownouts": [slow]}}},
            "fleet": {
                "one": _failing("one", "host", "twin"),
                "twin": _failing("twin", "host"),
                "split": _failing("split", "host", "elsewhere"),
                "elsewhere": {key: value for key, value in _failing("elsewhere", "").items() if key != "provider"},
                "sound": _model("host"),
                "stalling": _model("host", service={"ttft": "100ms", "inter_token": "1ms", "stall": stall}),
            },
            "quality": {"acceptance": {"t": dict.fromkeys((*ERRORS, "sound", "stalling"), 0.9)}},
            "patterns": [{"name": f"ask-{name}", "kind": "single", "model": name} for name in asked],
            "baseline": "ask-sound",
            "run": {"duration": "5m", "replications": REPLICATIONS},
        }
    ).run(engine=engine, workers=1)


def means(engine: str, pattern: str, field: str, per: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Give one sum over another for each replication; times in seconds."""
    outcomes = played(engine).outcomes[f"ask-{pattern}"]
    scale = 1e9 if field.endswith("_ns") else 1.0
    below = [o.sum("count")[0] - (o.sum("failed")[0] if per == "answered" else 0) for o in outcomes]
    return np.array([o.sum(field)[0] / scale for o in outcomes]) / np.array(below)


@on_every_engine
@pytest.mark.parametrize(
    ("asked", "fallback"),
    [("one", "twin"), ("split", "elsewhere")],
)
def test_a_fallback_at_the_same_provider_is_no_help_while_it_is_down(engine: str, asked: str, fallback: str) -> None:
    """If both models are of one provider its outage is unanswered as a whole; elsewhere, where the other fails as well.

    Beside the outage both fail by their own chance, each on its own.
    """
    lost_in_outage = 1.0 if fallback == "twin" else ERRORS[fallback]
    expected = DOWN * lost_in_outage + (1 - DOWN) * ERRORS[asked] * ERRORS[fallback]
    seen = means(engine, asked, "failed", "request")
    t = (seen.mean() - expected) / (seen.std(ddof=1) / math.sqrt(REPLICATIONS))
    assert abs(t) <= LARGEST_T, f"{seen.mean():.4f} instead of {expected:.4f}: t {t:+.2f}"


@on_every_engine
def test_a_provider_that_is_down_or_slow_is_so_for_all_of_that_time(engine: str) -> None:
    """If a model never fails by itself, a tenth is unanswered, and of nine tenths one takes three times as long."""
    assert set(means(engine, "sound", "failed", "request")) == {DOWN}
    expected = 0.1 * (8 + 3) / 9
    assert means(engine, "sound", "latency_ns", "answered") == pytest.approx(expected, rel=1e-12)


@on_every_engine
def test_stalls_add_their_share(engine: str) -> None:
    """If one in five calls stalls for two seconds on average, a first token takes 0.4 s more; thrice when slow."""
    expected = (0.1 + STALLS * 2) * (8 + 3) / 9
    seen = means(engine, "stalling", "ttft_ns", "answered")
    t = (seen.mean() - expected) / (seen.std(ddof=1) / math.sqrt(REPLICATIONS))
    assert abs(t) <= LARGEST_T, f"{seen.mean():.4f} instead of {expected:.4f}: t {t:+.2f}"
