"""How a pattern is steered while it runs: what alarms have changed of it, and what they will change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from sim.gates.actions import Action, Alert
from sim.gates.actions.reroute import Reroute
from sim.gates.actions.retrain import Retrain
from sim.gates.actions.roll_back import RollBack
from sim.gates.actions.tighten import Tighten
from sim.routing.patterns import Pattern
from sim.routing.patterns.cascade import Cascade, EscalateWhen
from sim.routing.patterns.single import Single
from sim.routing.rules import BUILT_IN, Rule
from sim.routing.signals.signal import Signal
from sim.routing.signals.task_class import TaskClassifier

_US: Final = 1_000


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done to a pattern: from which moment on, by which gate, and what, in words."""

    at: dt.datetime
    gate: str
    what: str


def span(length_ns: int) -> dt.timedelta:
    """Give a length as the calendar counts it."""
    return dt.timedelta(microseconds=length_ns // _US)


class Steering:
    """The state of one pattern in one replication: threshold, rerouted task classes, roll-back, last training."""

    def __init__(self, trained: dt.datetime, planned: tuple[dt.datetime, ...]) -> None:
        self.trained = trained
        self.deeds: list[Deed] = []
        self._due: list[tuple[dt.datetime, str, Action]] = [
            (at, "planned", Retrain(kind="retrain", after=0)) for at in planned
        ]
        self._shift = 0.0
        self._bounds = (0.0, 1.0)
        self._rerouted: tuple[str, ...] = ()
        self._frontier_until: dt.datetime | None = None

    def order(self, gate: str, action: Action, now: dt.datetime) -> None:
        """Let an action take effect after its time."""
        if not isinstance(action, Alert):
            self._due.append((now + span(action.after), gate, action))

    def take_effect(self, now: dt.datetime) -> bool:
        """Do what is due by now; say whether anything changed."""
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        for at, gate, action in sorted(due, key=lambda one: (one[0], one[1])):
            what = self._do(action, now)
            if what:
                self.deeds.append(Deed(max(at, now), gate, what))
        if self._frontier_until is not None and self._frontier_until <= now:
            self._frontier_until = None
            self.deeds.append(Deed(now, "planned", "routes again"))
            return True
        return bool(due)

    def _do(self, action: Action, now: dt.datetime) -> str:
        if isinstance(action, Tighten):
            before = self._shift
            self._shift += action.by
            self._bounds = (action.least, action.most)
            return f"threshold moved by {self._shift - before:+.2f}"
        if isinstance(action, Reroute):
            new = [task for task in action.tasks if task not in self._rerouted]
            self._rerouted = (*self._rerouted, *new)
            return f"{', '.join(new)} sent to the frontier" if new else ""
        if isinstance(action, RollBack):
            self._frontier_until = (
                dt.datetime.max.replace(tzinfo=dt.UTC) if action.length is None else now + span(action.length)
            )
            return "rolled back to the frontier"
        if isinstance(action, Retrain):
            self.trained = now
            return "trained and calibrated anew"
        return ""

    def steered(self, pattern: Pattern, frontier: str, signals: dict[str, Signal]) -> Pattern:
        """Give the pattern as it is steered now."""
        if self._frontier_until is not None:
            return Single(kind="single", name=pattern.name, model=frontier)
        changes: dict[str, object] = {}
        if self._rerouted:
            rule = Rule(when={task_signal({**signals, **pattern.signals}): list(self._rerouted)}, to=frontier)
            changes["rules"] = [rule, *pattern.rules]
        if self._shift and isinstance(pattern, Cascade):
            whens = pattern.escalate_when
            moved = [self._moved(one) for one in whens] if isinstance(whens, list) else self._moved(whens)
            changes["escalate_when"] = moved
        return pattern.model_copy(update=changes) if changes else pattern

    def _moved(self, when: EscalateWhen) -> EscalateWhen:
        least, most = self._bounds

        def shifted(bound: float) -> float:
            return min(max(bound + self._shift, min(least, bound)), max(most, bound))

        below = when.confidence_below
        if isinstance(below, dict):
            return when.model_copy(update={"confidence_below": {task: shifted(b) for task, b in below.items()}})
        if below is not None:
            return when.model_copy(update={"confidence_below": shifted(below)})
        return when if when.lowest is None else when.model_copy(update={"lowest": shifted(when.lowest)})


def task_signal(signals: dict[str, Signal]) -> str:
    """Give the name of the signal by which the router tells task classes apart."""
    own = [name for name, signal in signals.items() if isinstance(signal, TaskClassifier)]
    built_in = [name for name, signal in BUILT_IN.items() if isinstance(signal, TaskClassifier)]
    return (own or built_in)[0]
