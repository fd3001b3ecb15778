"""SARIF 2.1.0: remarks as code scanning shows them beside the line they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.experiment.summary import json_bytes
from sim.report.remarks import DOUBTFUL, INVALID, Remark, fingerprints, uri
from sim.version import __version__

RULES = {
    INVALID: "The experiment cannot be used as it is written.",
    DOUBTFUL: "The experiment is allowed, but probably not meant.",
    "threshold": "A limit that the experiment sets is broken, or cannot be decided.",
    "objective": "An objective of the experiment is missed, or cannot be decided.",
    "regression": "A metric is worse than in the baseline by more than is tolerated, or this cannot be decided.",
}
"""What each rule says of a remark that bears its name."""


def sarif(remarks: Sequence[Remark]) -> bytes:
    """Return the remarks as one SARIF log with one run; paths are relative to where the program was started."""
    driver = {
        "name": "tiercast",
        "semanticVersion": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": text}} for rule, text in RULES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(remark, mark) for remark, mark in zip(remarks, fingerprints(remarks), strict=True)],
    }
    return json_bytes({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _result(remark: Remark, fingerprint: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": remark.rule,
        "ruleIndex": list(RULES).index(remark.rule),
        "level": remark.level,
        "message": {"text": remark.message},
        "partialFingerprints": {"tiercast/v1": fingerprint},
    }
    if remark.file:
        place: dict[str, Any] = {"artifactLocation": {"uri": uri(remark.file)}}
        if remark.line > 0:
            place["region"] = {"startLine": remark.line, "startColumn": max(remark.col, 1)}
        found["locations"] = [{"physicalLocation": place}]
    return found
