"""JSON Schema of what `tiercast check` writes as JSON: strict, so that a key that is not described is an error."""

from __future__ import annotations

from typing import Any, Final

from sim.study.content import CHECK_SCHEMA
from sim.study.verdict import Kind, Verdict


def check_schema() -> dict[str, Any]:
    """Return the schema of `sim.study.content.check_of`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answer of tiercast check",
        **_object(
            schema=({"const": CHECK_SCHEMA}, "Version of this layout."),
            experiment=(_TEXT, "Name of the experiment."),
            hash=(_TEXT, "Hash of the resolved experiment."),
            passed=({"type": "boolean"}, "Whether nothing of level error is broken; open verdicts are not."),
            verdicts=(
                {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
                "Number of findings by verdict, those that occur.",
            ),
            baseline=(_TEXT, "Path of the file that was compared with; empty without one."),
            notes=({"type": "array", "items": _TEXT}, "Remarks on the check as a whole."),
            findings=({"type": "array", "items": _FINDING}, "One verdict per promise, in the order of the experiment."),
            summary=({"type": "object"}, "summary.json of the run that was judged."),
        ),
    }


def _object(optional: frozenset[str] = frozenset(), /, **keys: tuple[dict[str, Any], str]) -> dict[str, Any]:
    """Return the schema of an object that has these keys and no other; all of them but the optional ones."""
    described = {name: {**schema, "description": text} for name, (schema, text) in keys.items()}
    needed = [name for name in keys if name not in optional]
    return {"type": "object", "properties": described, "required": needed, "additionalProperties": False}


def _or_none(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Final[dict[str, Any]] = {"type": "string"}
_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_BOUNDS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "value": (_NUMBER, "The value."),
    "lower": (_or_none(_NUMBER), "Lower end of its interval; null where one replication leaves no way to say."),
    "upper": (_or_none(_NUMBER), "Upper end of its interval, or null."),
}
_ESTIMATE: Final = _object(
    frozenset({"baseline", "few_data"}),
    **_BOUNDS,
    unit=(_TEXT, "Unit, as in the reference of metrics."),
    baseline=(_TEXT, "Pattern that a difference or ratio is taken against."),
    few_data=({"const": True}, "Stands where the interval is not to be trusted."),
)
_BUDGET: Final = _object(
    target=(_NUMBER, "Share of requests that must be good."),
    allowed=(_NUMBER, "Share that may be bad."),
    bad=(_ESTIMATE, "Share that is bad."),
    burn_rate=(_ESTIMATE, "Bad over allowed: at 1 the window uses up its budget exactly."),
    window_s=(_NUMBER, "Length of the window in seconds."),
)
_FINDING: Final = _object(
    kind=({"enum": [kind.value for kind in Kind]}, "What was promised."),
    verdict=({"enum": [verdict.value for verdict in Verdict]}, "What is known of it."),
    level=({"enum": ["error", "warn"]}, "Only errors break the check."),
    pattern=(_TEXT, "Routing pattern."),
    metric=(_TEXT, "Dotted name of the metric."),
    wanted=(_TEXT, "What the author wrote."),
    place=(_TEXT, "Dotted place of it in the experiment."),
    file=(_TEXT, "File it stands in."),
    line=({"type": "integer", "minimum": 0}, "Its line from 1; 0 where it stands in no file."),
    col=({"type": "integer", "minimum": 0}, "Its column from 1, or 0."),
    estimate=(_or_none(_ESTIMATE), "What was measured; null where there is nothing to trust."),
    limit=(_or_none(_NUMBER), "Limit in the unit of the metric."),
    before=(_or_none(_ESTIMATE), "The same in the baseline."),
    change=(_or_none(_object(**_BOUNDS)), "Relative change against the baseline, paired: 0.26 is 26 % more."),
    tolerance=(_or_none(_NUMBER), "Relative change for the worse that is tolerated."),
    budget=(_or_none(_BUDGET), "Error budget of an objective."),
    message=(_TEXT, "The verdict in a sentence."),
    more_replications=(
        _or_none({"type": "integer", "minimum": 1}),
        "About how many more would decide an open verdict, where they can.",
    ),
)
