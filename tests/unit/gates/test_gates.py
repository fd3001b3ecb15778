"""Gates: they count what production would see, and their scores are standard normal while nothing changes."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from sim.chance import Streams
from sim.gates.detectors.cusum import Cusum
from sim.gates.kinds import GATES, Gate, RateGate
from sim.gates.kinds.escalation import EscalationRate
from sim.gates.kinds.input_drift import LENGTH, MIX, InputDrift
from sim.gates.kinds.judge import Judge
from sim.gates.kinds.refusal import RefusalRate
from sim.gates.kinds.shadow import ShadowDisagreement
from sim.gates.kinds.thumbs import Thumbs
from sim.gates.power import critical_count, power
from sim.gates.seen import Seen
from sim.workload.calendar import Calendar
from sim.workload.requests import Inputs, Requests, draw_requests
from sim.workload.sources import Horizon
from sim.workload.workload import Workload

ALLOWED = 4.6
COUNT = 60_000


def drawn(seed: int = 1, count: int = COUNT) -> Requests:
    """Draw requests of two task classes."""
    lengths = {"input_tokens": {"p50": 400, "p95": 3000}, "output_tokens": {"p50": 100, "p95": 300}}
    workload = Workload.model_validate(
        {
            "arrivals": {"kind": "poisson", "rate_per_s": 10},
            "tasks": {"chat": lengths, "code": lengths},
            "mix": {"chat": 0.7, "code": 0.3},
        }
    )
    calendar = Calendar(dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    return next(draw_requests(workload, Streams(seed, 0), calendar, Horizon(requests=count), Inputs({}), size=None))


def seen(requests: Requests, quality: float = 0.9, refused: float = 0.02) -> Seen:
    """Let every second request be escalated, a share of the answers be acceptable, and a share be refusals."""
    rng = np.random.Generator(np.random.Philox(3))
    size = len(requests)
    return Seen(
        requests=requests,
        rows=np.arange(size, dtype=np.int64),
        routes=("cheap", "frontier"),
        route=np.arange(size, dtype=np.int64) % 2,
        tasks=requests.tasks,
        task=requests.task,
        escalated=np.arange(size) % 2 == 1,
        refused=rng.random(size) < refused,
        acceptable=rng.random(size) < quality,
        cheap_acceptable=rng.random(size) < 0.7,
        frontier_acceptable=rng.random(size) < 0.9,
    )


def share_is(bad: int, looked: int, expected: float) -> bool:
    """Say whether a share is what is expected, within 4.6 standard errors."""
    return abs(bad - looked * expected) < ALLOWED * math.sqrt(looked * expected * (1 - expected))


EXPECTED = {
    # judged bad: 10 % x sensitivity + 90 % x (1 - specificity)
    Judge(kind="judge", name="a", sample=0.2): (0.2, 0.1 * 0.85 + 0.9 * 0.05),
    Thumbs(kind="thumbs", name="b"): (0.9 * 0.01 + 0.1 * 0.03, (0.9 * 0.01 * 0.1 + 0.1 * 0.03 * 0.8) / 0.012),
    EscalationRate(kind="escalation", name="c"): (1.0, 0.5),
    RefusalRate(kind="refusal", name="d"): (1.0, 0.02),
    # one of both is acceptable: .7 x .1 + .3 x .9
    ShadowDisagreement(kind="shadow", name="e"): (0.02, 0.34 * 0.8 + 0.66 * 0.1),
}


@pytest.mark.parametrize("gate", EXPECTED, ids=lambda gate: gate.kind)
def test_a_gate_counts_what_it_says(gate: RateGate) -> None:
    """The shares looked at and found bad are those of its settings."""
    looked_at, bad = EXPECTED[gate]
    counts = gate.count(seen(drawn()))
    looked, found = counts.sum(axis=0)
    assert share_is(looked, COUNT, looked_at) or looked_at == 1.0 == looked / COUNT
    assert share_is(found, looked, bad)
    assert counts.shape == (len(gate.streams(("cheap", "frontier"))), gate.bins(()))


def test_counts_add_up_however_requests_are_cut() -> None:
    """Sampling and verdicts are functions of the request, not of the chunk it came in."""
    whole = seen(drawn(count=5_000))
    for gate in [*EXPECTED, InputDrift(kind="input_drift", name="f")]:
        parts = [_part(whole, slice(0, 1_234)), _part(whole, slice(1_234, None))]
        assert np.array_equal(sum(gate.count(part) for part in parts), gate.count(whole))


def _part(whole: Seen, rows: slice) -> Seen:
    names = ("rows", "route", "task", "escalated", "refused", "acceptable", "cheap_acceptable", "frontier_acceptable")
    columns = {name: getattr(whole, name)[rows] for name in names}
    return Seen(requests=whole.requests, routes=whole.routes, tasks=whole.tasks, **columns)


def test_the_judges_verdicts_give_back_the_quality() -> None:
    """Corrected for its mistakes, the judge's share is the true one within its error."""
    judge = Judge(kind="judge", name="a", sample=0.5, sensitivity=0.8, specificity=0.9)
    counts = judge.count(seen(drawn(), quality=0.85)).sum(axis=0)
    bad = 0.15 * 0.8 + 0.85 * 0.1
    error = math.sqrt(bad * (1 - bad) / counts[0]) / 0.7
    assert abs(float(judge.quality(counts)) - 0.85) < ALLOWED * error
    blind = Judge(kind="judge", name="a", sensitivity=0.5, specificity=0.5)
    assert math.isnan(float(blind.quality(counts)))


