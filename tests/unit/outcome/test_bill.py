"""The bill: integer nano-dollars per leg, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.experiment.scene import Scene
from sim.outcome.bill import leg_costs
from sim.outcome.sums import total
from sim.routing.plan import Cause, Plan

NANO = 10**9


def document(**changes: object) -> dict[str, object]:
    """Describe two kinds of calls of 1,000 prompt tokens each, to a cheap and to a frontier model."""
    return {
        "version": 1,
        "name": "bill",
        "workload": {
            "arrivals": {"kind": "constant", "rate_per_s": 1.0},
            "tasks": {"t": {"input_tokens": 1000, "output_tokens": 200, "cached_share": 0.5}},
        },
        "fleet": {
            "cheap": {
                "tier": "cheap",
                "price": {"input_mtok": 0.5, "output_mtok": 2.0, "cache_read_mtok": 0.1},
                "service": "1s",
                "verbosity": 1.5,
            },
            "dear": {
                "tier": "frontier",
                "price": {"input_mtok": 5.0, "output_mtok": 20.0, "per_call_usd": 0.001},
                "service": "2s",
            },
        },
        "quality": {"acceptance": {"t": {"cheap": 0.5, "dear": 1.0}}},
        "patterns": [
            {
                "name": "cascade",
                "kind": "cascade",
                "ladder": ["cheap", "dear"],
                "verify": {"time": "100ms", "usd_per_call": 0.0003, "auroc": 1.0},
                "escalate_when": {"confidence_below": 0.5},
            }
        ],
        "run": {"requests": 40, "replications": 1},
        **changes,
    }


def scene(**changes: object) -> Scene:
    """Set requests before a cheap and a frontier model."""
    experiment = sim.from_mapping(document(**changes))
    return Scene(experiment.spec, experiment.line_up, experiment.inputs())


def billed(pattern: str) -> tuple[Plan, list[int]]:
    """Give the plan of a pattern and the cost of its legs."""
    play = scene()
    answers = play.answers(play.requests(0))
    (spec,) = [one for one in play.line_up.patterns if one.name == pattern]
    plan = play.plan(spec, answers)
    costs = [0] * plan.itinerary.legs
    for group in plan.groups:
        for leg, nano in zip(group.leg.tolist(), leg_costs(group, plan, answers).tolist(), strict=True):
            costs[leg] = nano
    return plan, costs


# 500 uncached tokens at $0.5, 500 cached ones at $0.1 and 200 x 1.5 answer tokens at $2 per million
CHEAP_CALL = (500 * 500_000_000 + 500 * 100_000_000 + 300 * 2 * NANO) // 10**6
# 1,000 tokens at $5 (no price for cached ones), 200 answer tokens at $20 per million, and $0.001
DEAR_CALL = (1000 * 5 * NANO + 200 * 20 * NANO) // 10**6 + 1_000_000
CHECK = 300_000


def test_single_calls_cost_what_the_rate_card_says() -> None:
    """If every request is one call, every leg costs what one computes by hand."""
    assert billed("cheap-only")[1] == [CHEAP_CALL] * 40
    assert billed("frontier-only")[1] == [DEAR_CALL] * 40
    assert (CHEAP_CALL, DEAR_CALL) == (900_000, 10_000_000)


def test_every_started_leg_of_a_cascade_is_billed() -> None:
    """If a request escalates, the wasted first pass, the check and the second call are all paid for."""
    plan, costs = billed("cascade")
    escalated = int(plan.escalated.sum())
    assert 0 < escalated < 40
    by_cause = [sum(nano for nano, why in zip(costs, plan.leg_cause, strict=True) if why == cause) for cause in Cause]
    expected = dict.fromkeys(Cause, 0) | {
        Cause.ANSWER: (40 - escalated) * CHEAP_CALL + escalated * DEAR_CALL,
        Cause.WASTED_FIRST_PASS: escalated * CHEAP_CALL,
        Cause.VERIFICATION: 40 * CHECK,
    }
    assert by_cause == list(expected.values())


LONG = {
    "workload": {
        "arrivals": {"kind": "constant", "rate_per_s": 1.0},
        "tasks": {
            "short": {"input_tokens": 1000, "output_tokens": 200, "cached_share": 0.5, "cache_write_share": 0.4},
            "long": {"input_tokens": 1001, "output_tokens": 200},
        },
        "mix": {"short": 0.5, "long": 0.5},
    },
    "fleet": {
        "cheap": {"tier": "cheap", "price": {"input_mtok": 0.5, "output_mtok": 2.0}, "service": "1s"},
        "dear": {
            "tier": "frontier",
            "price": {
                "input_mtok": 5.0,
                "output_mtok": 20.0,
                "cache_read_mtok": 0.5,
                "cache_write_mtok": 6.25,
                "above": [{"input_tokens": 1000, "input_mtok": 10.0}, {"input_tokens": 5000, "output_mtok": 1.0}],
            },
            "service": "2s",
        },
    },
    "quality": {"acceptance": {name: {"cheap": 0.5, "dear": 1.0} for name in ("short", "long")}},
}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_prompts_above_a_length_and_cache_writes_have_their_own_prices(engine: str) -> None:
    """A prompt of as many tokens pays what is below, one more token all of what is above; so say legs and sums."""
    play = scene(**LONG)
    answers = play.answers(play.requests(0))
    long = int((answers.requests.task == answers.requests.tasks.index("long")).sum())
    # 300 fresh, 500 read, 200 written, 200 out; 1,001 at twice the price, 200 out
    short_nano, long_nano = 300 * 5_000 + 500 * 500 + 200 * 6_250 + 200 * 20_000, 1001 * 10_000 + 200 * 20_000
    (spec,) = [one for one in play.line_up.patterns if one.name == "frontier-only"]
    plan = play.plan(spec, answers)
    nano = leg_costs(plan.groups[0], plan, answers)
    assert sorted(set(nano.tolist())) == sorted({short_nano, long_nano})
    run = sim.from_mapping(document(**LONG)).run(workers=1, engine=engine)
    (outcome,) = run.outcomes["frontier-only"]
    assert sum(outcome.spent()) == ((40 - long) * short_nano + long * long_nano) * 10**6
    assert outcome.bought.segments[:, 0, 1].sum(axis=0).tolist() == [
        *(count * (40 - long) for count in (1, 300, 500, 200, 200)),
        *(count * long for count in (1, 1001, 0, 0, 200)),
        *(0,) * 5,
    ]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_sums_are_exact_beyond_64_bits(values: list[int]) -> None:
    """If nanoseconds or nano-dollars add up to more than 2**63, not one is lost."""
    assert total(np.array(values, dtype=np.int64)) == sum(values)
