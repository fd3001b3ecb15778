"""The contract about replicas: what its columns must keep, and what plans make of a fleet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from naive import itinerary_of
from naive_conditions import conditional
from naive_replicas import with_replicas

from sim.routing.itinerary import Itinerary
from sim.routing.replicas import FULL_SPEED, LONGEST_NS, LOT_BITS, MOST_SLOTS

PLAN = conditional(itinerary_of([0, 0], [(0, [[(0, 5), (1, 7)]])]))


def made(**columns: Any) -> Itinerary:
    """Give a plan of two calls at two stations, the second one with two slots."""
    return with_replicas(PLAN, columns.pop("slots", [0, 2]), **columns)


def test_good_replicas_pass() -> None:
    """Columns that keep the contract are accepted."""
    made(prefill_ns=[5, 7], lot=[0, 2**LOT_BITS - 1]).check()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prefill_ns": [0, 8]}, "between 0 and the service time"),
        ({"prefill_ns": [-1, 0]}, "between 0 and the service time"),
        ({"prefill_ns": [0]}, r"prefill_ns must be int64\[2\], not int64\[1\]"),
        ({"lot": [0, 2**LOT_BITS]}, "a number of 52 bits"),
        ({"lot": [-1, 0]}, "a number of 52 bits"),
        ({"number": [1, 0]}, "replicas below 1"),
        ({"slots": [0, -2]}, "below 0"),
        ({"balance": [0, 4]}, "unknown balance"),
        ({"decode_speed": [FULL_SPEED, 0]}, "decode_speed must lie between 1 and 65536"),
        ({"beside_speed": [FULL_SPEED + 1, 1]}, "beside_speed must lie between"),
        ({"prefill_speed": [1]}, r"prefill_speed must be int64\[2\]"),
        ({"window_ns": [5, 4]}, "ends before it starts"),
        ({"window_ns": [-1, 4]}, "starts before 0"),
        ({"slots": [0, MOST_SLOTS + 1]}, "more than 4096 slots"),
    ],
)
def test_replicas_that_break_the_contract_are_refused(columns: dict[str, Any], message: str) -> None:
    """If a column holds what it must not, or has another length, the message names it."""
    with pytest.raises(ValueError, match=message):
        made(**columns).check()


def test_columns_count_in_int64() -> None:
    """If a column has another type, it is named."""
    plan = made()
    assert plan.replicas is not None
    with pytest.raises(ValueError, match="lot must be int64"):
        replace(plan, replicas=replace(plan.replicas, lot=np.zeros(2))).check()


def test_replicas_need_conditions() -> None:
    """If an itinerary has replicas and no conditions, it is refused."""
    with pytest.raises(ValueError, match="no conditions"):
        replace(made(), conditions=None).check()


def test_work_must_fit_its_unit() -> None:
    """If a service, with the longest slowdown, has more work than 62 bits hold, it is refused at replicas only."""
    for station, fails in ((0, False), (1, True)):
        service = np.array([5, 7], dtype=np.int64)
        service[station] = LONGEST_NS
        plan = replace(made(), leg_service_ns=service)
        if fails:
            with pytest.raises(ValueError, match="does not fit 62 bits"):
                plan.check()
        else:
            plan.check()
