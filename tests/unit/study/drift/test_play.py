"""Months played forward: what moves moves, what does not is the same, and actions take effect."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from months import SMALL, months, played

from sim.experiment.ahead import Ahead
from sim.experiment.resolve import Experiment
from sim.outcome.intervals import quantile
from sim.study.drift.days import together
from sim.study.drift.play import Play, PlayRecord, plays_of

CASCADE, PRE_ROUTE, FRONTIER = Play("cascade"), Play("pre-route"), Play("frontier-only")
UNMOVED = Play("cascade", still=True)


def same(one: PlayRecord, other: PlayRecord) -> bool:
    """Say whether two records agree in every number."""
    return (
        one.days == other.days
        and one.alarms == other.alarms
        and one.deeds == other.deeds
        and all(np.array_equal(one.counts[key], other.counts[key]) for key in one.counts | other.counts)
        and all(np.array_equal(a.counts, b.counts) for a, b in zip(one.latency, other.latency, strict=True))
    )


def share(record: PlayRecord, name: str, first: int, last: int) -> float:
    """Give a share of the requests of some epochs."""
    whole = together(record.days[first:last])
    return float(getattr(whole, name) / whole.count)


def test_months_without_drift_are_those_of_the_control() -> None:
    """If nothing moves, the patterns as numbers move are the patterns unmoved, to the last request."""
    moving, still = played(months(), CASCADE, UNMOVED)
    assert same(moving, still)


def test_a_jump_leaves_the_days_before_it_as_they_are() -> None:
    """If a number jumps on a day, all days before are those of the control, and those after are not."""
    moved = months(
        drift={"changes": {"quality.acceptance.chat.small": {"kind": "jump", "at": "2026-02-01", "to": 0.5}}}
    )
    moving, still = played(moved, CASCADE, UNMOVED)
    assert moving.days[:31] == still.days[:31]
    assert share(moving, "acceptable", 31, 59) < share(still, "acceptable", 31, 59) - 0.05
    assert [day.count for day in moving.days] == [day.count for day in still.days]


def test_records_do_not_depend_on_the_other_plays_or_the_engine() -> None:
    """If a play is played with others, alone, or on the other engine, its record is the same."""
    moved = months(
        drift={"preset": "base", "hard": ["math"]},
        gates=[{"name": "judge", "kind": "judge", "sample": "50%", "reference": "1w", "false_alarm_every": "3w"}],
    )
    alone = played(moved, CASCADE)[0]
    assert same(alone, played(moved, PRE_ROUTE, CASCADE, UNMOVED, FRONTIER)[1])
    assert same(alone, played(moved, CASCADE, engine="compiled")[0])


def test_a_single_replication_is_the_first_of_several() -> None:
    """If there is one replication, which a run would cut into sections, its months are those of the first of two."""
    (one,) = played(months().with_(replications=1), CASCADE)
    assert same(one, played(months(), CASCADE)[0])


def squeezed(**drift: Any) -> Experiment:
    """Give the small experiment, busier, in which the cheap model loses half of its servers in February."""
    fleet = copy.deepcopy(SMALL["fleet"])
    fleet["small"] |= {"capacity": {"concurrency": 4}, "service": "240s"}
    workload = {**SMALL["workload"], "arrivals": {"kind": "poisson", "rate_per_s": 0.005}}
    fewer = {"fleet.small.capacity.concurrency": {"kind": "jump", "at": "2026-02-01", "by": -2}}
    return months(fleet=fleet, workload=workload, drift={"changes": fewer, **drift})


def test_capacity_moves_between_epochs() -> None:
    """If servers are lost on a day, waits grow from that day on, and answers, costs and all before stay as they are."""
    moving, still = played(squeezed(), CASCADE, UNMOVED)
    assert moving.days == still.days  # counts, money and answers; latencies are kept by month
    assert np.array_equal(moving.latency[0].counts, still.latency[0].counts)
    p95 = [quantile(record.latency[1], 0.95) for record in (moving, still)]
    assert p95[0] > 1.2 * p95[1]
    assert same(moving, played(squeezed(), CASCADE, engine="compiled")[0])


def test_the_presets_pace_is_the_cited_one() -> None:
    """If hard classes grow by .2 in log-odds a month, two months later their share is that, and prompts are longer."""
    ahead = Ahead(months(drift={"preset": "base", "hard": ["math"], "months": 3}))
    epoch = ahead.epochs[61]
    spec = ahead.spec(epoch, ahead.values(epoch, ahead.start, None, still=False))
    later = 61 / (365.2425 / 12)
    odds = 0.25 * np.exp(0.2 * later)
    assert float(spec.workload.mix["math"]) == pytest.approx(odds / (1 + odds))
    assert float(spec.workload.mix["chat"]) == pytest.approx(1 / (1 + odds))
    assert spec.workload.tasks["chat"].input_factor == pytest.approx(1.07**later)
    assert spec.workload.tasks["chat"].output_factor == pytest.approx(1.05**later)


def test_thinning_divides_the_requests_and_nothing_else() -> None:
    """If one request stands for four, a fourth of them is played, at the same share of acceptable answers."""
    whole, thin = (played(months(drift={"thin": thin}), CASCADE)[0] for thin in (1, 4))
    all_of, some = (sum(day.count for day in record.days) for record in (whole, thin))
    assert abs(some - all_of / 4) < 4.6 * (all_of / 4) ** 0.5
    spread = (0.25 / some + 0.25 / all_of) ** 0.5
    assert abs(share(whole, "acceptable", 0, 59) - share(thin, "acceptable", 0, 59)) < 4.6 * spread


def test_a_classifier_ages_from_its_training_on() -> None:
    """If accuracy falls each month and signals are trained anew, the cheap model's share is what it was at first."""
    fading = {"signals.task.accuracy": {"kind": "ramp", "per_month": -2.0, "scale": "logit"}}
    old = played(months(drift={"changes": fading}), PRE_ROUTE)[0]
    trained = played(months(drift={"changes": fading, "retrain": ["2026-02-01"]}), PRE_ROUTE)[0]
    assert old.days[:31] == trained.days[:31]
    assert [deed.what for deed in trained.deeds] == ["trained and calibrated anew"]
    fresh, aged = share(trained, "acceptable", 31, 45), share(old, "acceptable", 31, 45)
    assert share(old, "cheap", 31, 59) < share(trained, "cheap", 31, 59) - 0.05
    assert fresh != aged


