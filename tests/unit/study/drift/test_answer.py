"""What `tiercast drift` answers: months with intervals, when gates noticed, at what cost, and how often for nothing."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from months import months

from sim.experiment.ahead import Ahead
from sim.experiment.resolve import Experiment
from sim.outcome.exact import binomial_bounds, poisson_bounds
from sim.report.drift import drift_json, in_words, writer_for_drift
from sim.study.drift.answer import DriftAnswer, drift
from sim.study.drift.forward import forward
from sim.study.drift.noticed import onset
from sim.study.drift.play import Play
from sim.study.drift.replays import replayed

GATES = [
    {"name": "judge", "kind": "judge", "sample": "100%", "usd_per_answer": 0.01, "reference": "2w", "find": "10%"},
    {"name": "line", "kind": "escalation", "limit": "90%"},
]
JUMP = {"quality.acceptance.chat.small": {"kind": "jump", "at": "2026-02-01", "by": -0.3}}


def jumping() -> Experiment:
    """Give months in which the cheap model gets worse from one day to the next."""
    return months(gates=GATES, drift={"changes": JUMP})


@pytest.fixture(scope="module")
def answer() -> DriftAnswer:
    """Play them."""
    return drift(jumping(), workers=1, engine="reference")


def test_months_add_up_to_the_whole(answer: DriftAnswer) -> None:
    """If the months of a play are added up, requests and spend are those of the whole."""
    for one in answer.played:
        whole, *parts = one.stretches
        for name in ("requests", "spend"):
            total = math.fsum(part.estimates[name].value for part in parts)
            assert total == pytest.approx(whole.estimates[name].value, rel=1e-12)


def test_quality_falls_when_it_falls(answer: DriftAnswer) -> None:
    """If the cheap model gets worse in February, so do both patterns then, and the control does not."""
    by_play = {one.play: [part.estimates["accepted"] for part in one.stretches[1:]] for one in answer.played}
    january, february = by_play[Play("cascade")]
    assert february.upper is not None
    assert february.upper < january.value
    before, after = by_play[Play("cascade", still=True)]
    assert before.lower is not None
    assert abs(after.value - before.value) < 0.02


def test_a_gate_that_looks_notices_and_a_line_far_away_does_not(answer: DriftAnswer) -> None:
    """If all answers are judged, a fall by 30 points is noticed in days; a line that is never reached says nothing."""
    found = {(gate.gate, gate.pattern): gate for gate in answer.gates}
    judge = found["judge", "cascade"]
    assert judge.silent.value == 0
    assert judge.delay_days[0] is not None
    assert 2 <= judge.delay_days[0] <= 6
    assert judge.bad_before is not None
    assert judge.bad_before.value > 0
    line = found["line", "cascade"]
    assert line.silent.value == 1
    assert line.delay_days == (None, None, None)
    assert line.allowed is None
    assert ("line", "pre-route") not in found  # it has no escalations to see


def test_what_a_judge_costs_is_what_it_looks_at(answer: DriftAnswer) -> None:
    """If every answer is judged at a cent, a month costs a cent for each of its answers."""
    judge = next(gate for gate in answer.gates if (gate.gate, gate.pattern) == ("judge", "cascade"))
    cascade = next(one for one in answer.played if one.play == Play("cascade"))
    assert judge.cost.value == pytest.approx(cascade.stretches[0].estimates["requests"].value * 0.01 / 2, rel=1e-9)


def test_the_days_hold_the_truth_beside_what_gates_saw(answer: DriftAnswer) -> None:
    """If everything is judged, the share called bad is the truth seen through the judge's mistakes, day by day."""
    days = [row for row in answer.days if (row["pattern"], row["play"]) == ("pre-route", "moving")]
    assert len(days) == 59
    truth = np.array([row["accepted"] for row in days])
    expected = 0.05 * truth + 0.85 * (1 - truth)
    routes = [name for name in days[0] if name.startswith("judge/")]
    assert len(routes) == 2
    cascade = [row for row in answer.days if (row["pattern"], row["play"]) == ("cascade", "moving")]
    assert {name for name in cascade[0] if name.startswith("line/")} == {"line/all"}
    low = np.array([min(row[name] for name in routes) for row in days])
    high = np.array([max(row[name] for name in routes) for row in days])
    assert (low < expected + 0.03).all()
    assert (high > expected - 0.03).all()


def test_the_control_is_watched_for_false_alarms() -> None:
    """If nothing moves, false alarms are counted per six months with Poisson's interval; the onset is the start."""
    ahead = Ahead(months(gates=GATES))
    assert onset(ahead) == 0
    assert onset(Ahead(jumping())) == 31
    low, high = poisson_bounds(0, 0.95)
    assert (low, high) == (0.0, pytest.approx(-math.log(0.025)))
    low, high = binomial_bounds(0, 10, 0.95)
    assert (low, high) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert binomial_bounds(10, 10, 0.95)[0] == pytest.approx(0.025**0.1)


def test_counts_that_are_replayed_give_the_same_alarms() -> None:
    """If a gate was alone when months were played, replaying what it counted gives the alarms it had."""
    experiment = months(gates=GATES[:1], drift={"changes": JUMP})
    ahead, play = Ahead(experiment), Play("pre-route")
    (first, _) = forward(experiment, [play], "reference", 1)
    record = first[play]
    assert record.alarms
    counts = {name: some for (_, name), some in record.counts.items()}
    assert replayed(ahead, experiment.spec.gates[0], counts) == list(record.alarms)
    assert record.replays["judge", 1.0] == record.alarms


def test_any_number_of_workers_gives_the_same_bytes(answer: DriftAnswer) -> None:
    """If replications are played in two processes, on the compiled engine, the JSON is the same but for the engine."""
    other = drift(jumping(), workers=2, engine="compiled")
    assert drift_json(dataclasses.replace(other, engine=answer.engine)) == drift_json(answer)


def test_sentences_and_files_say_what_was_found(answer: DriftAnswer) -> None:
    """If there is an answer, its sentences name patterns and gates, and every format is written without a NaN."""
    words = in_words(answer)
    assert any(line.startswith("cascade: from the first month to the last accepted answers go from") for line in words)
    assert any(line.startswith("judge over cascade notices after") for line in words)
    assert "line over cascade never notices anything." in words

    for name in ("a.json", "a.csv", "a.md"):
        text = writer_for_drift(Path(name))(answer).decode()
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)