def test_scores_are_standard_normal_while_nothing_changes() -> None:
    """Counts of the law that the reference has give scores of mean 0 and variance 1; worse ones give larger scores."""
    rng = np.random.Generator(np.random.Philox(4))
    gate = Judge(kind="judge", name="a")
    looked = rng.integers(800, 1200, 20_000)
    counts = np.stack((looked, rng.binomial(looked, 0.12)), axis=1)
    reference = np.array([10_000_000, 1_200_000])
    scores = gate.scores(counts, reference)
    assert abs(scores.mean()) < ALLOWED / math.sqrt(len(scores))
    assert abs(scores.var() - 1) < ALLOWED * math.sqrt(2 / len(scores))
    worse = np.stack((looked, rng.binomial(looked, 0.15)), axis=1)
    assert gate.scores(worse, reference).mean() > 2


def test_input_drift_is_chi_square() -> None:
    """Two samples of one law score as a standard normal nearly does; a changed mix and changed lengths score high."""
    rng = np.random.Generator(np.random.Philox(5))
    gate, shares = InputDrift(kind="input_drift", name="f"), np.array([0.5, 0.3, 0.15, 0.04, 0.01])
    reference = rng.multinomial(40_000, shares)
    # the reference is a sample too: a new one for each score, so that scores are independent
    scores = np.array(
        [gate.scores(rng.multinomial(3_000, shares), rng.multinomial(40_000, shares)) for _ in range(4_000)]
    )
    assert abs(scores.mean()) < ALLOWED / math.sqrt(len(scores)) + 0.02  # what the cube root leaves (Wilson, Hilferty)
    assert abs(scores.std() - 1) < ALLOWED / math.sqrt(2 * len(scores)) + 0.02
    drifted = rng.multinomial(3_000, [0.45, 0.33, 0.17, 0.04, 0.01])
    assert gate.scores(drifted, reference) > 4
    assert gate.stability_index(reference, reference) == 0
    assert gate.stability_index(np.array([900, 100]), np.array([700, 300])) == pytest.approx(
        0.2 * math.log(900.5 * 300.5 / (700.5 * 100.5)), rel=2e-3
    )


def test_input_drift_counts_classes_and_doublings() -> None:
    """Every request is in one bin of each of its two distributions."""
    gate, some = InputDrift(kind="input_drift", name="f"), seen(drawn(count=4_000))
    counts = gate.count(some)
    assert gate.streams(some.routes) == (MIX, LENGTH)
    assert counts.sum(axis=1).tolist() == [4_000, 4_000]
    assert counts[0, : len(some.tasks)].tolist() == np.bincount(some.task).tolist()
    doublings = np.floor(np.log2(some.input_tokens)).astype(int) + 1
    assert counts[1].tolist() == np.bincount(doublings, minlength=counts.shape[1]).tolist()


@pytest.mark.parametrize("kind", sorted(GATES))
def test_nothing_seen_is_no_score(kind: str) -> None:
    """An epoch without requests leaves charts as they are, and so does a reference without any."""
    gate: Gate = GATES[kind](kind=kind, name="g", **({"sample": 0.1} if kind in {"judge", "shadow"} else {}))
    size = gate.bins(("chat", "code"))
    none, some = np.zeros(size, dtype=np.int64), np.full(size, 10)
    assert np.isnan(gate.scores(none, some))
    assert np.isnan(gate.scores(some, none))


def test_a_reference_without_bad_answers_still_shows_a_change() -> None:
    """Half an answer stands for none, so that scores stay finite."""
    gate = RefusalRate(kind="refusal", name="d")
    score = gate.scores(np.array([1_000, 30]), np.array([10_000, 0]))
    assert math.isfinite(score)
    assert score > 10


def test_a_cusum_looks_for_the_change_that_the_gate_is_to_find() -> None:
    """`find` becomes a shift in standard deviations of a score, in two digits, unless the detector says one."""
    gate = Judge(kind="judge", name="a", find=0.03)
    tuned = gate.chart_detector(np.array([28_000, 2_800]), epochs=28)
    assert isinstance(tuned, Cusum)
    assert tuned.shift == float(f"{0.03 * math.sqrt(1_000 / 0.09):.2g}")
    stated = Judge(kind="judge", name="a", find=0.03, detector=Cusum(kind="cusum", shift=0.5))
    assert stated.chart_detector(np.array([28_000, 2_800]), epochs=28) == stated.detector


def test_the_power_of_a_judged_sample_is_exact() -> None:
    """1,000 judged answers, 90 % down to 87 % acceptable, one-sided 5 %: power by binomial sums, and by simulation."""
    count, before, after = 1_000, 0.10, 0.13
    critical = critical_count(count, before, 0.05)

    def tail(share: float, least: int) -> float:
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(least, 300))

    assert tail(before, critical) <= 0.05 < tail(before, critical - 1)
    exact = power(count, before, after)
    assert exact == pytest.approx(tail(after, critical), rel=1e-9)
    rng = np.random.Generator(np.random.Philox(6))
    shown = (rng.binomial(count, after, 100_000) >= critical).mean()
    assert abs(shown - exact) < ALLOWED * math.sqrt(exact * (1 - exact) / 100_000)
    assert power(count, before, before) <= 0.05
