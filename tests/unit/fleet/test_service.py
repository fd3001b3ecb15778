"""Service times: time to first token, pace, stalls, or one law of the total."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scenes import z_of

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.fleet import ServiceTimes, service_times
from sim.fleet.service import Service, TokenService

N = 40_000
MS = 1_000_000
Key = tuple[Purpose, tuple[str, ...]]


@dataclass
class Luck:
    """A source of uniforms that remembers what was asked for."""

    count: int = N
    asked: list[Key] = field(default_factory=list)

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give the stream of that name."""
        self.asked.append((purpose, names))
        return Streams(5, 0).uniform(purpose, names, 0, self.count)


def times(spec: Any, tokens: Ints, model: str = "m", luck: Luck | None = None) -> ServiceTimes:
    """Give the service times under a service as YAML says it."""
    service = TypeAdapter(Service).validate_python(spec)
    return service_times(service, luck or Luck(len(tokens)), model, tokens)


def test_total_is_ttft_plus_tokens_at_the_pace() -> None:
    """With constant laws a call takes exactly TTFT + (output tokens - 1) x inter-token latency."""
    tokens = np.array([0, 1, 17, 4096], dtype=np.int64)
    served = times({"ttft": "340ms", "inter_token": "8ms"}, tokens)
    assert served.ttft_ns.tolist() == [340 * MS] * 4
    assert served.total_ns.tolist() == [340 * MS, 340 * MS, 468 * MS, 33_100 * MS]
    assert served.total_ns.dtype == served.ttft_ns.dtype == np.int64


def test_prompts_add_to_the_time_to_first_token() -> None:
    """If a thousand prompt tokens take 50 ms, 2,500 of them add 125 ms to both times, and none add nothing."""
    service = TypeAdapter(Service).validate_python({"ttft": "40ms", "prompt_ktok": "50ms", "inter_token": "8ms"})
    output, prompt = np.array([11, 11], dtype=np.int64), np.array([2500, 0], dtype=np.int64)
    served = service_times(service, Luck(2), "m", output, prompt_tokens=prompt)
    assert served.ttft_ns.tolist() == [165 * MS, 40 * MS]
    assert served.total_ns.tolist() == [245 * MS, 120 * MS]


def test_each_call_keeps_one_pace() -> None:
    """If the pace is drawn, it is drawn once per call: twice the tokens after the first take twice the decode time."""
    spec = {"ttft": "100ms", "inter_token": {"p50": "8ms", "p95": "20ms"}}
    once, twice = (times(spec, np.full(N, tokens, dtype=np.int64)) for tokens in (2, 1001))
    paces = once.total_ns - once.ttft_ns
    assert np.abs((twice.total_ns - twice.ttft_ns) - 1000 * paces).max() <= 501  # each is rounded to a nanosecond
    slower = np.count_nonzero(paces > 8 * MS)
    assert abs(z_of(slower / N, 0.5, N)) <= 4


def test_the_stall_comes_before_the_first_token_in_its_share() -> None:
    """A stall of 3 % adds its time to TTFT and total in 3 % of the calls and changes no other."""
    base = {"ttft": {"p50": "300ms", "p95": "600ms"}, "inter_token": {"p50": "8ms", "p95": "20ms"}}
    tokens = np.full(N, 100, dtype=np.int64)
    plain, stalling = times(base, tokens), times({**base, "stall": {"share": "3%", "time": "2s"}}, tokens)
    added = stalling.ttft_ns - plain.ttft_ns
    assert set(added.tolist()) == {0, 2_000 * MS}
    assert np.array_equal(added, stalling.total_ns - plain.total_ns)
    assert abs(z_of(np.count_nonzero(added) / N, 0.03, N)) <= 4


def test_stalls_are_independent_of_the_other_luck() -> None:
    """Calls that stall have the same mean TTFT before the stall as the others."""
    base = {"ttft": {"law": "uniform", "low": "0s", "high": "1s"}, "inter_token": "8ms"}
    tokens = np.full(N, 1, dtype=np.int64)
    plain, stalling = times(base, tokens), times({**base, "stall": {"share": 0.25, "time": "2s"}}, tokens)
    stalled = stalling.ttft_ns > plain.ttft_ns
    gap = (plain.ttft_ns[stalled].mean() - plain.ttft_ns[~stalled].mean()) / 1e9
    error = math.sqrt((1 / 12) * (1 / stalled.sum() + 1 / (~stalled).sum()))
    assert abs(gap / error) <= 4


def test_one_law_of_the_total_ignores_tokens() -> None:
    """Under one law the answer arrives whole, however long it is."""
    short, long = (
        times({"law": "exponential", "mean": "1.2s"}, np.full(N, tokens, dtype=np.int64)) for tokens in (1, 900)
    )
    assert np.array_equal(short.total_ns, long.total_ns)
    assert np.array_equal(short.total_ns, short.ttft_ns)
    z = (short.total_ns.mean() / 1.2e9 - 1) * math.sqrt(N)  # the standard deviation of an exponential is its mean
    assert abs(z) <= 4


def test_a_bare_duration_is_the_total() -> None:
    """A service of 900ms takes 900 ms."""
    assert times("900ms", np.array([3], dtype=np.int64)).total_ns.tolist() == [900 * MS]


def test_every_stream_carries_the_name_of_the_model() -> None:
    """Luck is drawn per purpose and model, each stream once: no two models or parts share a draw."""
    luck = Luck(1)
    drawn = {"law": "exponential", "mean": "1s"}
    spec = {"ttft": drawn, "inter_token": drawn, "stall": {"share": 0.5, "time": drawn}}
    times(spec, np.array([1], dtype=np.int64), "a", luck)
    times(drawn, np.array([1], dtype=np.int64), "b", luck)
    assert len(set(luck.asked)) == len(luck.asked) == 5
    assert [names for _, names in luck.asked] == [("a",)] * 4 + [("b",)]


def test_a_constant_asks_for_no_luck() -> None:
    """Where nothing is random no stream is drawn."""
    luck = Luck(1)
    times({"ttft": "1s", "inter_token": "1ms"}, np.array([1], dtype=np.int64), "a", luck)
    times("1s", np.array([1], dtype=np.int64), "b", luck)
    assert luck.asked == []


def test_a_service_of_tokens_needs_both_parts() -> None:
    """If only the time to first token is given, what is missing is the inter-token latency."""
    with pytest.raises(ValidationError, match="inter_token"):
        TypeAdapter(Service).validate_python({"ttft": "340ms"})


def test_a_service_already_read_is_left_as_it_is() -> None:
    """Reading a service twice changes nothing."""
    service = TokenService.model_validate({"ttft": "340ms", "inter_token": "8ms"})
    assert TypeAdapter(Service).validate_python(service) == service


def test_a_time_beyond_the_clock_is_refused() -> None:
    """A call that would take longer than 292 years is an error, not a negative time."""
    with pytest.raises(ValueError, match="int64"):
        times({"ttft": "1s", "inter_token": "52w"}, np.array([10**8], dtype=np.int64))
