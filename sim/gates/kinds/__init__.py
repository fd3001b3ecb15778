"""Gates, one file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.gates.kinds.gate import Gate, PaidGate, RateGate
from sim.schema import discover

GATES: dict[str, type[Gate]] = discover(__name__, __path__, Gate)  # type: ignore[type-abstract]

if TYPE_CHECKING:
    AnyGate = Gate
else:
    AnyGate = Annotated[reduce(operator.or_, GATES.values()), Field(discriminator="kind")]

__all__ = ["GATES", "AnyGate", "Gate", "PaidGate", "RateGate"]
