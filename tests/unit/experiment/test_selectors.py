"""Which metric a threshold means, and what is said of one that means nothing."""

from __future__ import annotations

import pytest

from sim.experiment.selectors import BadSelector, choose, parse_selector
from sim.outcome.catalogue import CATALOGUE, metric_of


@pytest.mark.parametrize(
    ("key", "aggregation", "metric", "unit"),
    [
        ("latency{pattern:cascade}", "p(95)", "latency.p95", "s"),
        ("latency{pattern:cascade,segment:free}", "p(50)", "latency.segment.free.p50", "s"),
        ("latency { segment : free , pattern : cascade }", "med", "latency.segment.free.p50", "s"),
        ('ttft{segment:"a, b: {c}"}', "avg", "ttft.segment.a, b: {c}.mean", "s"),
        ("latency.escalated", "p(99)", "latency.escalated.p99", "s"),
        ("latency.segment.a.b.p95", "value", "latency.segment.a.b.p95", "s"),
        ("quality_loss", "value", "quality.loss", "points"),
        ("quality.loss", "value", "quality.loss", "points"),
        ("escalation{task:chat}", "rate", "escalation.rate.task.chat", "fraction"),
        ("cost.per_1k{model:openai/gpt:5}", "value", "cost.model.openai/gpt:5.per_1k", "usd/1k"),
        ("cost.per_1k{cause:verification}", "value", "cost.cause.verification.per_1k", "usd/1k"),
        ("utilisation{model:haiku}", "value", "models.haiku.utilisation", "fraction"),
        ("models.utilisation{model:haiku}", "value", "models.haiku.utilisation", "fraction"),
        ("models.haiku.utilisation", "value", "models.haiku.utilisation", "fraction"),
        ("route{route:haiku}", "share", "route.haiku.share", "fraction"),
    ],
)
def test_a_selector_names_a_metric_of_the_catalogue(key: str, aggregation: str, metric: str, unit: str) -> None:
    """If metric, group and aggregation go together, the dotted name of the catalogue is found, with its unit."""
    chosen = choose(parse_selector(key), aggregation)
    assert (chosen.metric, chosen.unit, chosen.quantile) == (metric, unit, None)
    assert metric_of(metric).unit == unit


@pytest.mark.parametrize("metric", [metric.name for metric in CATALOGUE])
def test_every_metric_of_the_catalogue_can_be_asked_for(metric: str) -> None:
    """If a metric is in the catalogue, its whole name with the aggregation `value` means it."""
    named = metric.replace("<", "some-").replace(">", "")
    assert choose(parse_selector(named), "value").metric == named


@pytest.mark.parametrize(
    ("key", "percent", "share", "group"),
    [
        ("latency{pattern:cascade}", "99.9", 0.999, ("latency", "", "")),
        ("latency.escalated", "90", 0.9, ("latency", "escalated", "")),
        ("wait{task:chat}", "07", 0.07, ("wait", "task", "chat")),
    ],
)
def test_a_percentile_that_no_report_has_is_measured_when_asked_for(
    key: str, percent: str, share: float, group: tuple[str, str, str]
) -> None:
    """If p(N) is no quantile of the reports, the choice says of which observations to take it."""
    chosen = choose(parse_selector(key), f"p({percent})")
    assert (chosen.quantile, (chosen.column, chosen.group, chosen.name)) == (share, group)


@pytest.mark.parametrize(
    ("key", "aggregation", "message", "hint"),
    [
        ("latancy", "p(95)", "there is no metric 'latancy'", "did you mean 'latency'?"),
        ("latency{segmnt:x}", "p(95)", "unknown selector 'segmnt'", "did you mean 'segment'?"),
        ("latency{segment:x,segment:y}", "p(95)", "the selector 'segment' is given twice", ""),
        ("latency{segment}", "p(95)", "'segment' is no selector", "{pattern:cascade,segment:free}"),
        ("latency{}x", "p(95)", "'latency{}x' is no metric", "latency{pattern:cascade}"),
        ("latency{segment:x,task:y}", "p(95)", "segment and task at once", ""),
        ("latency", "rate", "'latency' has no aggregation 'rate'", "latency has mean, med, p(N)"),
        ("latency", "max", "there is no aggregation 'max'", "latency has mean, med, p(N)"),
        ("latency", "p(100)", "p(100) is no percentile", "between 0 and 100"),
        ("escalation", "value", "'escalation' has no aggregation 'value'", "escalation has rate"),
        ("goodput{segment:free}", "value", "'goodput' is not measured by segment", "none"),
        ("utilisation", "value", "'utilisation' is not measured without a selector", "model"),
    ],
)
def test_what_means_nothing_is_refused(key: str, aggregation: str, message: str, hint: str) -> None:
    """If a metric, selector or aggregation does not exist, the message says so and the hint what does."""
    with pytest.raises(BadSelector, match=r".") as caught:
        choose(parse_selector(key), aggregation)
    assert message in str(caught.value)
    assert hint in caught.value.hint
