"""GitLab's code quality report (a subset of Code Climate's): remarks in the merge request, beside their line."""

from __future__ import annotations

from collections.abc import Sequence

from sim.experiment.summary import json_bytes
from sim.report.remarks import Remark, fingerprints, slashes

SEVERITIES = {"error": "major", "warning": "minor"}
"""GitLab knows info, minor, major, critical and blocker."""


def code_quality(remarks: Sequence[Remark]) -> bytes:
    """Return the remarks as GitLab reads them from ``artifacts: reports: codequality``.

    Remarks on no file are left out: GitLab has no place for them. Those on a file as a whole stand at its first line.
    """
    placed = [remark for remark in remarks if remark.file]
    return json_bytes(
        [
            {
                "description": f"{remark.title}: {remark.message}",
                "check_name": f"tiercast/{remark.rule}",
                "fingerprint": fingerprint,
                "severity": SEVERITIES[remark.level],
                "location": {"path": slashes(remark.file), "lines": {"begin": max(remark.line, 1)}},
            }
            for remark, fingerprint in zip(placed, fingerprints(placed), strict=True)
        ]
    )
