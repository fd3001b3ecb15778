"""Benchmark JSON."""

from __future__ import annotations

import json

import jsonschema
from drawn_remarks import FEW, checks
from hypothesis import given

from sim.report.benchmark_json import HEADLINES, benchmark_json
from sim.study.verdict import CheckResult

SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "unit", "value"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "additionalProperties": False,
    },
}


def test_headlines_and_promises_of_which_less_is_better(check: CheckResult) -> None:
    """The headlines that a pattern has are there, and of what is promised only that of which less is better."""
    found = {entry["name"]: entry for entry in json.loads(benchmark_json(check.run, check.findings))}
    own = [name.rpartition(" / ")[2] for name in found if " / cascade / " in name]
    assert own == [metric for metric in HEADLINES if metric != "failure.rate"]
    assert found["support-chat / cascade / latency.p95"] == {
        "name": "support-chat / cascade / latency.p95",
        "unit": "s",
        "value": 2.44,
        "range": "2.36606 to 2.51394",
        "extra": "20 replications, seed 7, hash 0123456789ab",
    }


@FEW
@given(checks())
def test_any_name_gives_a_valid_file(check: CheckResult) -> None:
    """Whatever names hold, the file has the shape that the reader wants."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(benchmark_json(check.run, check.findings)))
