"""The shipped experiments say what their descriptions claim."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import sim
from sim.experiment.crosscheck import warnings_of
from sim.experiment.result import PatternResult
from sim.experiment.simulate import Run
from sim.outcome.estimates import Estimate
from sim.report.sentences import in_words

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
DATA = ROOT.parent / "shared" / "data"
TABLE = DATA / "weak_strong_licensed.parquet"
TRACE = DATA / "raw" / "AzureLLMInferenceTrace_conv.csv"
NEEDS = {"routellm-mmlu": TABLE, "azure-conv": TRACE}

FIVE = ["cheap-only", "frontier-only", "pre-route", "cascade", "ensemble"]


def load(name: str, *overrides: str) -> sim.Experiment:
    """Load a shipped experiment; skip the test where the public data it reads have not been fetched."""
    if name in NEEDS and not NEEDS[name].is_file():
        pytest.skip(f"{NEEDS[name].name} is public data that is not part of the repository")
    return sim.load(ROOT / "experiments" / f"{name}.yaml", overrides)


@functools.cache
def run(name: str, replications: int | None = None) -> Run:
    """Run a shipped experiment once."""
    return load(name).run(workers=1, replications=replications)


def pattern(name: str, which: str, replications: int | None = None) -> PatternResult:
    """Give the result of one pattern of a shipped experiment."""
    return run(name, replications).result.patterns[which]


def bounds(found: Estimate) -> tuple[float, float]:
    """Give the bounds of an interval that must be there."""
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


def standard_error(found: Estimate, replications: int) -> float:
    """Give the standard error that a 95 % interval of Student's t was made from."""
    low, high = bounds(found)
    return (high - low) / 2 / float(stats.t.ppf(0.975, replications - 1))


# ---- all of them


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_shipped_experiment_is_valid(path: Path) -> None:
    """If an experiment is shipped, it loads without a warning, is named like its file, and resolves to itself."""
    experiment = load(path.stem)
    assert experiment.name == path.stem
    assert experiment.spec.title
    assert experiment.spec.description
    assert warnings_of(experiment) == []
    assert sim.from_mapping(experiment.resolved, path.parent).hash == experiment.hash


def test_no_shipped_file_knows_this_machine() -> None:
    """If a file is shipped, it names no absolute path."""
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("*s/*.yaml")]
    assert len(texts) > len(EXPERIMENTS)
    assert not [line for text in texts for line in text.splitlines() if ": /" in line or "~/" in line]


# ---- support-chat


def test_support_chat_compares_five_patterns() -> None:
    """If support-chat is run, three patterns stand beside the two baselines, and all of them are stable."""
    patterns = run("support-chat", 2).result.patterns
    assert list(patterns) == FIVE
    assert {one.status for one in patterns.values()} == {"ok"}


def test_support_chat_pays_less_and_loses_little() -> None:
    """If requests are routed, every pattern is cheaper than the frontier and better than the cheap model."""
    cheap = pattern("support-chat", "cheap-only", 2).estimates["quality.acceptance"].value
    for name in ("pre-route", "cascade"):
        found = pattern("support-chat", name, 2).estimates
        assert found["cost.saving"].value > 0
        assert found["quality.acceptance"].value > cheap


# ---- six-months


@functools.cache
def evening_peak() -> Run:
    """Run the busiest hour of the first Monday of six-months, after the hours before it."""
    return load("six-months", "run.duration=21h", "run.warm_up=20h").run(workers=1)


def test_six_months_is_a_million_requests_a_day() -> None:
    """If the mean over a week is taken, a million requests come a day; the busiest hour has what its weights say."""
    arrivals = load("six-months").spec.workload.arrivals
    assert arrivals is not None
    assert arrivals.mean_rate_per_s() * 86_400 == pytest.approx(1e6, rel=1e-4)
    expected = arrivals.mean_rate_per_s() * 1.08 * 1.46 * 3600 * 24 / 23.99  # the hourly weights add up to 23.99
    assert abs(evening_peak().result.requests - expected) < 4.6 * math.sqrt(expected)  # a Poisson count


