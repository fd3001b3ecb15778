"""SARIF held against the essential parts of its schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from drawn_remarks import FEW, REMARKS
from hypothesis import given
from hypothesis import strategies as st

from sim.report.remarks import DOUBTFUL, INVALID, Remark
from sim.report.sarif import sarif

_RULE = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
_REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}
_ARTIFACT = {
    "type": "object",
    "required": ["uri"],
    "properties": {"uri": {"type": "string", "pattern": r"^[!#-;=?-Z_a-z~%]+$"}},
}
_LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": _ARTIFACT, "region": _REGION},
            "additionalProperties": False,
        }
    },
}
_RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "level"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "locations": {"type": "array", "items": _LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
_DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "rules": {"type": "array", "uniqueItems": True, "items": _RULE}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": _DRIVER}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": _RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
}
"""What of the schema of SARIF 2.1.0 concerns this log; keys that it has not are refused where we write all of them."""


def test_a_remark_has_its_rule_and_place() -> None:
    """A result names its rule by name and position, and the place from 1."""
    written = sarif(
        [Remark("warning", DOUBTFUL, "t", "dearer", "a b.yaml"), Remark("error", INVALID, "t", "bad", "c", 3)]
    )
    run = json.loads(written)["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [DOUBTFUL, INVALID]
    first, second = (result["locations"][0]["physicalLocation"] for result in run["results"])
    assert first == {"artifactLocation": {"uri": "a%20b.yaml"}}
    assert second == {"artifactLocation": {"uri": "c"}, "region": {"startLine": 3, "startColumn": 1}}


@FEW
@given(st.lists(REMARKS, max_size=3))
def test_any_remark_meets_the_schema(remarks: list[Remark]) -> None:
    """Whatever names and paths hold, the log is valid, and the same each time."""
    written = sarif(remarks)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(written))
    assert written == sarif(remarks)
