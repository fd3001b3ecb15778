"""Cascade: the cheap model first, the next one when the first answer is not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance import Purpose
from sim.chance.laws import DurationLaw
from sim.columns import Bools, Ints
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Cause, Planner
from sim.routing.quality import Auroc
from sim.routing.signals import Signal
from sim.routing.signals.self_confidence import SelfConfidence
from sim.routing.thresholds import surety_at_share
from sim.schema import Spec
from sim.units import Fraction, Usd, as_int64


class Verify(Spec):
    """The check of a first answer, before it is shown or escalated."""

    time: DurationLaw | None = None
    """How long the check takes."""
    usd_per_call: Usd = 0.0
    """USD per check."""
    auroc: Auroc | None = None
    """AUROC of a verifier of its own; where not given the model's own confidence is read."""


class EscalateWhen(Spec):
    """When a first answer is not trusted; any of the conditions suffices."""

    confidence_below: float | dict[str, float] | None = None
    """Escalate below this confidence: one number, or one per task class (others are not escalated by it)."""
    lowest: Fraction | None = None
    """Escalate this share with the lowest confidence, whatever the scale of the score: a share of the answers that the
    model would give to all requests, whoever gets as far as this rung."""
    refusal: bool = False
    """Escalate refusals."""
    hedging: bool = False
    """Escalate hedged answers."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.confidence_below is not None and self.lowest is not None:
            raise ValueError("confidence_below and lowest both set the threshold; give one of them")
        if self.confidence_below is None and self.lowest is None and not self.refusal and not self.hedging:
            raise ValueError("never escalates; write for example {confidence_below: 0.72} or {lowest: 20%}")
        return self


class Cascade(Pattern):
    """A ladder of models, cheap first; each answer is checked and the request climbs on when it is not trusted."""

    kind: Literal["cascade"]
    """Cheap first, escalate on low confidence."""
    ladder: Annotated[list[str], Field(min_length=2, max_length=10)]
    """Models from the first to the last tried."""
    verify: Verify | None = None
    """The check after each answer but the last; free and instant where not given."""
    admit_queue: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Escalate only where no more calls than this wait for the next model; else the answer at hand is given at once: an
    escalation that is rejected, for this or another reason, is not tried again."""
    escalate_when: EscalateWhen | Annotated[list[EscalateWhen], Field(min_length=1)]
    """When to climb: one rule for all rungs, or one per rung but the last."""

    @model_validator(mode="after")
    def _ladder_and_rules_fit(self) -> Self:
        twice = [model for model in dict.fromkeys(self.ladder) if self.ladder.count(model) > 1]
        if twice:
            raise ValueError(f"the ladder names {twice[0]} twice")
        if isinstance(self.escalate_when, list) and len(self.escalate_when) != len(self.ladder) - 1:
            raise ValueError(
                f"a ladder of {len(self.ladder)} models needs {len(self.ladder) - 1} escalation rules, "
                f"not {len(self.escalate_when)}"
            )
        return self

    def own_models(self) -> tuple[str, ...]:
        """Give the ladder."""
        return tuple(self.ladder)

    def baselines(self) -> tuple[str, ...]:
        """Give the first and the last model of the ladder: a direct call to either is what a user compares with."""
        return (self.ladder[0], self.ladder[-1])

    def may_refuse(self) -> bool:
        """Say whether escalations are refused where many wait."""
        return self.admit_queue is not None

    def check(self, signals: Mapping[str, Signal], tasks: tuple[str, ...]) -> None:
        """Raise ValueError for a threshold on a task class that does not exist."""
        super().check(signals, tasks)
        for rung in range(len(self.ladder) - 1):
            below = self._when(rung).confidence_below
            for task in below if isinstance(below, dict) else ():
                if tasks and task not in tasks:  # without task classes in the workload, the outcome table brings them
                    raise ValueError(
                        f"escalate_when.confidence_below names the task class {task!r}; there are {list(tasks)}"
                    )

    def route(self, planner: Planner, rows: Ints) -> None:
        """Climb the ladder: answer, check, and on to the next rung for those whose answer is not trusted."""
        climbing = rows
        for rung, model in enumerate(self.ladder):
            planner.call(climbing, model, queue_most=self.admit_queue if rung else None)
            planner.answer(climbing, model, held=rung < len(self.ladder) - 1)
            if rung:
                planner.relabel(climbing, ">".join(self.ladder[: rung + 1]))
            if rung == len(self.ladder) - 1:
                return
            planner.then(climbing)
            self._verify(planner, climbing, model)
            planner.then(climbing)
            climbing = climbing[np.flatnonzero(self._distrusted(planner, model, rung)[climbing])]
            planner.escalate(climbing)

    def _when(self, rung: int) -> EscalateWhen:
        return self.escalate_when[rung] if isinstance(self.escalate_when, list) else self.escalate_when

    def _verify(self, planner: Planner, rows: Ints, model: str) -> None:
        if self.verify is None:
            return
        time_ns = np.zeros(len(planner.requests), dtype=np.int64)
        if self.verify.time is not None:
            time_ns = as_int64(self.verify.time.quantile(planner.requests.uniform(Purpose.VERIFY, model)))
        planner.step(rows, f"verify:{model}", time_ns[rows], self.verify.usd_per_call, cause=Cause.VERIFICATION)

    def _distrusted(self, planner: Planner, model: str, rung: int) -> Bools:
        """Say for every request whether the model's answer would be escalated."""
        when, answers = self._when(rung), planner.answers
        auroc = None if self.verify is None else self.verify.auroc
        distrusted = SelfConfidence.worded(answers, model, refusal=when.refusal, hedging=when.hedging)
        if when.lowest is not None:
            threshold = surety_at_share(answers, model, auroc, when.lowest)
            return distrusted | (answers.surety(model, auroc) <= threshold) if when.lowest else distrusted
        if when.confidence_below is not None:
            by_task = when.confidence_below
            bounds = [
                by_task.get(task, -np.inf) if isinstance(by_task, dict) else by_task for task in planner.requests.tasks
            ]
            confidence = SelfConfidence.reading(answers, model, auroc)
            distrusted = distrusted | (confidence < np.array(bounds)[planner.requests.task])
        return distrusted
