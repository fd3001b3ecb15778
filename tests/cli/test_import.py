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
    assert "fast-enough: budgetingMethod Timeslices" in answer.err
    assert "available: the window follows the calendar" in answer.err
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
