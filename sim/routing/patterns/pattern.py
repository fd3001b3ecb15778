"""What a pattern is: a way to turn requests into calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from sim.columns import Ints
from sim.routing.plan import Planner
from sim.routing.rules import Rule, apply_rules, check_rules, unrouted
from sim.routing.signals import AnySignal, Signal
from sim.schema import Spec

PatternName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]


class Pattern(Spec):
    """Base of all routing patterns; `rules` in front of any of them send requests straight to a model."""

    name: PatternName
    """Name in reports and results."""
    description: str = ""
    """What this pattern stands for."""
    rules: list[Rule] = Field(default_factory=list)
    """Pre-route rules: the first that holds decides; requests that meet none go on to the pattern itself."""
    signals: dict[str, AnySignal] = Field(default_factory=dict)
    """Signals of this pattern alone; those of the experiment are known as well."""

    def all_models(self) -> tuple[str, ...]:
        """Give every model this pattern may call, in the order of the file."""
        return tuple(dict.fromkeys((*(rule.to for rule in self.rules), *self.own_models())))

    def own_models(self) -> tuple[str, ...]:
        """Give the models that the pattern itself calls, without its rules."""
        return ()

    def baselines(self) -> tuple[str, ...]:
        """Give the models whose direct answers this pattern is compared with, beside cheap and frontier."""
        return ()

    def may_refuse(self) -> bool:
        """Say whether the pattern itself refuses calls, whatever the models do."""
        return False

    def follows_prices(self) -> bool:
        """Say whether the pattern looks at prices when it routes, so that other prices make other routes."""
        return False

    def check(self, signals: Mapping[str, Signal], tasks: tuple[str, ...]) -> None:
        """Raise ValueError for what cannot be seen without the rest of the experiment."""
        check_rules(self.rules, {**signals, **self.signals}, tasks)

    def plan(self, planner: Planner, signals: Mapping[str, Signal], cheap: str) -> None:
        """Add the legs of every request: rules first, then the pattern for the rest."""
        by_rule = apply_rules(planner, self.rules, {**signals, **self.signals}, cheap)
        for model, rows in by_rule.items():
            planner.call(rows, model)
            planner.answer(rows, model)
        self.route(planner, unrouted(planner, by_rule))

    def route(self, planner: Planner, rows: Ints) -> None:
        """Add the legs of the given requests and name their answers."""
        raise TypeError(f"{type(self).__name__} routes nothing for {len(rows)} requests of {planner}")
