"""Prices taken over from genai-prices are those that it calculates with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sim.errors import InvalidInput
from sim.exchange.genai import catalogue, freeze
from sim.fleet.token_rates import Usage

genai_prices = pytest.importorskip("genai_prices", reason="needs the extra [prices]")

DAY = datetime(2026, 11, 25, tzinfo=UTC)
MODELS = ("openai/gpt-5", "anthropic/claude-opus", "google/gemini-3", "deepseek/")
CONTEXT = {"batch": "processing"}

PUBLISHED = {
    "openai/gpt-4": (30.0, 60.0),
    "openai/gpt-4-turbo": (10.0, 30.0),
    "openai/gpt-4o-mini": (0.15, 0.6),
    "openai/gpt-5-nano": (0.05, 0.4),
    "google/gemini-2.0-flash": (0.1, 0.4),
    "openai/o1": (15.0, 60.0),
}
"""USD per million input and output tokens, as their providers announced them at launch; none has changed since."""


def test_every_price_equals_their_own_calculation() -> None:
    """Every period, service and tier of four families, at two times of day: equal to the last digit."""
    known, compared, kinds = catalogue(), 0, set()
    priced = []
    for name in known:
        try:
            priced += [(name, freeze([name], DAY))] if name.startswith(MODELS) else []
        except InvalidInput:
            continue  # priced by the second or by the image
    for name, book in priced:
        provider, model = known[name]
        for period in book.models[name].periods:
            first = period.since or datetime(2025, 2, 1, tzinfo=UTC)
            for at, service in ((first + timedelta(hours=h), one) for h in (0, 1) for one in ("", *period.services)):
                for tokens in (1000, 200_000, 200_001, 600_000):
                    usage = Usage(tokens, 777, tokens // 4, tokens // 8)
                    context = {CONTEXT.get(service, "service_tier"): service} if service else None
                    theirs = model.calc_price(
                        genai_prices.Usage(
                            input_tokens=tokens,
                            output_tokens=777,
                            cache_read_tokens=tokens // 4,
                            cache_write_tokens=tokens // 8,
                        ),
                        provider,
                        genai_request_timestamp=at,
                        price_context=context,
                    )
                    ours = book.price_at(name, at, usage, service=service or "standard")
                    assert Decimal(ours).scaleb(-15) == theirs.total_price, (name, at, service, tokens)
                    compared += 1
            tiered = any(one.above for one in (period, *period.services.values()))
            kinds |= {*period.services, *(["tier"] * tiered), *(["hours"] * bool(period.hours))}
    assert compared >= 200
    assert kinds >= {"batch", "flex", "priority", "tier", "hours"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_prices_are_those_the_providers_published(name: str) -> None:
    """A second source: launch prices from the providers' own announcements."""
    tariff = freeze([name], DAY).tariff_at(name, DAY)
    assert (tariff.input_mtok, tariff.output_mtok) == PUBLISHED[name]


def test_names_must_be_exact() -> None:
    """What the package would match by the beginning of its name is refused, with the name it would be taken for."""
    with pytest.raises(InvalidInput) as caught:
        freeze(["openai/gpt-5-2025-08-07", "gpt-5", "openai/gpt-6-ultra"], DAY)
    assert [issue.file for issue in caught.value.issues] == ["openai/gpt-5-2025-08-07", "gpt-5", "openai/gpt-6-ultra"]
    hints = [issue.hint for issue in caught.value.issues]
    assert hints[0] == "it would be taken for openai/gpt-5; write that if it is meant"
    assert "openai/gpt-5" in hints[1]
