"""`tiercast import`: SLOs of others as objectives of an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import TINY, invoke

import sim
from sim.experiment.yaml_source import parse_yaml

LATENCY = "latency{pattern:cascade}"
SLOS = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: chat}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: chat-fast}
spec:
  indicator: {spec: {thresholdMetric: {}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Timeslices
  objectives:
  - {displayName: fast enough, op: lte, value: 2, target: 0.95}
  - {op: lt, value: 8.5, targetPercent: 99.5}
--- # another
apiVersion: openslo/v1
kind: SLO
metadata: {name: available}
spec:
  indicator: {spec: {ratioMetric: {good: {}, total: {}}}}
  timeWindow: [{duration: 1M, isRolling: false}]
  objectives: [{target: 0.999}]
"""


def test_slos_become_objectives_that_are_valid() -> None:
    """If a file has thresholds and ratios, they are printed as objectives, and what they leave out is told."""
    Path("slo.yaml").write_text(SLOS, encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml", "--metric", LATENCY)
    assert answer.code == 0, answer.err
    objectives = parse_yaml(answer.out, "printed").data["objectives"]
    assert objectives == [
        {"name": "fast-enough", "metric": LATENCY, "under": "2s", "target": "95%", "window": "28d"},
        {
            "name": "chat-fast",
            "metric": "latency{pattern:cascade}",
            "under": "8.5s",
            "target": "99.5%",
            "window": "28d",
        },
        {"name": "available", "metric": "answered", "target": "99.9%", "window": "30d"},
    ]
    assert "slo.yaml:11:3: note: spec.budgetingMethod: budgetingMethod Timeslices: requests are counted" in answer.err
    assert "slo.yaml:21:16: note: spec.timeWindow.0: the window follows the calendar" in answer.err
    assert answer.err.count("budgetingMethod Timeslices") == 1
    whole = sim.from_mapping({**parse_yaml(TINY, "tiny").data, "objectives": objectives})
    assert [one.target for one in whole.spec.objectives] == [0.95, 0.995, 0.999]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("op: lt,", "op: gt,", "slo.yaml:14:10: error: spec.objectives.1.op: op 'gt' cannot be an objective"),
        ("value: 2", "value: -2", "slo.yaml:13:48: error: spec.objectives.0.value: expected a positive number"),
        ("target: 0.999", "target: 99.9", "slo.yaml:22:16: error: spec.objectives.0: has no target between 0 and 1"),
        ("duration: 4w", "duration: 4x", "'4x' is no window"),
        ("openslo/v1\nkind: SLO\nmetadata: {name: a", "openslo/v9\nkind: SLO\nmetadata: {name: a", "'openslo/v9'"),
        ("kind: SLO", "kind: Alert", "holds no SLO"),
    ],
)
def test_what_cannot_be_an_objective_is_an_error_at_its_line(old: str, new: str, message: str) -> None:
    """If an operator, value, target, window or version means nothing here, the code is 2 and nothing is printed."""
    Path("slo.yaml").write_text(SLOS.replace(old, new), encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_file_that_is_not_there_is_told() -> None:
    """If there is no such file, or it is not text, one line says so."""
    assert "cannot be read" in invoke("import", "openslo", "nothing.yaml").err
    Path("slo.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in invoke("import", "openslo", "slo.yaml").err


ALPHA = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: alpha}
spec:
  timeWindows: [{unit: Week, count: 1, isRolling: true}]
  objectives: [{target: 0.995, value: 1, ratioMetrics: {good: {}, total: {}}}]
"""


def test_the_older_version_says_window_and_ratio_in_its_own_way() -> None:
    """If an SLO of v1alpha has a window of one week and a ratio in its objective, both are taken as they are meant."""
    Path("slo.yaml").write_text(ALPHA, encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml", "--ratio", "acceptable")
    assert (answer.code, answer.err) == (0, "")
    assert parse_yaml(answer.out, "printed").data["objectives"] == [
        {"name": "alpha", "metric": "acceptable", "target": "99.5%", "window": "7d"}
    ]
    Path("slo.yaml").write_text(ALPHA.replace("unit: Week", "unit: Fortnight"), encoding="utf-8")
    assert (
        "slo.yaml:5:17: error: spec.timeWindows.0: {'unit': 'Fortnight'" in invoke("import", "openslo", "slo.yaml").err
    )


REFERRING = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: by-reference}
spec:
  indicatorRef: good-answers
  objectives:
  - {target: 0.99, timeSliceTarget: 0.9, "odd\\e": 1}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: good-answers}
spec: {ratioMetric: {good: {}, total: {}}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec: {}
"""


def test_an_indicator_of_the_same_file_says_what_an_slo_is_of() -> None:
    """If the indicator that an SLO refers to is a ratio, so is the SLO, with nothing to remark."""
    Path("slo.yaml").write_text(REFERRING, encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml")
    assert answer.code == 0, answer.err
    (objective,) = parse_yaml(answer.out, "printed").data["objectives"]
    assert objective == {"name": "by-reference", "metric": "answered", "target": "99%", "window": "28d"}
    assert "indicatorRef" not in answer.err


def test_whatever_is_left_out_is_told_at_its_line_and_beside_what_is_printed() -> None:
    """If a window is missing, or a key or document means nothing here, each is told once, on one printable line."""
    Path("slo.yaml").write_text(REFERRING, encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml")
    assert answer.err.splitlines() == [
        "slo.yaml:15:1: note: kind: AlertPolicy is left out",
        "slo.yaml:4:1: note: spec: no timeWindow is given: 28d is taken",
        "slo.yaml:7:20: note: spec.objectives.0.timeSliceTarget: timeSliceTarget is left out: it means nothing here",
        "slo.yaml:7:42: note: spec.objectives.0.odd?: odd? is left out: it means nothing here",
    ]
    assert [line.strip() for line in answer.out.splitlines() if "#" in line] == [
        "# line 15: AlertPolicy is left out",
        "# line 4: no timeWindow is given: 28d is taken",
        "# line 7: timeSliceTarget is left out: it means nothing here",
        "# line 7: odd? is left out: it means nothing here",
    ]


@pytest.mark.parametrize("metric", ["cost.per_1k", "latency.p95", "latency{pattern:x", "latency{nobody:x}"])
def test_a_metric_that_no_objective_can_be_of_is_refused(metric: str) -> None:
    """If --metric is no duration, or not written as one, nothing is printed that an experiment would refuse."""
    Path("slo.yaml").write_text(SLOS, encoding="utf-8")
    answer = invoke("import", "openslo", "slo.yaml", "--metric", metric)
    assert (answer.code, answer.out) == (2, "")
    assert "--metric: " in answer.err
