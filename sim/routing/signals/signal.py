"""What a signal is: a look at the request that gives one score per request, at a time and a price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.chance.laws import DurationLaw
from sim.columns import Floats, Ints
from sim.routing.answers import Answers
from sim.schema import Spec
from sim.units import Usd


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric score per request, float64."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Labels:
    """A label per request: int64 codes into `names`."""

    codes: Ints
    names: tuple[str, ...]


class Signal(Spec):
    """Base of all signals. The score comes with its cost: a leg before the routed call."""

    known_before_call: ClassVar[bool] = True
    """Whether a rule in front of the first call can use it."""

    time: DurationLaw | None = None
    """How long it takes to compute; nothing where not given."""
    usd_per_call: Usd = 0.0
    """USD per request it is computed for."""

    def score(self, name: str, answers: Answers, cheap: str) -> Numbers | Labels:
        """Give the score of every request. `name` is the signal's name in the YAML, `cheap` the cheap model's."""
        raise TypeError(f"{type(self).__name__} gives no score for {name} with {answers} and {cheap}")

    def is_numeric(self) -> bool:
        """Say whether rules compare the score with a number (`>4000`) rather than with labels."""
        return True

    def labels(self, tasks: tuple[str, ...]) -> tuple[str, ...]:
        """Give the labels that the score can have; none where it has numbers or where only the run shows them."""
        del tasks
        return ()

    def check(self, tasks: tuple[str, ...]) -> None:
        """Raise ValueError for what does not fit the task classes (none where the outcome table brings them)."""
