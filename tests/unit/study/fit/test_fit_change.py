"""Changes of rates taken apart from logs: parts that add up, mix that is mix, intervals that hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.study.fit.change import Log, change_of, doublings, joined


def log(counts: Sequence[tuple[int, int]]) -> Log:
    """Make a log of classes a, b, ... with so many requests without and with the flag."""
    flags = np.concatenate([np.repeat([False, True], pair) for pair in counts])
    codes = np.repeat(np.arange(len(counts)), [sum(pair) for pair in counts])
    return Log(flags, codes.astype(np.int64), tuple("abcdefgh"[: len(counts)]))


@given(
    before=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=3),
    after=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=3),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_parts_add_up_to_the_change(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    """Whatever two logs hold, mix and remainder add up to the change, and so do the parts of the classes."""
    if not sum(map(sum, before)) or not sum(map(sum, after)):
        return
    found = change_of("x", ["class"], log(before), log(after))
    rates = [sum(pair[1] for pair in side) / sum(map(sum, side)) for side in (before, after)]
    assert (found.before.value, found.after.value) == pytest.approx(tuple(rates))
    assert found.mix.value + found.within.value == pytest.approx(rates[1] - rates[0], abs=1e-12)
    assert sum(one.mix for one in found.classes) == pytest.approx(found.mix.value, abs=1e-12)
    assert sum(one.within for one in found.classes) == pytest.approx(found.within.value, abs=1e-12)


def test_kitagawas_parts_by_hand() -> None:
    """If a class of rate .1 falls from .8 to .5 and its rate rises to .2, the parts are those of the formula."""
    found = change_of("x", ["class"], log([(720, 80), (100, 100)]), log([(400, 100), (250, 250)]))
    assert found.mix.value == pytest.approx((0.5 - 0.8) * (0.1 + 0.2) / 2 + (0.5 - 0.2) * 0.5)
    assert found.within.value == pytest.approx((0.2 - 0.1) * (0.8 + 0.5) / 2)
    assert found.classes[0].name in {"a", "b"}


def test_a_class_of_one_side_is_mix() -> None:
    """If a class is new, its whole part is mix, and it has no rate before."""
    found = change_of("x", ["class"], log([(90, 10), (0, 0)]), log([(45, 5), (10, 40)]))
    (new,) = [one for one in found.classes if one.name == "b"]
    assert new.rates == (None, 0.8)
    assert found.within.value == pytest.approx(0.0)


def test_intervals_hold_the_true_parts() -> None:
    """If classes of known rates change their shares and one its rate, 95 % intervals hold the true parts mostly."""
    rng = np.random.Generator(np.random.Philox(8))
    tries, hits = 120, np.zeros(2)
    shares, rates = ([0.8, 0.2], [0.6, 0.4]), ([0.1, 0.5], [0.1, 0.6])
    true = (0.2 * (0.55 - 0.1), 0.1 * 0.3)
    for _ in range(tries):
        sides = []
        for share, rate in zip(shares, rates, strict=True):
            sizes = rng.multinomial(2_000, share)
            some = rng.binomial(sizes, rate)
            sides.append(log([(int(size - one), int(one)) for size, one in zip(sizes, some, strict=True)]))
        found = change_of("x", ["class"], *sides)
        for at, (part, value) in enumerate(zip((found.mix, found.within), true, strict=True)):
            hits[at] += part.lower <= value <= part.upper
    assert (abs(hits / tries - 0.95) <= 4.6 * (0.95 * 0.05 / tries) ** 0.5).all()


def test_classes_are_joined_and_numbers_doubled() -> None:
    """If there are several classes, every combination that occurs is one; numbers are cut at powers of two."""
    codes, names = doublings(np.array([0.0, 1.0, 3.0, 4.0, 5.0]))
    assert [names[code] for code in codes] == ["below 1", "1 to 2", "2 to 4", "4 to 8", "4 to 8"]
    both, pairs = joined({"task": (np.array([0, 1, 0, 0, 1]), ("chat", "math")), "n": (codes, names)})
    assert [pairs[code] for code in both][:3] == ["chat / below 1", "math / 1 to 2", "chat / 2 to 4"]
    assert len(pairs) == 5


def test_an_empty_log_is_refused() -> None:
    """If a log has no request, there is no rate."""
    with pytest.raises(ValueError, match="no request"):
        change_of("x", ["class"], log([(0, 0)]), log([(1, 1)]))
