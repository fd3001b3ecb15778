"""Orders, and limits by segment: what the YAML may say, and the lanes that follow from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sim.fleet import Model, Provider
from sim.fleet.capacity import Concurrency
from sim.fleet.limits import Limits, SegmentLimits
from sim.fleet.order import FairOrder, PriorityOrder
from sim.routing.conditions import NO_LIMIT
from sim.routing.stations import lane_columns, station_columns

BARE: dict[str, Any] = {"price": {"input_mtok": 1.0}, "service": "1s"}
SEGMENTS = ("free", "enterprise", "trial")


def model(**parts: Any) -> Model:
    """Give a model with some parts."""
    return Model.model_validate({**BARE, **parts})


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (PriorityOrder, {"kind": "priority", "segments": {}}, "at least 1 item"),
        (PriorityOrder, {"kind": "priority", "segments": {"free": -1}}, "greater than or equal to 0"),
        (FairOrder, {"kind": "fair", "weights": {"free": 0}}, "greater than or equal to 1"),
        (
            FairOrder,
            {"kind": "fair", "weights": {"a": 97, "b": 89, "c": 83}},
            "common multiple 716,539; 10,080 at most",
        ),
        (SegmentLimits, {}, "limits nothing"),
        (
            Limits,
            {"requests_per_minute": 60, "by_segment": {"free": {"requests_per_minute": 60}}},
            "by_segment.free.requests_per_minute does nothing: 60 are accepted of all",
        ),
        (
            Limits,
            {"reserved_output_tokens": 100, "by_segment": {"free": {"requests_per_minute": 60}}},
            "tokens_per_minute, which is not given",
        ),
        (Concurrency, {"concurrency": 4, "queue": 5, "queue_by_segment": {"free": 5}}, "no more than 5 calls wait"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: Any, written: dict[str, Any], message: str) -> None:
    """If a part says what cannot be meant, the message says why."""
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(written)


def test_limits_of_segments_may_stand_alone() -> None:
    """If only segments are limited, or their tokens, nothing more is asked for."""
    limits = Limits.model_validate({"by_segment": {"free": {"tokens_per_minute": 9}}, "reserved_output_tokens": 7})
    assert list(limits.buckets()) == [("free", True, 9)]
    both = Limits.model_validate({"requests_per_minute": 5, "by_segment": {"free": {"requests_per_minute": 4}}})
    assert list(both.buckets()) == [(None, False, 5), ("free", False, 4)]
    assert (limits.counts_tokens, both.counts_tokens) == (True, False)


@pytest.mark.parametrize(
    ("parts", "refuses"),
    [
        ({"capacity": {"concurrency": 4}, "order": "fifo"}, False),
        ({"capacity": {"concurrency": 4}, "order": {"kind": "fair", "weights": {"free": 2}}}, True),
        ({"capacity": {"concurrency": 4, "queue_by_segment": {"free": 2}}}, True),
    ],
)
def test_an_order_needs_the_engine_that_plays_conditions(parts: dict[str, Any], refuses: bool) -> None:
    """If calls may be overtaken, or a segment's queue be full, a model is not one at which all is as it comes."""
    assert model(**parts).may_refuse() is refuses


def test_models_that_tell_nobody_apart_have_no_lanes() -> None:
    """If no model has an order or a limit by segment, there are no lanes."""
    fleet = {"a": model(limits={"requests_per_minute": 60}), "b": model(capacity={"concurrency": 4, "queue": 9})}
    assert lane_columns(fleet, {}, tuple(fleet), SEGMENTS) is None


def test_each_segment_has_a_lane_where_it_matters() -> None:
    """If a model tells segments apart, it has a lane for each; who is not named comes last, or has the weight 1."""
    fleet = {
        "first": model(
            capacity={"concurrency": 4, "queue_by_segment": {"free": 3}},
            order={"kind": "priority", "segments": {"enterprise": 4, "free": 6}},
        ),
        "plain": model(capacity={"concurrency": 4, "queue": 5}),
        "fair": model(capacity={"concurrency": 4}, order={"kind": "fair", "weights": {"enterprise": 3, "free": 2}}),
        "hosted": model(provider="p", limits={"requests_per_minute": 90, "burst": "1s"}),
    }
    limits = {"by_segment": {"free": {"requests_per_minute": 60, "tokens_per_minute": 900}}, "burst": "2s"}
    providers = {"p": Provider.model_validate({"limits": limits})}
    lanes = lane_columns(fleet, providers, tuple(fleet), SEGMENTS)
    assert lanes is not None
    assert {name: column.tolist() for name, column in lanes.items()} == {
        "lane_station": [0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4],
        "lane_rank": [0, 6, 4, 7, 0, 0, 0, 0, 0, 0, 0],
        "lane_stride": [1, 1, 1, 1, 1, 3, 2, 6, 1, 1, 1],
        "lane_most": [NO_LIMIT, 3, *[NO_LIMIT] * 9],
        "fair": [False, False, False, True, False],
        "lane_limit": [[8, 1], [8, 2]],
    }
    shared = {name: column.tolist() for name, column in station_columns(fleet, providers, tuple(fleet)).items()}
    assert shared["station_limit"] == [[4, 0]]
    assert shared["limit_of_tokens"] == [False, False, True]
    assert shared["limit_per_period"] == [90, 60, 900]
    assert shared["limit_burst_ns"] == [10**9, 2 * 10**9, 2 * 10**9]
