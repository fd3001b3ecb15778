"""Buying ahead against paying by use: where it begins to pay."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.columns import Floats
from sim.experiment.commitment_spec import Commitment
from sim.study.spend.answers import CommitmentAnswer
from sim.study.spend.commitments import committed
from sim.workload.traffic import months_from

MONTHS = months_from(dt.date(2027, 4, 1), 2, "UTC")
MINUTES = (30 * 1440, 31 * 1440)


def held(usd: Floats, units: Floats | None = None, **terms: Any) -> CommitmentAnswer:
    """Hold a commitment of $1,000 a month against two months of four futures."""
    asked = Commitment(models=["large"], usd_per_month=1000, **terms)
    used = np.zeros((*usd.shape, 5)) if units is None else units
    return committed("c", asked, "p", (usd, used), (MONTHS, 0.8))


def test_committed_spend_pays_from_what_is_committed_on() -> None:
    """At 20 % off, $1,000 cover $1,250: it pays above $1,000 by use, 80 % of them, and saves $250 at most."""
    usd = np.array([[999.0, 1001.0], [1001.0, 1250.0], [500.0, 1250.0], [2000.0, 5000.0]])
    found = held(usd, discount=0.2)
    assert found.break_even_usd == 1000
    assert found.break_even_utilisation is not None
    assert found.break_even_utilisation.median == pytest.approx(0.8)
    assert [month.pays for month in found.months] == [0.5, 1.0]
    assert found.from_month == "2027-04"
    assert found.months[0].utilisation.mean == pytest.approx((999 / 1250 + 1001 / 1250 + 0.4 + 1) / 4)
    assert found.whole.saving.mean == pytest.approx((0 + 251 - 250 + 500) / 4)
    assert found.whole.saving.median == pytest.approx((0 + 251) / 2)
    assert found.whole.pays == 0.5


def test_beyond_the_commitment_the_discount_ends_unless_it_is_said_not_to() -> None:
    """$2,250 by use are $1,000, and another thousand at list price or at 20 % less."""
    usd = np.full((4, 2), 2250.0)
    assert held(usd, discount=0.2).whole.saving.mean == pytest.approx(2 * 250)
    assert held(usd, discount=0.2, beyond="discounted").whole.saving.mean == pytest.approx(2 * 450)


def test_throughput_pays_where_what_it_serves_costs_more_by_use() -> None:
    """Tokens at $1 per million: 1,000 million of them a month pay it; what does not fit is paid by use."""
    tokens = np.array([500e6, 1000e6, 1500e6, 3000e6])[:, np.newaxis] * np.ones((4, 2))
    units = np.stack([np.ones_like(tokens), tokens / 4, tokens, tokens / 4, tokens / 10], axis=2)
    throughput = {"tokens_per_minute": 50_000, "usable": 0.9, "output_weight": 5, "cached_weight": 0}
    found = held(
        tokens / 1e6, units, throughput=throughput
    )  # half a token uncached or written, half as five times a tenth
    whole = np.array(MINUTES) * 50_000
    assert found.break_even_utilisation is not None
    assert found.break_even_utilisation.median == pytest.approx(1e9 / whole.mean())
    served = np.minimum(tokens, 0.9 * whole)
    used = [month.utilisation.mean for month in found.months]
    assert used == pytest.approx((served / whole).mean(axis=0).tolist())
    assert found.whole.saving.mean == pytest.approx((served / 1e6 - 1000).sum(axis=1).mean())
    assert [month.pays for month in found.months] == [0.5, 0.5]
    assert found.whole.pays == 0.5


def test_throughput_that_is_worth_less_than_it_costs_never_pays() -> None:
    """If all that it can serve costs less by use, no use is enough."""
    tokens = np.full((4, 2), 1e9)
    units = np.stack([tokens * 0, tokens, *(tokens * 0,) * 3], axis=2)
    found = held(tokens / 1e6, units, throughput={"tokens_per_minute": 20_000, "usable": 0.9})
    assert (found.break_even_usd, found.break_even_utilisation, found.from_month) == (None, None, None)
    assert [month.pays for month in found.months] == [0.0, 0.0]


def test_where_it_pays_depends_on_the_prices_of_each_future() -> None:
    """If tokens cost $2 per million in one future of three, half of the use pays there, and only there."""
    tokens = np.full((3, 2), 1e9)
    units = np.stack([tokens * 0, tokens, *(tokens * 0,) * 3], axis=2)
    usd = np.array([2.0, 1.0, 1.0])[:, np.newaxis] * tokens / 1e6
    found = held(usd, units, throughput={"tokens_per_minute": 50_000, "usable": 0.9})
    at = 1e9 / (np.array(MINUTES).mean() * 50_000)
    assert found.break_even_utilisation is not None
    assert found.break_even_utilisation.median == pytest.approx(at)
    assert found.break_even_utilisation.mean == pytest.approx(at * (0.5 + 1 + 1) / 3)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({}, "either a discount or a throughput"),
        ({"discount": 0.1, "throughput": {"tokens_per_minute": 1, "usable": 0.5}}, "either a discount or a throughput"),
        ({"throughput": {"tokens_per_minute": 1, "usable": 0.5}, "beyond": "list"}, "beyond says what follows"),
    ],
)
def test_a_commitment_is_one_of_two_kinds(terms: dict[str, Any], message: str) -> None:
    """Keys that would do nothing are refused."""
    with pytest.raises(ValidationError, match=message):
        Commitment.model_validate({"models": ["large"], "usd_per_month": 1, **terms})
