"""How long a model takes for one call once a server takes it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

import numpy as np
from pydantic import Discriminator, Tag

from sim.chance import Purpose
from sim.chance.laws import Constant, DurationLaw
from sim.columns import Floats, Ints
from sim.fleet.measured import CallRows, MeasuredService
from sim.schema import Spec
from sim.units import Fraction, PositiveDurationNs, as_int64

_TOKENS_PER_KTOK: Final = 1_000
_OF_TOKENS: Final = {"ttft", "inter_token", "prompt_ktok", "stall"}


class Draws(Protocol):
    """Source of uniforms, one per request, named by purpose and names."""

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per request, in request order."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Per request: `total_ns` from start to last token, `ttft_ns` from start to first token; int64."""

    total_ns: Ints
    ttft_ns: Ints


class Stall(Spec):
    """A rare pause before the first token, seen on every hosted model."""

    share: Fraction
    """Share of calls that stall."""
    time: DurationLaw
    """Length of the pause, added to the time to first token."""


class TokenService(Spec):
    """Time to first token, then the other output tokens at the pace of the inter-token latency, and a rare stall."""

    ttft: DurationLaw
    """Time to first token of an unqueued call; a shifted lognormal fits hosted models best."""
    inter_token: DurationLaw
    """Inter-token latency: a duration, or a law from which each call draws its pace."""
    prompt_ktok: PositiveDurationNs | None = None
    """What 1,000 prompt tokens that were not read from the prompt cache add to the time to first token."""
    stall: Stall | None = None
    """A rare pause before the first token."""

    def times(self, draws: Draws, model: str, output_tokens: Ints, prompt_tokens: Ints | None = None) -> ServiceTimes:
        """Give the service times of `model` for every request: TTFT + (output tokens - 1) x inter-token latency.

        `prompt_tokens` are those that have to be read; none where not given.
        """
        count = len(output_tokens)
        ttft = _drawn(self.ttft, draws, Purpose.TTFT, model, count)
        if self.stall is not None:
            stalled = np.flatnonzero(draws.uniform(Purpose.STALL, model) < self.stall.share)
            size = draws.uniform(Purpose.STALL_SIZE, model)[stalled]
            ttft[stalled] += self.stall.time.quantile(size)
        if self.prompt_ktok is not None and prompt_tokens is not None:
            ttft += prompt_tokens * (self.prompt_ktok / _TOKENS_PER_KTOK)
        ttft_ns = as_int64(ttft)
        decode = _drawn(self.inter_token, draws, Purpose.DECODE, model, count)
        decode *= np.maximum(output_tokens - 1, 0)
        total_ns = as_int64(decode)
        total_ns += ttft_ns
        return ServiceTimes(total_ns, ttft_ns)


def service_times(
    service: Service,
    draws: Draws,
    model: str,
    output_tokens: Ints,
    rows: CallRows | None = None,
    *,
    prompt_tokens: Ints | None = None,
) -> ServiceTimes:
    """Give the service times of `model` for every request.

    `rows` are the measured calls where they are asked for, `prompt_tokens` those that have to be read.

    Under one law of the total time the tokens do not matter and the answer arrives whole, so TTFT is the total.
    """
    if isinstance(service, TokenService):
        return service.times(draws, model, output_tokens, prompt_tokens)
    if isinstance(service, MeasuredService):
        if rows is None:
            raise ValueError(f"the measured calls of {model!r} were not read")
        return _measured_times(rows, draws, model, output_tokens)
    total_ns = as_int64(_drawn(service, draws, Purpose.SERVICE, model, len(output_tokens)))
    return ServiceTimes(total_ns, total_ns)


def measured_tokens(rows: CallRows, draws: Draws, model: str) -> Ints | None:
    """Give the output tokens of the measured calls that the requests are served as, int64; None where lengths vary."""
    return None if rows.output_tokens is None else rows.output_tokens[rows.drawn(draws.uniform(Purpose.SERVICE, model))]


def _measured_times(rows: CallRows, draws: Draws, model: str, output_tokens: Ints) -> ServiceTimes:
    """Give TTFT and pace of one row per request: TTFT + (output tokens - 1) x pace, exact where the row's length is."""
    row = rows.drawn(draws.uniform(Purpose.SERVICE, model))
    ttft_ns = rows.ttft_ns[row]
    decode = rows.decode_ns[row].astype(np.float64)
    decode *= np.maximum(output_tokens - 1, 0)
    decode /= rows.gaps[row]
    return ServiceTimes(as_int64(decode) + ttft_ns, ttft_ns)


def _drawn(law: DurationLaw, draws: Draws, purpose: Purpose, model: str, count: int) -> Floats:
    """Give a value of the law for each of `count` requests, float64 ns; a constant asks for no random numbers."""
    if isinstance(law, Constant):
        return np.full(count, law.mean_value())
    return law.quantile(draws.uniform(purpose, model))


def _service_form(value: Any) -> str:
    if isinstance(value, TokenService):
        return "tokens"
    if isinstance(value, MeasuredService) or (isinstance(value, dict) and "measured" in value):
        return "measured"
    return "tokens" if isinstance(value, dict) and _OF_TOKENS & value.keys() else "total"


Service = Annotated[
    Annotated[TokenService, Tag("tokens")]
    | Annotated[MeasuredService, Tag("measured")]
    | Annotated[DurationLaw, Tag("total")],
    Discriminator(_service_form),
]
"""`{ttft: ..., inter_token: ...}`, measured calls, or one law of the total time: `{law: exponential, mean: 1.2s}`."""
