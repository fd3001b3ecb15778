"""Metrics with intervals: named, with units, finite, paired with their baseline."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

import sim
from sim.experiment.simulate import Run
from sim.outcome.catalogue import metric_of
from sim.outcome.estimates import Estimate
from sim.outcome.metrics import sections_for

FLEET: dict[str, Any] = {
    "small": {
        "tier": "cheap",
        "price": {"input_mtok": 0.2, "output_mtok": 0.8},
        "service": {"ttft": {"p50": "300ms", "p95": "600ms"}, "inter_token": "10ms"},
        "capacity": {"concurrency": 12},
    },
    "large": {
        "tier": "frontier",
        "price": {"input_mtok": 2.5, "output_mtok": 10.0},
        "service": {"ttft": {"p50": "400ms", "p95": "700ms"}, "inter_token": "15ms"},
    },
}
TASK = {"input_tokens": {"p50": 800, "p95": 3000}, "output_tokens": {"p50": 60, "p95": 200}}
EXPERIMENT: dict[str, Any] = {
    "version": 1,
    "name": "metrics",
    "seed": 11,
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 5.0},
        "segments": {"a": {"share": "40%"}, "b": {"share": "60%"}},
        "tasks": {"easy": TASK, "hard": TASK},
        "mix": {"easy": "70%", "hard": "30%"},
    },
    "fleet": FLEET,
    "quality": {
        "acceptance": {"easy": {"small": 0.9, "large": 0.95}, "hard": {"small": 0.6, "large": 0.9}},
        "refusal": {"small": {"acceptable": "1%", "unacceptable": "10%"}},
    },
    "signals": {"kind": {"kind": "task_class", "accuracy": "85%", "time": "15ms", "usd_per_call": 0.00001}},
    "patterns": [
        {
            "name": "cascade",
            "kind": "cascade",
            "ladder": ["small", "large"],
            "verify": {"time": "60ms", "usd_per_call": 0.00001},
            "escalate_when": {"lowest": "20%", "refusal": True},
        },
        {
            "name": "routed",
            "kind": "pre_route",
            "rules": [{"when": {"kind": ["hard"]}, "to": "large"}],
            "otherwise": "small",
        },
        {
            "name": "both",
            "kind": "ensemble",
            "models": ["small", "large"],
            "sample": "20%",
            "reward_model": {"accuracy": "90%", "time": "100ms", "usd_per_call": 0.0001},
        },
    ],
    "run": {"duration": "60s", "warm_up": "5s", "replications": 4, "goals": {"latency": "3s"}},
}


@functools.cache
def run(replications: int = 4) -> Run:
    """Run the experiment once per number of replications."""
    return sim.from_mapping(EXPERIMENT).run(workers=1, replications=replications)


def estimates(pattern: str, replications: int = 4) -> Mapping[str, Estimate]:
    """Give the estimates of a pattern."""
    return run(replications).result.patterns[pattern].estimates


def changed(**changes: Any) -> Run:
    """Run the experiment with some sections replaced."""
    return sim.from_mapping({**EXPERIMENT, **changes}).run(workers=1)


def everything(replications: int) -> list[tuple[str, str, Estimate]]:
    """List (pattern, metric, estimate) of all patterns."""
    found = run(replications).result.patterns.values()
    return [(one.name, metric, number) for one in found for metric, number in one.estimates.items()]


@pytest.mark.parametrize("replications", [1, 4])
def test_every_metric_is_in_the_catalogue_with_its_unit(replications: int) -> None:
    """If a metric is produced, the catalogue has it and its unit is that of the catalogue."""
    assert {number.unit == metric_of(metric).unit for _, metric, number in everything(replications)} == {True}
    for pattern in run(replications).result.patterns.values():
        assert all(metric_of(metric) for metric in pattern.absent)


@pytest.mark.parametrize("replications", [1, 4])
def test_every_number_is_finite_and_inside_its_interval(replications: int) -> None:
    """If a metric has bounds, they hold its value between them, and no number is NaN or infinite."""
    for pattern, metric, number in everything(replications):
        assert math.isfinite(number.value), (pattern, metric)
        if number.lower is None or number.upper is None:
            assert replications == 1
            assert number.lower is number.upper
            assert number.few_data
        else:
            assert math.isfinite(number.lower), (pattern, metric)
            assert number.lower <= number.value <= number.upper, (pattern, metric)


def test_with_replications_every_metric_has_an_interval() -> None:
    """If there are several replications, no interval is missing."""
    assert [metric for _, metric, number in everything(4) if number.lower is None] == []


def test_a_single_replication_is_cut_into_sections() -> None:
    """If there is one replication, means, quantiles, costs and savings still have intervals, from ten sections."""
    assert (sections_for(1), sections_for(2)) == (10, 1)
    for metric in ("latency.mean", "latency.p50", "cost.per_1k", "cost.saving", "quality.loss", "escalation.rate"):
        assert estimates("cascade", 1)[metric].lower is not None
        assert estimates("cascade", 1)[metric].lower != estimates("cascade", 1)[metric].upper


@pytest.mark.parametrize("pattern", ["cascade", "routed", "both", "cheap-only"])
def test_savings_and_losses_name_their_baseline(pattern: str) -> None:
    """If a metric is a difference or a ratio, it names what it is taken against; others name nothing."""
    for metric, number in estimates(pattern).items():
        if metric.startswith(("cost.saving", "quality.loss")):
            assert number.baseline == "frontier-only"
        elif metric == "quality.gap_recovered":
            assert number.baseline == "cheap-only to frontier-only"
        elif metric == "latency.p50_ratio":
            assert number.baseline == "cheap-only"
        elif metric in {"latency.escalated.p50_ratio", "latency.p95_ratio"}:
            assert number.baseline == "frontier-only"
        else:
            assert number.baseline == ""


def test_the_baseline_has_no_saving_against_itself() -> None:
    """If a pattern is the baseline, nothing is taken against itself."""
    own = [metric for metric in estimates("frontier-only") if "saving" in metric or "loss" in metric]
    assert own == []


def test_values_are_what_the_request_log_says() -> None:
    """If one computes a metric from the request log with pandas, it is the reported value."""
    log, base = run().requests("cascade"), run().requests("frontier-only")
    window_s = run().result.window_s
    expected = {
        "latency.mean": log["latency_ns"].mean() / 1e9,
        "latency.p95": log["latency_ns"].quantile(0.95, interpolation="higher") / 1e9,
        "ttft.segment.a.p50": log[log.segment == "a"]["ttft_ns"].quantile(0.5, interpolation="lower") / 1e9,
        "wait.mean": log["wait_ns"].mean() / 1e9,
        "cost.per_1k": log["cost_nano_usd"].mean() / 1e9 * 1000,
        "cost.total": log["cost_nano_usd"].sum() / 4 / 1e9,
        "cost.per_30d": log["cost_nano_usd"].sum() / 1e9 / (4 * window_s) * 30 * 86_400,
        "cost.saving": 1 - log["cost_nano_usd"].sum() / base["cost_nano_usd"].sum(),
        "quality.acceptance": log["acceptable"].mean(),
        "quality.acceptance.task.hard": log[log.task == "hard"]["acceptable"].mean(),
        "quality.loss": 100 * (base["acceptable"].mean() - log["acceptable"].mean()),
        "escalation.rate": log["escalated"].mean(),
        "escalation.rate.segment.b": log[log.segment == "b"]["escalated"].mean(),
        "route.small>large.share": (log["route"] == "small>large").mean(),
        "refusal.rate": log["refused"].mean(),
        "goodput": (log["acceptable"] & (log["latency_ns"] <= 3e9)).sum() / (4 * window_s),
        "arrival.rate": len(log) / (4 * window_s),
    }
    found = {metric: estimates("cascade")[metric].value for metric in expected}
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_latency_of_groups_is_that_of_their_requests() -> None:
    """If latencies are split by escalation, the counts-weighted means make the mean of all again."""
    found = estimates("cascade")
    rate = found["escalation.rate"].value
    parts = rate * found["latency.escalated.mean"].value + (1 - rate) * found["latency.not_escalated.mean"].value
    assert parts == pytest.approx(found["latency.mean"].value, rel=1e-9)


@pytest.mark.parametrize("pattern", ["cascade", "routed", "both", "cheap-only", "frontier-only"])
def test_causes_and_models_add_up_to_the_cost(pattern: str) -> None:
    """If cost is split by cause, it adds up; split by model it does with what steps cost."""
    found = estimates(pattern)
    causes = {name: one.value for name, one in found.items() if name.startswith("cost.cause.")}
    models = {name: one.value for name, one in found.items() if name.startswith("cost.model.")}
    steps = sum(causes.get(f"cost.cause.{cause}.per_1k", 0.0) for cause in ("classifier", "verification", "judge"))
    assert sum(causes.values()) == pytest.approx(found["cost.per_1k"].value, rel=1e-12)
    assert sum(models.values()) + steps == pytest.approx(found["cost.per_1k"].value, rel=1e-12)


def test_segments_add_up_to_the_whole() -> None:
    """If spend is split by segment and nothing is fixed, the monthly parts make the monthly bill."""
    found = estimates("cascade")
    parts = sum(found[f"cost.per_30d.segment.{name}"].value for name in ("a", "b"))
    assert parts == pytest.approx(found["cost.per_30d"].value, rel=1e-9)


def test_a_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    """If both patterns see the same requests, their loss is known better than from two separate acceptances.

    The ensemble's answers differ from the cheap model's in at most its sample of 20 %, so the variance of the paired
    difference is at most .2, and here far less; that of the unpaired one is the sum of two variances of about .15.
    """
    many = changed(baseline="cheap-only", run={"duration": "15s", "replications": 40}).result.patterns
    mine, base = (many[name].estimates["quality.acceptance"] for name in ("both", "cheap-only"))
    loss = many["both"].estimates["quality.loss"]
    assert loss.baseline == "cheap-only"
    half, one, other = (found.upper - found.value for found in (loss, mine, base) if found.upper is not None)
    assert half < 0.6 * 100 * math.hypot(one, other)


def test_the_interval_of_a_share_is_that_of_the_ratio_estimator() -> None:
    """If one computes Cochran's ratio interval by hand from the replications, the reported bounds are it."""
    by_replication = run().requests("cascade").groupby("replication")["escalated"]
    y = by_replication.sum().to_numpy(dtype=np.float64)
    x = by_replication.count().to_numpy(dtype=np.float64)
    value = y.sum() / x.sum()
    spread = math.sqrt(((y - value * x) ** 2).sum() / (len(x) - 1) / len(x)) / x.mean()
    half = float(stats.t.ppf(0.975, len(x) - 1)) * spread
    found = estimates("cascade")["escalation.rate"]
    assert found.upper is not None
    assert (found.value, found.upper - found.value) == pytest.approx((value, half), rel=1e-9)


