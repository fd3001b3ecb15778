"""GitLab's code quality report."""

from __future__ import annotations

import json

import jsonschema
from drawn_remarks import FEW, REMARKS
from hypothesis import given
from hypothesis import strategies as st

from sim.report.code_quality import code_quality
from sim.report.remarks import Remark

_LINES = {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string"},
            "check_name": {"type": "string"},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {"path": {"type": "string", "minLength": 1}, "lines": _LINES},
            },
        },
    },
}


def test_a_remark_on_no_file_is_left_out() -> None:
    """GitLab has no place for it; one on a file as a whole stands at the first line."""
    found = json.loads(code_quality([Remark("error", "x", "t", "m"), Remark("warning", "x", "t", "m", "./a.yaml")]))
    assert [(one["location"], one["severity"]) for one in found] == [
        ({"path": "a.yaml", "lines": {"begin": 1}}, "minor")
    ]


@FEW
@given(st.lists(REMARKS, max_size=3))
def test_any_remark_meets_the_schema(remarks: list[Remark]) -> None:
    """Whatever names and paths hold, the report is valid and its fingerprints differ."""
    found = json.loads(code_quality(remarks))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert len({one["fingerprint"] for one in found}) == len(found)