def test_the_evening_peak_nearly_fills_the_frontier() -> None:
    """If everything goes to the frontier, the busiest hour uses most of its places; what routers send it, far fewer."""
    used = {
        name: found.estimates["models.gpt5.utilisation"].value
        for name, found in evening_peak().result.patterns.items()
        if "models.gpt5.utilisation" in found.estimates
    }
    assert 0.8 < used["frontier-only"] < 1.0
    assert all(used[name] < 0.5 for name in ("pre-route", "cascade", "ensemble"))
    assert {found.status for found in evening_peak().result.patterns.values()} == {"ok"}


# ---- escalation-storm


@functools.cache
def storm() -> Run:
    """Run escalation-storm once, for seventy minutes of which thirty come after the cause has gone."""
    return load("escalation-storm", "run.duration=70m").run(workers=1, replications=1, engine="compiled")


def test_a_storm_outlasts_its_cause_unless_something_ends_it() -> None:
    """If escalations triple for twenty minutes, naive retries keep it full; a budget or admission empties it."""
    patterns = storm().result.patterns
    backlog = {name: [part.value for part in found.backlog] for name, found in patterns.items()}
    for name in ("naive", "retry-budget", "admission"):
        usual, at_the_end = (float(np.mean(part)) for part in (backlog[name][:10], backlog[name][-10:]))
        assert max(backlog[name]) > usual
        assert (at_the_end > 4 * usual) is (name == "naive"), name
        assert at_the_end < 1.2 * usual or name == "naive"
    assert max(backlog["naive"]) > max(backlog["retry-budget"]) > max(backlog["admission"])


def test_the_report_says_that_the_storm_does_not_pass() -> None:
    """If a backlog stays, the report says so in words, of that pattern only."""
    words = [line for line in in_words(storm().result) if "requests in the system" in line]
    assert [line.split(":")[0] for line in words if "and still" in line] == ["naive"]
    assert [line.split(":")[0] for line in words if "came down again" in line] == ["retry-budget"]


def test_a_storm_is_paid_for() -> None:
    """If calls are given up while they are served, their answers are a cost of their own, most with naive retries."""
    failed = {
        name: storm().result.patterns[name].estimates["cost.cause.failed_try.per_1k"].value
        for name in ("naive", "retry-budget", "admission")
    }
    assert failed["naive"] > failed["retry-budget"] > failed["admission"] > 0


# ---- provider-outage


def test_a_breaker_spares_time_and_money_while_a_provider_hangs() -> None:
    """If a provider hangs, a breaker makes the tail and the cost of failed tries a fraction, and all are answered."""
    found = load("provider-outage", "run.duration=35m").run(workers=1, replications=1, engine="compiled").result
    without, with_it = (found.patterns[name].estimates for name in ("no-breaker", "breaker"))
    assert without["latency.p99"].value > 30
    assert with_it["latency.p99"].value < 20
    failed = "cost.cause.failed_try.per_1k"
    assert with_it[failed].value < 0.2 * without[failed].value
    assert with_it["calls.per_request"].value < 1.1
    assert without["calls.per_request"].value > 1.4
    assert with_it["models.guarded.skipped"].value > 0.2
    assert (
        0.2 < with_it["models.guarded.breaker_open"].value < 0.3
    )  # eight of 30 minutes, between one cooldown and the next
    assert "models.plain.skipped" not in without
    assert with_it["failure.rate"].value == without["failure.rate"].value == 0


# ---- hedged-calls


