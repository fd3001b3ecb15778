"""Why two months differ: planted causes are found again, in parts that add up."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from months import SMALL, months

from sim.errors import InvalidInput
from sim.experiment.ahead import Ahead
from sim.report.diagnosis import diagnosis_json, in_words
from sim.study.drift.diagnose import Diagnosis, causes_of, diagnose, shapley

MIX, DIFFICULTY, THRESHOLD = "task mix", "difficulty", "thresholds and rules"
PLACES = {
    MIX: "workload.mix.math",
    DIFFICULTY: "workload.tasks.chat.difficulty_shift",
    THRESHOLD: "patterns.cascade.escalate_when.confidence_below",
}
PLANTED = (
    {MIX: 0.5, DIFFICULTY: 0.4, THRESHOLD: 0.8},
    {THRESHOLD: 0.6, MIX: 0.1, DIFFICULTY: -0.5},
)
"""What each number jumps to; the second one is permuted, of other sizes and partly in other directions."""
REPLICATIONS = 4
WEEKS = "7d"
"""Length of an epoch: nothing moves within a month, so days would take longer and show no more."""


def diagnosed(sizes: Mapping[str, float]) -> Diagnosis:
    """Plant the causes in February, and explain what has changed since January."""
    changes = {PLACES[cause]: {"kind": "jump", "at": "2026-02-01", "to": to} for cause, to in sizes.items()}
    run = {"duration": "1h", "replications": REPLICATIONS, "start": "2026-01-01"}
    ahead = months(run=run, drift={"changes": changes, "epoch": WEEKS})
    return diagnose(ahead, (1, 2), workers=1, engine="compiled")


def planted(sizes: Mapping[str, float]) -> dict[str, list[float]]:
    """Give each cause's part of the escalation rate from plain runs with another seed, one value per replication."""
    rates: dict[frozenset[str], list[float]] = {}
    for size in range(len(sizes) + 1):
        for moved in itertools.combinations(sizes, size):
            settings = [f"{PLACES[cause]}={sizes[cause]}" for cause in moved if cause != MIX]
            if MIX in moved:
                settings.append(f"workload.mix={{chat: {1 - sizes[MIX]}, math: {sizes[MIX]}}}")
            run = {"requests": 8_000, "replications": REPLICATIONS}
            experiment = months(run=run, seed=99).set(*settings)
            outcomes = experiment.run(workers=1, engine="compiled").outcomes["cascade"]
            rates[frozenset(moved)] = [100 * sum(one.sum("escalated")) / one.requests for one in outcomes]
    by_replication = [
        shapley({some: values[number] for some, values in rates.items()}, list(sizes)) for number in range(REPLICATIONS)
    ]
    return {cause: [parts[cause] for parts in by_replication] for cause in sizes}


