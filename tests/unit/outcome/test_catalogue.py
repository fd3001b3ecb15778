"""The catalogue of metrics: every dotted name has one entry with its unit."""

from __future__ import annotations

import re

import pytest

from sim.outcome.catalogue import CATALOGUE, Metric, metric_of

UNITS = {"s", "usd", "usd/1k", "fraction", "points", "ratio", "1/s", "requests", "replicas"}


def test_names_are_unique_and_explained() -> None:
    """If an entry is in the catalogue, its name is its own, its unit known, and it says what it means."""
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    assert {metric.unit for metric in CATALOGUE} == UNITS
    assert all(metric.meaning and metric.better in {"lower", "higher", ""} for metric in CATALOGUE)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
@pytest.mark.parametrize("name", ["chat", "gpt-4.1", "a>b+c", "openai/gpt-5", "", "two\nlines", "p50"])
def test_every_entry_finds_itself(metric: Metric, name: str) -> None:
    """If placeholders are filled with any name that users or files may bring, the entry of the name has its unit."""
    found = metric_of(re.sub(r"<[a-z_]+>", lambda _: name, metric.name))
    assert (found.unit, found.better) == (metric.unit, metric.better)


@pytest.mark.parametrize(
    "name", ["latency", "latency.p42", "cost", "models.haiku", "x.latency.p50", "latency.p50.x", ""]
)
def test_what_is_no_metric_has_no_entry(name: str) -> None:
    """If a name is no metric, KeyError says so."""
    with pytest.raises(KeyError):
        metric_of(name)