def test_a_late_hedge_shortens_the_tail_for_little() -> None:
    """If stalls are hedged late, P99 falls by a fifth for a few percent more; early, for several times as much."""
    found = load("hedged-calls", "run.duration=1h").run(workers=1, replications=2, engine="compiled").result
    plain, late, early = (found.patterns[name].estimates for name in ("no-hedge", "after-8s", "after-3s"))
    assert late["latency.p99"].value < 0.85 * plain["latency.p99"].value
    assert early["latency.p99"].value < late["latency.p99"].value
    extra_late, extra_early = (one["cost.cause.hedge.per_1k"].value for one in (late, early))
    assert extra_late < 0.04 * plain["cost.per_1k"].value
    assert extra_early > 6 * extra_late
    assert early["hedges.won"].value < 0.1
    assert late["hedges.won"].value > 0.3
    assert "hedges.per_request" not in plain


# ---- eighty-thousand


@pytest.mark.parametrize(
    ("segment", "saving"), [("equal-tokens", 0.70 * 0.97), ("hard-is-longer", 0.7 / (0.7 + 0.3 * 2) * 0.97)]
)
def test_the_rule_of_thumb_and_its_correction(segment: str, saving: float) -> None:
    """If 70 % are simple, 67.9 % are saved; if the others are twice as long, 52.2 %: both inside their intervals."""
    found = pattern("eighty-thousand", "pre-route").estimates[f"cost.saving.segment.{segment}"]
    low, high = bounds(found)
    assert low <= saving <= high
    assert high - low < 0.01
    assert found.baseline == "frontier-only"


@pytest.mark.parametrize("segment", ["equal-tokens", "hard-is-longer"])
def test_both_workloads_cost_eighty_thousand(segment: str) -> None:
    """If everything goes to the frontier model, either workload costs $80,000 a month."""
    low, high = bounds(pattern("eighty-thousand", "frontier-only").estimates[f"cost.per_30d.segment.{segment}"])
    assert low <= 80_000 <= high


def test_the_cheap_model_costs_three_percent() -> None:
    """If everything goes to the cheap model, exactly 97 % are saved, in every replication."""
    found = pattern("eighty-thousand", "cheap-only").estimates["cost.saving"]
    assert (found.value, *bounds(found)) == pytest.approx((0.97, 0.97, 0.97), abs=1e-9)


# ---- cascade-latency


@functools.cache
def cascade_latency(cheap: str) -> dict[str, float]:
    """Compute the medians of the experiment a second time: straight from its numbers, by plain Monte Carlo.

    TTFTs are lognormal by p50 and p95, tokens lognormal with 0.7 between models, 12 % escalate independently of length.
    """
    draws, z95 = 1_000_000, 1.6448536269514722
    rng = np.random.default_rng(20_260_105)

    def lognormal(p50: float, p95: float, z: NDArray[np.float64]) -> NDArray[np.float64]:
        spread: NDArray[np.float64] = np.exp(math.log(p95 / p50) / z95 * z)
        return p50 * spread

    models = {"slow": (0.350, 0.680, 0.011), "fast": (0.200, 0.380, 0.004), "frontier": (0.380, 0.700, 0.014)}
    shared = rng.standard_normal(draws)

    def latency(model: str) -> NDArray[np.float64]:
        p50, p95, pace = models[model]
        length = math.sqrt(0.7) * shared + math.sqrt(0.3) * rng.standard_normal(draws)
        return lognormal(p50, p95, rng.standard_normal(draws)) + pace * np.rint(lognormal(120, 300, length))

    first, last = latency(cheap), latency("frontier")
    escalated = rng.random(draws) < 0.12
    total = first + 0.2 + np.where(escalated, last, 0.0)
    return {
        "latency.p50_ratio": float(np.median(total) / np.median(first)),
        "latency.escalated.p50_ratio": float(np.median(total[escalated]) / np.median(last)),
    }


@pytest.mark.parametrize("metric", ["latency.p50_ratio", "latency.escalated.p50_ratio"])
@pytest.mark.parametrize("cheap", ["slow", "fast"])
def test_latency_ratios_are_those_of_the_laws(cheap: str, metric: str) -> None:
    """If the ratios are computed a second time from the written laws, the run agrees within 4 standard errors."""
    found = pattern("cascade-latency", f"cascade-{cheap}").estimates[metric]
    # the second computation has an error of its own: of a median of 120,000 or more, below .003
    error = math.hypot(standard_error(found, 20), 0.003)
    assert abs(found.value - cascade_latency(cheap)[metric]) <= 4 * error


