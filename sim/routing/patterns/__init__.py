"""Routing patterns. One file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.routing.patterns.pattern import Pattern
from sim.schema import discover

PATTERNS = discover(__name__, __path__, Pattern)

if TYPE_CHECKING:
    AnyPattern = Pattern
else:
    AnyPattern = Annotated[reduce(operator.or_, PATTERNS.values()), Field(discriminator="kind")]

__all__ = ["PATTERNS", "AnyPattern", "Pattern"]