def acting(then: dict[str, object]) -> PlayRecord:
    """Let a gate with a fixed line act, on the first day that it sees."""
    gate = {"name": "line", "kind": "escalation", "limit": "1%", "then": then}
    return played(months(gates=[gate]), Play("cascade", acts=True))[0]


@pytest.mark.parametrize(
    ("then", "what"),
    [
        ({"kind": "tighten", "by": 0.2}, "threshold moved by +0.20"),
        ({"kind": "reroute", "tasks": ["math"]}, "math sent to the frontier"),
        ({"kind": "roll_back", "length": "1w"}, "rolled back to the frontier"),
        ({"kind": "retrain", "after": "1w"}, "trained and calibrated anew"),
    ],
)
def test_actions_take_effect_after_the_alarm_and_are_written_down(then: dict[str, object], what: str) -> None:
    """If a gate alarms, its action takes effect from the next epoch (or after its time) on, and its reason is kept."""
    found, calm = acting(then), acting({"kind": "alert"})
    known = found.alarms[0].at
    assert (found.alarms[0].epoch, known) == (0, dt.datetime(2026, 1, 3, tzinfo=dt.UTC))
    assert (found.deeds[0].gate, found.deeds[0].what) == ("line", what)
    begins = (found.deeds[0].at - dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).days
    assert begins == (9 if then["kind"] == "retrain" else 2)
    assert found.days[:begins] == calm.days[:begins]
    if then["kind"] != "retrain":
        assert (
            together(found.days[begins : begins + 7]).cost_femto > together(calm.days[begins : begins + 7]).cost_femto
        )


def test_a_roll_back_ends_after_its_length() -> None:
    """If everything is sent to the frontier for a week, the cheap model answers nothing in it, and again after it."""
    found = acting({"kind": "roll_back", "length": "1w", "cool_down": "52w"})
    cheap = [day.cheap for day in found.days]
    assert cheap[2:9] == [0] * 7
    assert min([*cheap[:2], *cheap[9:]]) > 0
    assert found.deeds[1].what == "routes again"


def test_an_alarm_is_known_a_day_after_its_epoch_and_a_cool_down_keeps_quiet() -> None:
    """If every epoch is beyond the line, alarms come once per cool-down, each a day after the end of its epoch."""
    gate = {"name": "line", "kind": "escalation", "limit": "1%", "then": {"kind": "alert", "cool_down": "10d"}}
    (found,) = played(months(gates=[gate]), CASCADE)
    assert [alarm.epoch for alarm in found.alarms] == [0, 10, 20, 30, 40, 50]
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert all(alarm.at - begin == dt.timedelta(days=alarm.epoch + 2) for alarm in found.alarms)


def test_gates_of_thinned_traffic_see_as_many_answers() -> None:
    """If a tenth of the answers is judged and one request stands for five, every second one is, as many as before."""
    gate = {"name": "judge", "kind": "judge", "sample": "10%"}
    whole, thin = (played(months(gates=[gate], drift={"thin": thin}), CASCADE)[0].looked_at["judge"] for thin in (1, 5))
    assert abs(whole - thin) < 4.6 * (whole + thin) ** 0.5


def test_plays_are_the_users_patterns_and_the_baseline() -> None:
    """If no gate acts, patterns move and stand still; if one does, the patterns with acting gates come too."""
    assert plays_of(Ahead(months())) == [
        PRE_ROUTE,
        CASCADE,
        FRONTIER,
        Play("pre-route", still=True),
        UNMOVED,
    ]
    gate = {"name": "judge", "kind": "judge", "then": {"kind": "tighten"}}
    assert sum(play.acts for play in plays_of(Ahead(months(gates=[gate])))) == 2


def test_every_request_is_in_its_day() -> None:
    """If days are added up, they hold as many requests as were drawn, and costs and classes add up to the whole."""
    (found,) = played(months(), CASCADE)
    whole = together(found.days)
    assert whole.count == sum(count for count, _ in whole.tasks.values())
    assert whole.acceptable == sum(acceptable for _, acceptable in whole.tasks.values())
    assert whole.cheap + whole.escalated == whole.count
    assert sum(int(histogram.counts.sum()) for histogram in found.latency) == whole.count
    assert dataclasses.replace(whole, tasks={}).count > 12_000
