"""Embedding similarity to requests that are known to be hard for the cheap model."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.chance import Purpose
from sim.chance.normal import normal_quantile
from sim.columns import Floats
from sim.routing.answers import Answers
from sim.routing.confidence import reading_correlation
from sim.routing.quality import Auroc
from sim.routing.signals.signal import Numbers, Signal


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
        requests = answers.requests
        noise = normal_quantile(requests.uniform(Purpose.SIMILARITY, name))
        hardness: Floats = -answers.ability(cheap)
        reading = np.empty(len(requests), dtype=np.float64)
        for code, acceptance in enumerate(answers.quality.acceptance[cheap]):
            mine = np.flatnonzero(requests.task == code)
            stated = self.auroc if isinstance(self.auroc, float) else self.auroc.get(requests.tasks[code], 0.5)
            r = reading_correlation(stated, float(acceptance))
            reading[mine] = r * hardness[mine] + np.sqrt(1 - r * r) * noise[mine]
        return Numbers(np.clip(self.mean + self.sd * reading, -1.0, 1.0))
