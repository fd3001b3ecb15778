"""Segment: known from the credentials."""

from __future__ import annotations

import numpy as np
from scenes import WORKLOAD, setting, z_of

from sim.routing.signals.segment import SegmentOfRequest


def test_the_segment_is_that_of_the_request() -> None:
    """The labels are the segments, in their shares."""
    parts = {"free": {"share": 0.7}, "paid": {"share": 0.3}}
    scene = setting(workload={**WORKLOAD, "segments": parts})
    score = SegmentOfRequest(kind="segment").score("s", scene.answers, "small")
    assert score.names == ("free", "paid")
    assert np.array_equal(score.codes, scene.requests.segment)
    assert abs(z_of((score.codes == 1).mean(), 0.3, len(score.codes))) <= 4
