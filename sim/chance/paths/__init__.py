"""Paths: a number that moves over calendar time. One file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.chance.paths.path import MONTH, Luck, Moment, Path, parse_moment
from sim.schema import discover

PATHS: dict[str, type[Path]] = discover(__name__, __path__, Path)  # type: ignore[type-abstract]

if TYPE_CHECKING:
    AnyPath = Path
else:
    AnyPath = Annotated[reduce(operator.or_, PATHS.values()), Field(discriminator="kind")]

__all__ = ["MONTH", "PATHS", "AnyPath", "Luck", "Moment", "Path", "parse_moment"]