def spread(values: Sequence[float]) -> float:
    """Give the standard error of a mean."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def test_parts_of_known_values_are_the_mean_over_orders() -> None:
    """If two causes add 1 and 2 and 4 more together, they share what they add together, and the sum is exact."""
    values = {frozenset[str](): 10.0, frozenset("a"): 11.0, frozenset("b"): 12.0, frozenset("ab"): 17.0}
    assert shapley(values, ["a", "b"]) == {"a": 3.0, "b": 4.0}


@pytest.mark.parametrize("sizes", PLANTED)
def test_planted_causes_are_recovered(sizes: Mapping[str, float]) -> None:
    """If three causes of known size are planted, each part is that of plain runs of all combinations, within chance."""
    found, expected = diagnosed(sizes), planted(sizes)
    escalated = next(one for one in found.explained if (one.pattern, one.metric) == ("cascade", "escalated"))
    assert {part.cause for part in escalated.parts} == set(sizes)
    assert math.fsum(part.adds.value for part in escalated.parts) == pytest.approx(escalated.change.value, abs=1e-9)
    for part in escalated.parts:
        assert part.adds.lower is not None
        error = (part.adds.value - part.adds.lower) / 3.182  # Student's t with three degrees of freedom
        apart = part.adds.value - float(np.mean(expected[part.cause]))
        # seven degrees of freedom or fewer, so that 4.6 standard errors of a normal law are some 9
        assert abs(apart) <= 9 * math.hypot(error, spread(expected[part.cause]))
        assert abs(part.adds.value) > 0.5
    # what concerns the cascade alone adds exactly nothing to the other pattern
    cost = next(one for one in found.explained if (one.pattern, one.metric) == ("pre-route", "cost_per_1k"))
    assert next(part for part in cost.parts if part.cause == THRESHOLD).adds.value == 0
    assert any(line.startswith("cascade: the escalation rate goes from") for line in in_words(found))
    assert b"NaN" not in diagnosis_json(found)


def test_every_number_belongs_to_a_cause() -> None:
    """If numbers of all kinds move, each is one of the causes that people look for."""
    moving = {
        "workload.mix.math": "task mix",
        "workload.arrivals.rate_per_s": "volume",
        "workload.tasks.chat.difficulty_shift": "difficulty",
        "workload.tasks.chat.output_factor": "lengths",
        "quality.acceptance.chat.small": "models",
        "quality.confidence.small.auroc": "confidence calibration",
        "signals.task.accuracy": "classifier and signals",
        "patterns.cascade.escalate_when.confidence_below": "thresholds and rules",
        "fleet.small.price.output_mtok": "prices",
        "fleet.small.capacity.concurrency": "capacity",
    }
    fleet = {name: {**model, "capacity": {"concurrency": 50}} for name, model in SMALL["fleet"].items()}
    changes = {
        name: {"kind": "jump", "at": "2026-02-01", "by": 1 if "concurrency" in name else 0.001} for name in moving
    }
    found = causes_of(Ahead(months(fleet=fleet, drift={"changes": changes})))
    assert {name: cause for cause, names in found.items() for name in names} == moving


def test_what_capacity_adds_is_told_apart_from_volume() -> None:
    """If servers are lost while volume grows, both make the P95 worse, capacity touches no answer, and parts add up."""
    fleet = copy.deepcopy(SMALL["fleet"])
    fleet["small"] |= {"capacity": {"concurrency": 4}, "service": "240s"}
    changes = {
        "fleet.small.capacity.concurrency": {"kind": "jump", "at": "2026-02-01", "by": -1},
        "workload.arrivals.rate_per_s": {"kind": "jump", "at": "2026-02-01", "times": 1.3},
    }
    workload = {**SMALL["workload"], "arrivals": {"kind": "poisson", "rate_per_s": 0.005}}
    experiment = months(fleet=fleet, workload=workload, drift={"changes": changes, "months": 2, "epoch": WEEKS})
    found = diagnose(experiment, (1, 2), workers=1, engine="reference")
    (p95,) = [one for one in found.explained if (one.pattern, one.metric) == ("cascade", "latency_p95")]
    (accepted,) = [one for one in found.explained if (one.pattern, one.metric) == ("cascade", "accepted")]
    by_cause = {part.cause: part.adds.value for part in p95.parts}
    assert set(by_cause) == {"capacity", "volume"}
    assert min(by_cause.values()) > 0
    assert sum(by_cause.values()) == pytest.approx(p95.after.value - p95.before.value)
    assert {part.cause: part.adds.value for part in accepted.parts}["capacity"] == 0


@pytest.mark.parametrize(
    ("drift", "between", "wanted"),
    [
        ({"preset": "base", "hard": ["math"]}, (1, 3), "1..3 are no two of the months ahead"),
        ({"preset": "base", "hard": ["math"]}, (2, 2), "2..2 are no two of the months ahead"),
        ({}, (1, 2), "nothing moves"),
    ],
)
def test_months_that_are_not_there_are_refused(drift: dict[str, Any], between: tuple[int, int], wanted: str) -> None:
    """If there are no such months, or nothing has moved, that is said."""
    with pytest.raises(InvalidInput, match=wanted.replace(".", r"\.")):
        diagnose(months(drift=drift), between)
