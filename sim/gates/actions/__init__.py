"""Actions after an alarm, one file each; a new file is found by its `kind`."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.gates.actions.action import Action
from sim.gates.actions.alert import Alert
from sim.schema import discover

ACTIONS: dict[str, type[Action]] = discover(__name__, __path__, Action)

if TYPE_CHECKING:
    AnyAction = Action
else:
    AnyAction = Annotated[reduce(operator.or_, ACTIONS.values()), Field(discriminator="kind")]

__all__ = ["ACTIONS", "Action", "Alert", "AnyAction"]
