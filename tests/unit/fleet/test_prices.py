"""Rate cards: what a call costs, in integer nano-dollars."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.columns import Ints
from sim.fleet.prices import RateCard


def ints(*values: int) -> Ints:
    """Give a column."""
    return np.array(values, dtype=np.int64)


def test_a_call_is_billed_per_meter() -> None:
    """1000 prompt tokens, 400 of them cached, and 200 answer tokens cost what a person adds up by hand."""
    card = RateCard(input_mtok=1.25, output_mtok=10.0, cache_read_mtok=0.125, per_call_usd=0.0003)
    # 600 x 1250 + 400 x 125 + 200 x 10000 nano-dollars, and 300000 for the call
    assert card.call_nano(ints(1000), ints(400), ints(200)).tolist() == [750_000 + 50_000 + 2_000_000 + 300_000]


def test_long_prompts_and_cache_writes_are_billed_at_their_own_prices() -> None:
    """Up to 1,000 prompt tokens one price, above it the other for all tokens; what is not given stays as below."""
    above = [
        {"input_tokens": 1000, "input_mtok": 2.0, "cache_write_mtok": 3.0},
        {"input_tokens": 4000, "output_mtok": 9},
    ]
    card = RateCard.model_validate({"input_mtok": 1.0, "output_mtok": 4.0, "cache_read_mtok": 0.5, "above": above})
    use = ints(1000, 1001, 5000), ints(0, 1, 1000), ints(10, 10, 10), ints(100, 100, 0)
    expected = [1_000_000 + 40_000, 900 * 2_000 + 500 + 300_000 + 40_000, 4000 * 2_000 + 500_000 + 90_000]
    assert card.call_nano(*use).tolist() == expected
    assert sum(card.parts_nano(*use)).tolist() == expected  # type: ignore[union-attr]
    assert [rates.by_meter[1] for rates in card.rates((1000, 2000, 4000)).bands] == [10**9, *(2 * 10**9,) * 3]
    with pytest.raises(ValueError, match="calls were counted at"):
        card.rates((1000,))
    with pytest.raises(ValueError, match="must rise by input_tokens"):
        RateCard.model_validate({"input_mtok": 1.0, "above": above[::-1]})


def test_cached_tokens_cost_the_input_price_where_no_other_is_given() -> None:
    """Without a cache price the bill does not depend on how much was cached."""
    card = RateCard(input_mtok=0.25, output_mtok=1.25)
    assert card.call_nano(ints(1000, 1000), ints(0, 640), ints(7, 7)).tolist() == [250_000 + 8_750] * 2


def test_calls_with_and_without_cached_tokens_are_billed_alike() -> None:
    """A call is billed the same whether calls beside it have read from the cache or not."""
    card = RateCard(input_mtok=1.25, output_mtok=10.0, cache_read_mtok=0.125)
    plain, cached = (card.call_nano(ints(1000), ints(tokens), ints(200)).tolist() for tokens in (0, 400))
    assert plain == [1_250_000 + 2_000_000]
    assert card.call_nano(ints(1000, 1000), ints(0, 400), ints(200, 200)).tolist() == plain + cached


def test_a_free_cache_is_not_a_missing_cache_price() -> None:
    """If reading from the cache costs 0, cached tokens are free."""
    card = RateCard(input_mtok=1.0, cache_read_mtok=0.0)
    assert card.call_nano(ints(1000), ints(999), ints(0)).tolist() == [1000]


@pytest.mark.parametrize(
    ("price", "tokens", "nano"), [(0.0005, 1, 1), (0.0005, 3, 2), (0.000499999, 1, 0), (0.0015, 1, 2), (0.001, 1, 1)]
)
def test_half_a_nano_dollar_is_rounded_up(price: float, tokens: int, nano: int) -> None:
    """A meter is rounded half up to a nano-dollar (.0005 USD per million is half a nano-dollar per token)."""
    assert RateCard(input_mtok=price).call_nano(ints(tokens), ints(0), ints(0)).tolist() == [nano]


def test_each_meter_is_rounded_by_itself() -> None:
    """Three meters of half a nano-dollar each make three nano-dollars, not two."""
    card = RateCard(input_mtok=0.0005, output_mtok=0.0005, cache_read_mtok=0.0005)
    assert card.call_nano(ints(2), ints(1), ints(1)).tolist() == [3]


money = st.integers(0, 200_000_000)


@given(st.tuples(money, money, money), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_bills_equal_exact_rational_arithmetic(
    micro_usd: tuple[int, int, int], fresh: int, cached: int, output: int
) -> None:
    """A bill is the sum of its meters, each the exact rational rounded half up."""
    prices = [micro / 1_000_000 for micro in micro_usd]
    card = RateCard(input_mtok=prices[0], cache_read_mtok=prices[1], output_mtok=prices[2])
    exact = (Fraction(n * micro, 1000) for n, micro in zip((fresh, cached, output), micro_usd, strict=True))
    expected = sum(floor(meter + Fraction(1, 2)) for meter in exact)
    assert card.call_nano(ints(fresh + cached), ints(cached), ints(output)).tolist() == [expected]


@given(st.integers(1, 50), st.integers(0, 10**6), st.integers(0, 10**6))
def test_prices_times_k_make_bills_times_k(k: int, prompt: int, output: int) -> None:
    """If every price is k times as high, so is the bill, to the nano-dollar where a token costs whole ones."""
    once = RateCard(input_mtok=0.25, output_mtok=1.25, per_call_usd=0.01)
    often = RateCard(input_mtok=0.25 * k, output_mtok=1.25 * k, per_call_usd=round(0.01 * k, 2))
    columns = ints(prompt), ints(prompt // 3), ints(output)
    assert often.call_nano(*columns).tolist() == [k * int(once.call_nano(*columns)[0])]


def test_a_bill_beyond_64_bits_is_refused() -> None:
    """If tokens times price does not fit, the bill is refused; the largest price at the usual lengths fits."""
    dearest = RateCard(input_mtok=1e5)
    assert dearest.call_nano(ints(40_000), ints(0), ints(0)).tolist() == [4_000 * 10**9]
    with pytest.raises(ValueError, match="too dear"):
        dearest.call_nano(ints(1, 50_000_000), ints(0, 0), ints(0, 0))


def test_no_calls_cost_nothing() -> None:
    """An empty column has an empty bill."""
    assert RateCard(input_mtok=1.0).call_nano(ints(), ints(), ints()).tolist() == []


@pytest.mark.parametrize(
    ("usd", "replicas", "window_ns", "nano"),
    [
        (4.0, 2, 3_600 * 10**9, 8 * 10**9),
        (1.0, 1, 1_800 * 10**9, 5 * 10**8),
        (0.0036, 1, 500_000, 1),  # a nano-dollar per millisecond, so half of one here
        (0.0036, 1, 499_999, 0),
        (98.32, 1000, 365 * 24 * 3_600 * 10**9, 98_320 * 8_760 * 10**9),
        (1.0, 1, 0, 0),
    ],
)
def test_replica_hours(usd: float, replicas: int, window_ns: int, nano: int) -> None:
    """Self-hosted models cost replicas times hours times the price, busy or not, rounded half up once."""
    assert RateCard(replica_hour_usd=usd).rates().replica_nano(replicas * window_ns) == nano


def test_a_card_without_any_price_is_refused() -> None:
    """An empty rate card is a mistake; a price of zero is a price."""
    with pytest.raises(ValidationError, match="no price given"):
        RateCard()
    assert RateCard(input_mtok=0.0).call_nano(ints(5), ints(0), ints(5)).tolist() == [0]


def test_blended_price() -> None:
    """The blended price counts three input tokens to one output token."""
    assert RateCard(input_mtok=1.0, output_mtok=5.0).blended_mtok() == 2.0
