"""Prices over time: what a call costs at an instant, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sim.fleet.rate_card import RateBook
from sim.fleet.token_rates import Usage

BERLIN = ZoneInfo("Europe/Berlin")
FLAT = {"input_mtok": 1.25, "output_mtok": 10.0}


def book(*periods: dict[str, Any], **more: Any) -> RateBook:
    """Give a book of one model `m`."""
    return RateBook.model_validate({"models": {"m": {"periods": list(periods), **more}}})


def test_cached_tokens_and_calls_have_their_own_prices() -> None:
    """A call costs what a person adds up: 500 plain, 300 read, 200 written tokens, 100 of an answer, itself."""
    prices = book({**FLAT, "cache_read_mtok": 0.125, "cache_write_mtok": 1.5, "per_call_usd": 0.0003})
    cost = prices.price_at("m", datetime(2026, 1, 1, tzinfo=UTC), Usage(1000, 100, 300, 200))
    usd = (500 * Decimal("1.25") + 300 * Decimal("0.125") + 200 * Decimal("1.5") + 100 * 10) / 10**6 + Decimal("0.0003")
    assert Decimal(cost).scaleb(-15) == usd


@pytest.mark.parametrize(("tokens", "usd"), [(200_000, "0.25"), (200_001, "0.5000025")])
def test_a_tier_holds_above_its_tokens_and_for_all_of_them(tokens: int, usd: str) -> None:
    """200,000 input tokens cost the lower price, and one more makes all of them dear."""
    prices = book({**FLAT, "above": [{"input_tokens": 200_000, "input_mtok": 2.5}]})
    cost = prices.price_at("m", datetime(2026, 1, 1, tzinfo=UTC), Usage(tokens, 0))
    assert Decimal(cost).scaleb(-15) == Decimal(usd)


def test_a_year_of_calls_equals_the_spreadsheet() -> None:
    """A call an hour for a leap year in Berlin: months, a step in mid-month, both clock changes, peak hours, a tier."""
    prices = book(
        {**FLAT, "cache_read_mtok": 0.125},
        {
            "since": "2028-02-15T12:00Z",
            "input_mtok": 0.3,
            "output_mtok": 2.4,
            "cache_read_mtok": 0.03,
            "above": [{"input_tokens": 1000, "input_mtok": 0.6, "output_mtok": 3.6}],
            "hours": [{"after": "22:30", "before": "04:30", "input_mtok": 0.15, "output_mtok": 1.2}],
        },
    )
    start = datetime(2028, 1, 1, tzinfo=BERLIN).astimezone(UTC)
    ours, theirs, calls = {}, {}, {}
    for hour in range(366 * 24):
        at = start + timedelta(hours=hour)
        month, long = at.astimezone(BERLIN).month, hour % 3 == 0
        plain, cached, answer = (901 if long else 900), 100, 50
        ours[month] = ours.get(month, 0) + prices.price_at("m", at, Usage(plain + cached, answer, cached))
        if at < datetime(2028, 2, 15, 12, tzinfo=UTC):
            p_in, p_read, p_out = "1.25", "0.125", "10"
        elif at.hour >= 23 or at.hour < 5:  # on the hour: 22:30 to 04:30 holds 23:00 to 04:00
            p_in, p_read, p_out = "0.15", "0.15", "1.2"
        else:
            p_in, p_read, p_out = ("0.6", "0.03", "3.6") if long else ("0.3", "0.03", "2.4")
        usd = (plain * Decimal(p_in) + cached * Decimal(p_read) + answer * Decimal(p_out)) / 10**6
        theirs[month] = theirs.get(month, Decimal(0)) + usd
        calls[month] = calls.get(month, 0) + 1
    assert {month: Decimal(femto).scaleb(-15) for month, femto in ours.items()} == theirs
    assert (calls[2], calls[3], calls[10]) == (29 * 24, 31 * 24 - 1, 31 * 24 + 1)


def test_a_month_is_cut_where_the_price_changes() -> None:
    """Sums over the pieces of a month equal the sum over its calls, across a step and a retirement."""
    prices = RateBook.model_validate(
        {
            "models": {
                "old": {
                    "periods": [FLAT, {"since": "2026-03-10T06:00Z", "input_mtok": 1.0, "output_mtok": 8.0}],
                    "retires": "2026-03-20",
                    "successor": "new",
                },
                "new": {"periods": [{"input_mtok": 0.5, "output_mtok": 4.0}]},
            }
        }
    )
    start, end = datetime(2026, 3, 1, tzinfo=BERLIN), datetime(2026, 4, 1, tzinfo=BERLIN)
    pieces = prices.periods("old", start, end)
    assert [(piece.model, piece.start.day) for piece in pieces] == [("old", 28), ("old", 10), ("new", 20)]
    hourly = [start.astimezone(UTC) + timedelta(hours=hour) for hour in range(31 * 24 - 1)]
    by_piece = sum(
        piece.rates.femto(Usage(1000 * n, 200 * n), calls=n)
        for piece in pieces
        for n in [sum(piece.start <= at < piece.end for at in hourly)]
    )
    assert by_piece == sum(prices.price_at("old", at, Usage(1000, 200)) for at in hourly)


def test_hours_of_the_day_cut_every_day() -> None:
    """Two days with cheap hours across midnight fall into five pieces: cheap, dear, cheap, dear, cheap."""
    prices = book({**FLAT, "hours": [{"after": "22:00", "before": "06:00", "input_mtok": 0.5, "output_mtok": 5.0}]})
    start = datetime(2026, 3, 1, tzinfo=UTC)
    pieces = prices.periods("m", start, start + timedelta(days=2))
    assert [piece.rates.uncached_femto for piece in pieces] == [500_000_000, 1_250_000_000] * 2 + [500_000_000]


def test_a_promotion_ends_with_its_period() -> None:
    """The last moment of a promotion has its price, the instant of its end does not; beyond the last there is none."""
    prices = book(
        {"since": "2026-01-01", "until": "2026-02-01", "input_mtok": 0.0, "output_mtok": 1.0},
        {"since": "2026-02-01", "until": "2026-03-01", **FLAT},
    )
    end = datetime(2026, 2, 1, tzinfo=UTC)
    assert prices.price_at("m", end - timedelta(microseconds=1), Usage(0, 1)) == 10**9
    assert prices.price_at("m", end, Usage(0, 1)) == 10**10
    with pytest.raises(ValueError, match="m has no price at 2026-03-01"):
        prices.price_at("m", datetime(2026, 3, 1, tzinfo=UTC), Usage(0, 1))


def test_a_service_without_prices_is_refused() -> None:
    """A discount that is not recorded is never silently the standard price."""
    prices = book({**FLAT, "services": {"batch": {"input_mtok": 0.625, "output_mtok": 5.0}}})
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert prices.price_at("m", at, Usage(0, 1), service="batch") == 5 * 10**9
    with pytest.raises(ValueError, match="m has no service 'flex' at 2026-01-01; it has standard, batch"):
        prices.price_at("m", at, Usage(0, 1), service="flex")


def test_a_retired_model_without_successor_has_no_price() -> None:
    """Calls to a model that is gone are an error, not free."""
    with pytest.raises(ValueError, match="m retires at 2026-06-01 and has no successor"):
        book(FLAT, retires="2026-06-01").price_at("m", datetime(2026, 6, 1, tzinfo=UTC), Usage(1, 1))


def test_usage_that_cannot_be_is_refused() -> None:
    """More cached tokens than input are a mistake of the caller."""
    with pytest.raises(ValueError, match="more cached ones than input"):
        Usage(10, 1, 6, 5)


def test_a_book_written_in_python_must_fit_together_too() -> None:
    """Overlapping periods are refused without a file as well."""
    with pytest.raises(ValidationError, match=r"models\.m\.periods\.1\.since: overlap: begins at 2026-02-01"):
        book({"until": "2026-03-01", **FLAT}, {"since": "2026-02-01", **FLAT})
