"""Random shares, blind to the request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import setting, z_of

from sim.routing.patterns.split import Split

N = 20_000


def split(name: str = "s", **shares: float) -> dict[str, Any]:
    """Give a split."""
    return {"name": name, "kind": "split", "shares": shares}


def test_shares_are_realised() -> None:
    """Each model gets its share within four standard errors."""
    plan = setting(split(small=0.5, middle=0.2, large=0.3)).plan()
    counts = np.bincount(plan.answer_model, minlength=3)
    assert max(abs(z_of(count / N, share, N)) for count, share in zip(counts, (0.5, 0.2, 0.3), strict=True)) <= 4


def test_a_split_is_blind() -> None:
    """The requests that go to either model are equally hard."""
    scene = setting(split(small=0.5, large=0.5))
    sent = scene.plan().answer_model == 2
    right = scene.answers.acceptable("small")
    gap = right[sent].mean() - right[~sent].mean()
    assert abs(gap) <= 4 * np.sqrt(right.var() * (1 / sent.sum() + 1 / (~sent).sum()))


def test_a_larger_share_keeps_the_requests_it_had() -> None:
    """If the share of a model grows, under one name, no request leaves it."""
    few, many = (setting(split(small=share, large=1 - share)).plan().answer_model == 0 for share in (0.3, 0.4))
    assert not np.any(few & ~many)


@pytest.mark.parametrize("position", range(3))
def test_a_share_of_nothing_gets_nothing(position: int) -> None:
    """A model with a share of 0 is not called, wherever it stands."""
    shares = dict(zip(("small", "middle", "large"), (0.5, 0.5, 0.5), strict=True))
    empty = list(shares)[position]
    plan = setting(split(**{**shares, empty: 0.0})).plan()
    assert not np.any(plan.leg_model == position)


def test_shares_add_up() -> None:
    """Shares of 90 % in all are a mistake; tenths that only floats cannot add are none."""
    with pytest.raises(ValidationError, match=r"add up to 0\.9, not to 1"):
        Split(kind="split", name="s", shares={"a": 0.5, "b": 0.4})
    assert Split(kind="split", name="s", shares={"a": 0.1, "b": 0.2, "c": 0.7}).own_models() == ("a", "b", "c")