@pytest.mark.parametrize(
    ("name", "metric", "claim", "baseline"),
    [
        ("cascade-slow", "latency.p50_ratio", 1.2, "cheap-only"),
        ("cascade-slow", "latency.escalated.p50_ratio", 2.0, "frontier-only"),
        ("cascade-fast", "latency.escalated.p50_ratio", 1.5, "frontier-only"),
    ],
)
def test_the_claims_of_the_description_hold(name: str, metric: str, claim: float, baseline: str) -> None:
    """If the description says `about`, the whole interval is within a tenth of it; and the baseline is named."""
    found = pattern("cascade-latency", name).estimates[metric]
    low, high = bounds(found)
    assert 0.9 * claim < low < high < 1.1 * claim
    assert found.baseline == baseline
    assert not found.few_data


# ---- routellm-mmlu


@functools.cache
def mmlu() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read who was right straight from the file, not through tiercast."""
    import pandas as pd  # noqa: PLC0415 - only where the data are there

    load("routellm-mmlu")  # skips where the table is not there
    rows = pd.read_parquet(TABLE, columns=["dataset", "weak_correct", "strong_correct"])
    rows = rows[rows["dataset"] == "mmlu"]
    return rows["weak_correct"].to_numpy(dtype=np.bool_), rows["strong_correct"].to_numpy(dtype=np.bool_)


def of_mmlu(which: str, metric: str) -> Estimate:
    """Give an estimate of two passes over the table."""
    return pattern("routellm-mmlu", which, 2).estimates[metric]


def test_every_question_is_asked_once_per_replication() -> None:
    """If each replication has as many requests as the table has questions, each is asked once, in another order."""
    result = run("routellm-mmlu", 2).result
    assert result.requests == 2 * len(mmlu()[0]) == 2 * 14_042


def test_either_model_alone_is_as_good_as_in_the_table() -> None:
    """If one model answers all, its acceptance is the table's ratio of whole numbers, exactly, without a spread."""
    for which, right in zip(("cheap-only", "frontier-only"), mmlu(), strict=True):
        found = of_mmlu(which, "quality.acceptance")
        assert (found.value, *bounds(found)) == (int(right.sum()) / len(right),) * 3
    assert int(mmlu()[0].sum()) == 9_560


def test_the_oracle_escalates_exactly_what_is_wrong() -> None:
    """If the check is an oracle, it escalates the weak model's mistakes and no more, and is right where either is."""
    weak, strong = mmlu()
    assert of_mmlu("oracle", "escalation.rate").value == int((~weak).sum()) / len(weak)
    assert of_mmlu("oracle", "quality.acceptance").value == int((weak | strong).sum()) / len(weak)


def test_a_coin_lies_in_the_middle() -> None:
    """If half of the questions go to either model blindly, acceptance is the midpoint, within 4 standard errors."""
    weak, strong = mmlu()
    midpoint = (weak.mean() + strong.mean()) / 2
    # only questions on which the models differ are left to chance: a fair coin each, in two replications
    error = math.sqrt(np.count_nonzero(weak != strong) / 4) / len(weak) / math.sqrt(2)
    assert abs(of_mmlu("random", "quality.acceptance").value - midpoint) <= 4 * error
    share = of_mmlu("random", "route.gpt4.share").value
    assert abs(share - 0.5) <= 4 * 0.5 / math.sqrt(2 * len(weak))


def test_a_router_lies_between_coin_and_oracle() -> None:
    """If a cascade escalates half by a useful confidence, it beats the coin and stays below the oracle."""
    coin, cascade, oracle = (of_mmlu(which, "quality.acceptance").value for which in ("random", "cascade", "oracle"))
    assert coin < cascade < oracle
    assert of_mmlu("cascade", "escalation.rate").value == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2 * 14_042))


