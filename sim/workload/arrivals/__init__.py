"""Arrival processes, one file per kind; a new file is a new kind."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from sim.schema import discover
from sim.workload.arrivals.process import ArrivalProcess

REGISTRY: Final[dict[str, type[ArrivalProcess]]] = discover(
    __name__,
    __path__,
    ArrivalProcess,  # type: ignore[type-abstract] # only subclasses of it are made
)
"""Every kind of arrival process, by the name YAML gives it."""

if TYPE_CHECKING:
    Arrivals = ArrivalProcess
else:
    Arrivals = Annotated[reduce(operator.or_, REGISTRY.values()), Field(discriminator="kind")]
    """An arrival process of any kind: ``{kind: poisson, rate_per_s: 5}``."""

__all__ = ["REGISTRY", "ArrivalProcess", "Arrivals"]
