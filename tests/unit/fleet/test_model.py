"""Which model of a fleet is cheap and which is the frontier."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sim.fleet import Model, cheap_and_frontier


def model(price: float, tier: str | None = None, **more: Any) -> Model:
    """Give a model with one input price."""
    return Model.model_validate({"price": {"input_mtok": price, **more}, "service": "1s", "tier": tier})


CASES: dict[str, tuple[dict[str, Model], tuple[str, str]]] = {
    "one model is both": ({"a": model(1)}, ("a", "a")),
    "one model that says cheap is both": ({"a": model(1, "cheap")}, ("a", "a")),
    "by price": ({"a": model(2), "b": model(1), "c": model(3)}, ("b", "c")),
    "equals go by the file": ({"a": model(1), "b": model(1), "c": model(1)}, ("a", "c")),
    "a declared tier beats the price": ({"a": model(5, "cheap"), "b": model(1, "frontier")}, ("a", "b")),
    "the declared cheap is not the frontier": ({"a": model(9, "cheap"), "b": model(1)}, ("a", "b")),
    "the declared frontier is not the cheap": ({"a": model(9), "b": model(1, "frontier")}, ("a", "b")),
    "the first that says cheap": ({"a": model(2, "cheap"), "b": model(1, "cheap"), "c": model(3)}, ("a", "c")),
    "the last that says frontier": ({"a": model(1), "b": model(9, "frontier"), "c": model(8, "frontier")}, ("a", "c")),
    "balanced is neither": ({"a": model(1, "balanced"), "b": model(2), "c": model(3)}, ("b", "c")),
    "balanced is neither at the top": ({"a": model(1), "b": model(2), "c": model(3, "balanced")}, ("a", "b")),
    "balanced where no other is left": ({"a": model(1, "balanced"), "b": model(3, "frontier")}, ("a", "b")),
    "two balanced": ({"a": model(2, "balanced"), "b": model(1, "balanced")}, ("b", "a")),
    # a cent per call is 10 USD per million tokens in calls of 1000
    "a price per call counts": ({"a": model(1, per_call_usd=0.01), "b": model(4)}, ("b", "a")),
}


@pytest.mark.parametrize(("fleet", "expected"), CASES.values(), ids=CASES)
def test_cheap_and_frontier(fleet: dict[str, Model], expected: tuple[str, str]) -> None:
    """Declared tiers come first, then prices; only a fleet of one has the same model in both roles."""
    assert cheap_and_frontier(fleet) == expected


def test_a_price_per_replica_needs_replicas() -> None:
    """A model that is billed by the replica-hour says how many there are."""
    priced = {"price": {"replica_hour_usd": 4}, "service": "1s"}
    with pytest.raises(ValidationError, match=r"concurrency: 16, replicas: 2"):
        Model.model_validate(priced)
    assert Model.model_validate({**priced, "capacity": {"concurrency": 16, "replicas": 2}}).price.replica_hour_usd == 4