def test_a_group_without_requests_is_absent_with_its_reason() -> None:
    """If nothing escalates, metrics of escalated requests are absent, and the reason says so."""
    never = {**EXPERIMENT["patterns"][0], "escalate_when": {"confidence_below": -1.0}}
    found = changed(patterns=[never]).result.patterns["cascade"]
    assert found.estimates["escalation.rate"].value == 0
    for metric in ("latency.escalated.mean", "latency.escalated.p95", "latency.escalated.p50_ratio"):
        assert metric not in found.estimates
        assert "escalated" in found.absent[metric]
    assert all(found.absent.values())


def test_a_free_baseline_saves_nothing() -> None:
    """If the baseline costs nothing, a saving is absent with that reason, not infinite."""
    free = {name: {**model, "price": {"input_mtok": 0.0}} for name, model in FLEET.items()}
    found = changed(fleet=free, patterns=EXPERIMENT["patterns"][:1]).result.patterns["cascade"]
    assert found.absent["cost.saving"] == "the baseline costs nothing"


def test_equal_models_leave_no_gap_to_recover() -> None:
    """If both models are always right, the recovered gap is absent with that reason."""
    right = {task: {"small": 1.0, "large": 1.0} for task in ("easy", "hard")}
    found = changed(quality={"acceptance": right}).result.patterns["cascade"]
    assert found.absent["quality.gap_recovered"] == "cheap-only and frontier-only are equally good"


