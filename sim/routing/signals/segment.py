"""Segment: the tenant or plan a request belongs to, known from its credentials."""

from __future__ import annotations

from typing import Literal

from sim.routing.answers import Answers
from sim.routing.signals.signal import Labels, Signal


class SegmentOfRequest(Signal):
    """The segment of the request."""

    kind: Literal["segment"]
    """Segment (tenant, plan) of the request."""

    def score(self, name: str, answers: Answers, cheap: str) -> Labels:
        """Give the segment of every request."""
        del name, cheap
        return Labels(answers.requests.segment, answers.requests.segments)

    def is_numeric(self) -> bool:
        """Segments are labels."""
        return False
