"""The JSON of a check meets the schema that is published."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from drawn_remarks import FEW, checks
from hypothesis import given

from sim.report.check_schema import check_schema
from sim.study.content import check_of
from sim.study.verdict import CheckResult

SCHEMA = check_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_every_part_of_a_check_is_described(check: CheckResult) -> None:
    """A check with findings of every kind meets the schema, which allows no key that it does not describe."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(check_of(check), SCHEMA)


@FEW
@given(checks())
def test_any_check_meets_the_schema(check: CheckResult) -> None:
    """Whatever names hold, the JSON is valid."""
    VALIDATOR.validate(check_of(check))


@pytest.mark.parametrize("change", [{"more": 1}, {"verdict": "good"}, {"line": -1}, {"estimate": {"value": 1.0}}])
def test_what_is_not_described_is_refused(check: CheckResult, change: dict[str, Any]) -> None:
    """If a key is new, lacking or of another kind, the schema says so."""
    told = check_of(check)
    told["findings"][0] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, SCHEMA)