# ---- azure-conv


def recorded() -> NDArray[np.int64]:
    """Read prompt and answer lengths straight from the trace, not through tiercast."""
    import pandas as pd  # noqa: PLC0415 - only where the data are there

    columns: Any = pd.read_csv(TRACE)[["ContextTokens", "GeneratedTokens"]].to_numpy(dtype=np.int64)
    lengths: NDArray[np.int64] = columns
    return lengths


def test_no_request_of_the_azure_trace_is_dropped() -> None:
    """If the trace is played, all 19,366 requests run through five patterns with their recorded tokens."""
    played = run("azure-conv", 1)
    assert played.result.requests == 19_366
    assert list(played.result.patterns) == FIVE
    lengths = recorded()
    for name in played.outcomes:
        log = played.requests(name)
        assert np.array_equal(log["input_tokens"], lengths[:, 0]), name
        assert np.array_equal(log["output_tokens"], lengths[:, 1]), name


def test_the_bill_of_the_azure_trace_is_that_of_its_tokens() -> None:
    """If everything goes to one model, the bill is recorded tokens times list prices, to the last digit."""
    (outcome,) = run("azure-conv", 1).outcomes["frontier-only"]
    prompt, answer = recorded().sum(axis=0).tolist()
    assert sum(outcome.spent()) == (prompt * 1250 + answer * 10_000) * 10**6


# ---- two-tenants


def waits(which: str) -> tuple[float, float]:
    """Give the mean wait of customers and of the free tier in two-tenants, in seconds."""
    found = pattern("two-tenants", which).estimates
    return found["wait.segment.enterprise.mean"].value, found["wait.segment.free.mean"].value


def test_who_goes_first_decides_who_waits() -> None:
    """If customers go first they hardly wait, if places are shared they wait little, and the free tier waits for it."""
    fifo, priority, fair = waits("fifo"), waits("priority"), waits("fair")
    assert priority[0] < 0.1 < fair[0] < 1 < fifo[0] / 4
    assert fifo[1] < fair[1] < priority[1]
    for name in ("priority", "fair"):  # nobody is turned away, and the work is the same
        assert pattern("two-tenants", name).estimates["failure.rate"].value == 0


def test_a_limit_on_one_segment_spares_the_other() -> None:
    """If the free tier has a limit of its own, some of it is turned away, no customer is, and nobody waits long."""
    found = pattern("two-tenants", "limit").estimates
    assert found["failure.rate.segment.enterprise"].value == 0
    assert 0.3 < found["failure.rate.segment.free"].value < 0.5
    assert max(waits("limit")) < 1


@pytest.mark.parametrize("replicas", [2, 3])
def test_own_replicas_cost_by_the_hour_and_batches_slow_their_calls(replicas: int) -> None:
    """Replicas are set from outside and paid for all the time; the more calls on each, the more time a token takes."""
    settings = ("run.duration=6m", "run.replications=1", f"fleet.cheap.capacity.batching.replicas={replicas}")
    found = load("self-hosted-cheap", *settings).run(workers=1).result.patterns["cheap-only"]
    value = {name: estimate.value for name, estimate in found.estimates.items()}
    assert found.status == "ok"
    assert value["cost.total"] == pytest.approx(
        replicas * 20 * 5 / 60, abs=0.5e-9
    )  # replicas are billed in nano-dollars
    assert value["models.cheap.replicas"] == replicas
    low, high = {2: (0.035, 0.045), 3: (0.032, 0.037)}[replicas]  # 30 ms alone, 50.5 ms at 64 calls
    assert low < value["models.cheap.inter_token"] < high
    together = replicas * value["models.cheap.batch"]  # while any serve; here they nearly always do
    assert value["models.cheap.in_flight"] <= together * (1 + 1e-12) < replicas * 32
