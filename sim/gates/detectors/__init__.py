"""Detectors: control charts that watch a gate's scores. One file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.gates.detectors.detector import Chart, Detector, Side
from sim.schema import discover

DETECTORS: dict[str, type[Detector]] = discover(__name__, __path__, Detector)  # type: ignore[type-abstract]

if TYPE_CHECKING:
    AnyDetector = Detector
else:
    AnyDetector = Annotated[reduce(operator.or_, DETECTORS.values()), Field(discriminator="kind")]

__all__ = ["DETECTORS", "AnyDetector", "Chart", "Detector", "Side"]
