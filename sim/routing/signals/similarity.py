"""Embedding similarity to requests that are known to be hard for the cheap model."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.chance import Purpose
from sim.chance.normal import normal_quantile
from sim.routing.answers import Answers
from sim.routing.confidence import reading_correlation
from sim.routing.quality import Auroc
from sim.routing.signals.signal import Numbers, Signal
from sim.workload.by_class import of_class


class Cosine(Signal):
    """Largest cosine similarity to a set of known-hard requests.

    A noisy reading of the latent that decides whether the cheap model fails, mapped to a cosine: mean + sd x reading,
    kept within [-1, 1]. So a threshold such as 0.88 selects the share that a normal law of cosines implies.
    """

    kind: Literal["similarity"]
    """Cosine similarity to known-hard requests."""
    auroc: Auroc | dict[str, Auroc]
    """How well it tells requests the cheap model fails from the others, within a task class."""
    mean: Annotated[float, Field(ge=-1, le=1)] = 0.70
    """Mean cosine over all requests."""
    sd: Annotated[float, Field(gt=0, le=1)] = 0.10
    """Standard deviation of the cosine over all requests."""

    def check(self, tasks: tuple[str, ...]) -> None:
        """Raise ValueError for an AUROC of a task class that does not exist."""
        for task in self.auroc if isinstance(self.auroc, dict) else ():
            if tasks and task not in tasks:
                raise ValueError(f"auroc names the task class {task!r}; there are {', '.join(tasks)}")

    def score(self, name: str, answers: Answers, cheap: str) -> Numbers:
        """Give the cosine of every request."""
        requests, acceptance = answers.requests, answers.quality.acceptance[cheap].tolist()
        stated = [self.auroc if isinstance(self.auroc, float) else self.auroc.get(task, 0.5) for task in requests.tasks]
        r = np.array([reading_correlation(*pair) for pair in zip(stated, acceptance, strict=True)])
        # what is hard is what the cheap model has no ability for
        cosine = of_class(-r, requests.task) * answers.ability(cheap)
        cosine += of_class(np.sqrt(1 - r * r), requests.task) * normal_quantile(
            requests.uniform(Purpose.SIMILARITY, name)
        )
        cosine *= self.sd
        cosine += self.mean
        return Numbers(np.clip(cosine, -1.0, 1.0, out=cosine))
