"""Conditions of a search: how they are read, and when an interval decides about one."""

from __future__ import annotations

import pytest

from sim.errors import InvalidInput
from sim.experiment.result import PatternResult
from sim.outcome.estimates import Estimate
from sim.study.until import Standing, judged, parse_untils


def of(*, status: str = "ok", absent: dict[str, str] | None = None, **metrics: Estimate) -> PatternResult:
    """Make the result of a pattern; double underscores stand for dots."""
    estimates = {name.replace("__", "."): estimate for name, estimate in metrics.items()}
    return PatternResult("p", "single", "unstable" if status == "unstable" else "ok", estimates, absent or {})


def seconds(value: float, half: float, *, few_data: bool = False) -> Estimate:
    """Make an estimate of a time."""
    return Estimate(value, value - half, value + half, "s", few_data=few_data)


@pytest.mark.parametrize(
    ("text", "metric", "sign", "limit"),
    [
        ("latency.p95<4s", "latency.p95", "<", 4.0),
        (" wait.mean <= 250ms ", "wait.mean", "<=", 0.25),
        ("failure.rate<1%", "failure.rate", "<", 0.01),
        ("failure.rate < 0.01", "failure.rate", "<", 0.01),
        ("quality.acceptance>=0.9", "quality.acceptance", ">=", 0.9),
        ("quality.loss<2%", "quality.loss", "<", 2.0),
        ("cost.per_1k<1.6usd", "cost.per_1k", "<", 1.6),
        ("latency.segment.enterprise.p99<9s", "latency.segment.enterprise.p99", "<", 9.0),
        ("goodput>5", "goodput", ">", 5.0),
    ],
)
def test_conditions_are_read(text: str, metric: str, sign: str, limit: float) -> None:
    """If a condition is a metric, a sign and a limit in its unit, it is read as that."""
    (found,) = parse_untils([text])
    assert (found.metric, found.sign, found.limit) == (metric, sign, limit)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("latency.p95", "is no condition", "write for example"),
        ("latency.p95=4s", "is no condition", "write for example"),
        ("latncy.p95<4s", "there is no metric 'latncy.p95'", "did you mean 'latency.p95'?"),
        ("latency.p95<4", "4 has no unit", "write for example"),
        ("failure.rate<1s", "'1s' is not a fraction", "write for example"),
        ("cost.per_1k<nan", "'nan' is no limit of this metric", "write for example"),
        ("failure.rate<3", "3.0 is above 1", "write for example"),
    ],
)
def test_a_wrong_condition_is_refused(text: str, message: str, hint: str) -> None:
    """If a condition cannot be read, the message says why and shows one that can."""
    with pytest.raises(InvalidInput, match="--until") as error:
        parse_untils([text])
    (issue,) = error.value.issues
    assert message in issue.message
    assert hint in issue.hint


def test_all_wrong_conditions_are_told_at_once() -> None:
    """If two of three conditions are wrong, both are told."""
    with pytest.raises(InvalidInput) as error:
        parse_untils(["latency.p95<4s", "nothing", "else"])
    assert len(error.value.issues) == 2


@pytest.mark.parametrize(
    ("value", "half", "standing"),
    [
        (3.0, 0.9, Standing.MEETS),
        (3.0, 1.0, Standing.UNDECIDED),  # 4 is not below 4
        (5.0, 0.5, Standing.FAILS),
        (5.0, 1.0, Standing.FAILS),
        (4.0, 0.0, Standing.FAILS),
    ],
)
def test_the_whole_interval_decides(value: float, half: float, standing: Standing) -> None:
    """If all of the interval is on one side of the limit, it is decided; else not."""
    assert (
        judged(of(latency__p95=seconds(value, half)), parse_untils(["latency.p95<4s"]), 100, 0.95).standing is standing
    )


def test_one_broken_condition_breaks_all() -> None:
    """If one condition fails, all together fail and it is named, whatever is undecided; one undecided leaves all so."""
    result = of(latency__p95=seconds(5, 0.5), wait__mean=seconds(1, 0.5), ttft__mean=seconds(1, 0.1))
    found = judged(result, parse_untils(["latency.p95<4s", "wait.mean<1s", "ttft.mean<2s"]), 100, 0.95)
    assert (found.standing, found.broken) == (Standing.FAILS, ("latency.p95<4s",))
    found = judged(result, parse_untils(["wait.mean<1s", "ttft.mean<2s"]), 100, 0.95)
    assert (found.standing, found.broken) == (Standing.UNDECIDED, ())
    assert judged(result, parse_untils(["ttft.mean<2s"]), 100, 0.95).standing is Standing.MEETS