def test_offered_load_of_one_or_more_is_unstable() -> None:
    """If a model is offered all the work it can do or more, its pattern is unstable and says which model."""
    # 55 calls of a second arrive in the 55 measured seconds, at one server: an offered load of exactly 1
    busy = {**FLEET["small"], "service": "1s", "capacity": {"concurrency": 1}}
    workload = {**EXPERIMENT["workload"], "arrivals": {"kind": "constant", "rate_per_s": 1.0}}
    run = {"duration": "60s", "warm_up": "5s", "replications": 2}
    full = changed(fleet={**FLEET, "small": busy}, workload=workload, run=run)
    assert full.result.patterns["cheap-only"].status == "unstable"
    assert "small is offered 1.00 times" in full.result.patterns["cheap-only"].warnings[0]
    assert full.result.patterns["frontier-only"].status == "ok"
    roomy = {**busy, "capacity": {"concurrency": 2}}
    half = changed(fleet={**FLEET, "small": roomy}, workload=workload, run=run)
    assert half.result.patterns["cheap-only"].status == "ok"
    utilisation = half.result.patterns["cheap-only"].estimates["models.small.utilisation"].value
    assert utilisation == 0.5


def test_replications_without_requests_do_not_break_anything() -> None:
    """If some replications measure no request, every metric is still finite."""
    rare = {**EXPERIMENT["workload"], "arrivals": {"kind": "poisson", "rate_per_s": 0.01}}
    sparse = changed(workload=rare, run={"duration": "60s", "replications": 12})
    counts = [outcome.requests for outcome in sparse.outcomes["cascade"]]
    assert 0 in counts
    assert sum(counts) > 0
    for pattern in sparse.result.patterns.values():
        assert all(math.isfinite(number.value) for number in pattern.estimates.values())


def test_goals_are_inclusive() -> None:
    """If an answer takes exactly as long as the goal allows, it counts as goodput; a nanosecond less and none does."""
    constant = {**FLEET["large"], "service": "1s"}
    right = {"acceptance": {task: {"small": 1.0, "large": 1.0} for task in ("easy", "hard")}}
    for limit, share in (("1s", 1.0), ("999999999ns", 0.0)):
        short = {**EXPERIMENT["run"], "goals": {"latency": limit}}
        changes = {"fleet": {**FLEET, "large": constant}, "quality": right, "run": short}
        found = changed(**changes).result.patterns["frontier-only"].estimates
        assert found["goodput"].value == pytest.approx(share * found["arrival.rate"].value)
