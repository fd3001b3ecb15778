"""How long a call to a model takes on average, as far as laws tell it before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Floats, Ints
from sim.fleet import Model
from sim.fleet.capacity import batching_of, needed, servers_of
from sim.fleet.measured import MeasuredService
from sim.fleet.service import TokenService
from sim.workload.tasks import TaskClass

_KTOK: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Typical:
    """A call that is like the average of all: the time to its first token and to its last, in ns."""

    prefill_ns: float
    total_ns: float


def typical_call(model: Model, classes: Sequence[TaskClass], shares: Sequence[float]) -> Typical | None:
    """Give the mean call of a model over task classes of these shares; None where no law says how long answers are."""
    service = model.service
    if isinstance(service, MeasuredService):
        return None
    if not isinstance(service, TokenService):
        mean = service.mean_value()
        return Typical(mean, mean)
    prompt, answer = 0.0, 0.0
    for one, share in zip(classes, shares, strict=True):
        if one.output_tokens is None or one.input_tokens is None:
            return None
        prompt += share * one.input_tokens.mean_value() * one.input_factor * (1 - one.cached_share)
        answer += share * one.output_tokens.mean_value() * one.output_factor * model.verbosity
    prefill = _first_token(service, prompt)
    return Typical(prefill, prefill + max(answer - 1, 0.0) * service.inter_token.mean_value())


def expected_ns(model: Model, typical: Typical, prompt_tokens: Ints, output_tokens: Ints) -> Floats:
    """Give how long each of these calls is expected to take alone, float64 ns: by its tokens where they matter."""
    service = model.service
    if not isinstance(service, TokenService):
        return np.full(len(output_tokens), typical.total_ns)
    prefill = _first_token(service, 0.0) + prompt_tokens * ((service.prompt_ktok or 0) / _KTOK)
    times: Floats = prefill + np.maximum(output_tokens - 1, 0) * service.inter_token.mean_value()
    return times


def stretch(model: Model, typical: Typical) -> float:
    """Give how many times as long as alone a call takes where calls wait; in a batch that is more than once."""
    if batching_of(model.capacity) is None or not typical.total_ns:
        return 1.0
    return max(
        needed(model.capacity, min(typical.prefill_ns, typical.total_ns), typical.total_ns) / typical.total_ns, 1.0
    )


def servers_at_start(model: Model) -> int:
    """Give how many calls are served at once with the replicas of the start; 0 for any number."""
    batching = batching_of(model.capacity)
    return servers_of(model.capacity) if batching is None else batching.slots * batching.replicas


def _first_token(service: TokenService, prompt_tokens: float) -> float:
    """Give the mean time to the first token, in ns."""
    stall = 0.0 if service.stall is None else service.stall.share * service.stall.time.mean_value()
    return service.ttft.mean_value() + stall + prompt_tokens * ((service.prompt_ktok or 0) / _KTOK)
