"""Signals: what a router can know of a request. One file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.routing.signals.signal import Labels, Numbers, Signal
from sim.schema import discover

SIGNALS = discover(__name__, __path__, Signal)

if TYPE_CHECKING:
    AnySignal = Signal
else:
    AnySignal = Annotated[reduce(operator.or_, SIGNALS.values()), Field(discriminator="kind")]

__all__ = ["SIGNALS", "AnySignal", "Labels", "Numbers", "Signal"]