def test_an_unstable_system_meets_nothing() -> None:
    """If the system is unstable, it fails however good the run looks, and that is what breaks."""
    found = judged(of(status="unstable", latency__p95=seconds(1, 0.1)), parse_untils(["latency.p95<4s"]), 100, 0.95)
    assert (found.standing, found.broken) == (Standing.FAILS, ("unstable",))


def test_too_few_data_decide_nothing() -> None:
    """If the data of a percentile are too few, it is undecided, and the reason is told."""
    found = judged(of(latency__p95=seconds(1, 0.1, few_data=True)), parse_untils(["latency.p95<4s"]), 100, 0.95)
    assert found.standing is Standing.UNDECIDED
    assert "a longer run would help" in found.open[0]


def test_what_is_too_long_in_a_short_run_fails() -> None:
    """If a run too short shows a time wholly above its limit, it fails: started empty, it would show too little."""
    result = of(latency__p95=seconds(6, 1, few_data=True))
    assert judged(result, parse_untils(["latency.p95<4s"]), 100, 0.95).broken == ("latency.p95<4s",)
    assert judged(result, parse_untils(["latency.p95<5.5s"]), 100, 0.95).standing is Standing.UNDECIDED
    assert judged(result, parse_untils(["latency.p95>8s"]), 100, 0.95).standing is Standing.UNDECIDED


def test_a_metric_that_is_not_there_decides_nothing() -> None:
    """If a metric has no data, or is not measured for a pattern, it is undecided, with the reason."""
    found = judged(
        of(absent={"quality.loss": "nobody"}), parse_untils(["quality.loss<2%", "cost.saving>1%"]), 100, 0.95
    )
    assert found.standing is Standing.UNDECIDED
    assert found.open == ("quality.loss: nobody", "cost.saving: is not measured for this pattern")


def test_where_nothing_is_refused_nothing_is_unanswered() -> None:
    """If no call can fail, the failure rate is not measured and is none for certain."""
    assert judged(of(), parse_untils(["failure.rate<1%"]), 100, 0.95).standing is Standing.MEETS
    assert judged(of(), parse_untils(["failure.rate<0%"]), 100, 0.95).standing is Standing.FAILS


@pytest.mark.parametrize(
    ("events", "requests", "standing"),
    [
        (0, 368, Standing.UNDECIDED),  # none of n allows 3.689/n
        (0, 369, Standing.MEETS),
        (1, 557, Standing.UNDECIDED),  # one allows 5.572/n
        (1, 558, Standing.MEETS),
        (9, 411, Standing.FAILS),  # nine are at least 4.115/n
        (9, 412, Standing.UNDECIDED),
    ],
)
def test_rare_failures_have_an_exact_interval(events: int, requests: int, standing: Standing) -> None:
    """If few requests fail, their number is Poisson's: the limits are those of the tables (Garwood 1936), at 1 %."""
    share = events / requests
    result = of(failure__rate=Estimate(share, share, share, "fraction", few_data=True))
    assert judged(result, parse_untils(["failure.rate<1%"]), requests, 0.95).standing is standing


def test_few_that_are_not_accepted_count_as_rare_too() -> None:
    """If nearly all answers are acceptable, it is the others that are counted: 0 of 400 means more than 99 %."""
    result = of(quality__acceptance=Estimate(1.0, 1.0, 1.0, "fraction", few_data=True))
    assert judged(result, parse_untils(["quality.acceptance>99%"]), 400, 0.95).standing is Standing.MEETS
    assert judged(result, parse_untils(["quality.acceptance>99%"]), 300, 0.95).standing is Standing.UNDECIDED


def test_a_rare_share_without_an_interval_has_the_exact_one() -> None:
    """If too few replications leave a rare share without an interval, the exact one decides alone."""
    found = of(escalation__rate=Estimate(0.0, None, None, "fraction", few_data=True))
    assert judged(found, parse_untils(["escalation.rate<1%"]), 1000, 0.95).standing is Standing.MEETS
    assert judged(found, parse_untils(["escalation.rate<0.1%"]), 1000, 0.95).standing is Standing.UNDECIDED


def test_replications_that_spread_further_count() -> None:
    """If failures come in storms, the spread between replications is wider than Poisson's, and is kept."""
    result = of(failure__rate=Estimate(0.001, -0.03, 0.032, "fraction", few_data=True))
    assert judged(result, parse_untils(["failure.rate<1%"]), 9_000, 0.95).standing is Standing.UNDECIDED


@pytest.mark.parametrize(
    ("text", "compares"), [("latency.p95<4s", False), ("quality.loss<2%", True), ("latency.p95_ratio<2", True)]
)
def test_comparisons_need_other_patterns(text: str, compares: bool) -> None:
    """If a metric is one against a baseline, the baseline has to be played as well."""
    (until,) = parse_untils([text])
    assert until.compares == compares
