"""The request log of one replication: warm-up cut, window overlaps, and sums that agree to the nano-dollar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import sim
from sim.engine import play
from sim.engine.log import LegLog
from sim.experiment.scene import Scene
from sim.outcome.ledger import Ledger, Terms
from sim.outcome.outcomes import Group, Outcome, RequestLog, Window
from sim.routing.plan import Cause, Plan

SECOND = 10**9
HOUR = 3600 * SECOND
FEMTO = 10**6
"""Femto-dollars per nano-dollar."""


def scene(**changes: Any) -> Scene:
    """Set one request per second (the first at 1 s or 0 s) before a cheap model of one server and a frontier."""
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "outcomes",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 1.0},
                "tasks": {"t": {"input_tokens": 1000, "output_tokens": 10}},
            },
            "fleet": {
                "cheap": {
                    "tier": "cheap",
                    "price": {"input_mtok": 1.0, "replica_hour_usd": 3.6},
                    "service": "1500ms",
                    "capacity": {"concurrency": 1, "replicas": 1},
                },
                "dear": {"tier": "frontier", "price": {"input_mtok": 10.0}, "service": "2s"},
            },
            "quality": {"acceptance": {"t": {"cheap": 0.5, "dear": 1.0}}},
            "patterns": [
                {
                    "name": "cascade",
                    "kind": "cascade",
                    "ladder": ["cheap", "dear"],
                    "verify": {"usd_per_call": 0.0003, "auroc": 1.0},
                    "escalate_when": {"confidence_below": 0.5},
                }
            ],
            "run": {"requests": 8, "replications": 2},
            **changes,
        }
    )
    return Scene(experiment.spec, experiment.line_up, experiment.inputs())


@dataclass
class Played:
    """A pattern that was played: the log of its measured requests, and the sums."""

    plan: Plan
    legs: LegLog
    log: RequestLog
    outcome: Outcome


def played(pattern: str, window: Window | None = None, *, sections: int = 1, setting: Scene | None = None) -> Played:
    """Play the first replication of a pattern; the window is that of the experiment where not given."""
    setting = setting or scene()
    requests = setting.requests(0)
    answers = setting.answers(requests)
    (spec,) = [one for one in setting.line_up.patterns if one.name == pattern]
    plan = setting.plan(spec, answers)
    legs = play(plan.itinerary)
    terms = Terms(setting.spec.fleet, spec.all_models(), window or setting.window(0), sections)
    ledger = Ledger(terms, requests, plan.routes)
    return Played(plan, legs, ledger.add(plan, legs, answers), ledger.close())


def test_the_first_in_the_queue_wait_as_computed_by_hand() -> None:
    """If a request comes each second and service takes 1.5 s at one server, the k-th waits k x 0.5 s."""
    log = played("cheap-only").log
    waits = np.arange(8) * SECOND // 2
    assert log.wait_ns.tolist() == waits.tolist()
    assert log.latency_ns.tolist() == (waits + 3 * SECOND // 2).tolist()
    assert log.ttft_ns.tolist() == log.latency_ns.tolist()  # one law of the whole time: no streaming
    assert log.cost_nano.tolist() == [1_000_000] * 8


def test_warm_up_requests_are_played_but_not_measured() -> None:
    """If the window starts at a request's arrival, that request is the first measured, and all rows move together."""
    whole = played("cascade")
    start, end = int(whole.log.arrival_ns[3]), whole.outcome.window.end_ns
    for shift, kept in ((-1, 3), (0, 3), (1, 4)):
        cut = played("cascade", Window(start + shift, end))
        for column in ("arrival_ns", "latency_ns", "ttft_ns", "cost_nano", "acceptable", "escalated", "served_by"):
            assert getattr(cut.log, column).tolist() == getattr(whole.log, column)[kept:].tolist()
        assert cut.outcome.requests == 8 - kept
        assert sum(cut.outcome.spent()) == FEMTO * int(cut.log.cost_nano.sum())
        assert cut.outcome.sum("latency_ns") == [whole.log.latency_ns[kept:].sum()]
        (sample,) = cut.outcome.samples("latency")
        assert np.array(sample).tolist() == whole.log.latency_ns[kept:].tolist()


def test_a_model_is_measured_where_it_overlaps_the_window() -> None:
    """If the window cuts calls at both ends, times and offers count only inside, calls with their requests."""
    first = int(played("cheap-only").log.arrival_ns[0])
    # services run back to back, 1.5 s each: counted from the first, call k joins at k s and starts at 1.5 k s
    cut = played("cheap-only", Window(first + 2 * SECOND, first + 5 * SECOND))
    cheap, dear = cut.outcome.model_logs
    assert cheap.busy_ns == 3 * SECOND
    # queued inside [2, 5): call 2 in [2, 3), call 3 in [3, 4.5), call 4 in [4, 5), call 5 joins at the end
    assert cheap.queued_ns == SECOND + 3 * SECOND // 2 + SECOND
    assert cheap.calls == len(cut.log.arrival_ns)
    assert cheap.offered_ns == 4 * 3 * SECOND // 2
    assert (cheap.servers, dear.servers) == (1, 0)
    assert (dear.calls, dear.busy_ns, dear.queued_ns, dear.offered_ns) == (0, 0, 0, 0)


@pytest.mark.parametrize("pattern", ["cheap-only", "frontier-only", "cascade"])
def test_little_holds_as_integers_over_a_window_of_everything(pattern: str) -> None:
    """If the window covers the whole run, time-integrals of a model are the sums over its calls, to the nanosecond."""
    found = played(pattern, Window(0, int(played(pattern).legs.ended_ns.max())))
    legs = found.legs
    for number, model in enumerate(found.outcome.model_logs):
        mine = found.plan.leg_model == number
        assert model.calls == mine.sum()
        assert model.queued_ns == (legs.started_ns - legs.joined_ns)[mine].sum()
        assert model.busy_ns == (legs.ended_ns - legs.started_ns)[mine].sum()
        assert model.offered_ns == model.busy_ns


@pytest.mark.parametrize("sections", [1, 3, 8, 10])
def test_every_split_of_the_bill_adds_up(sections: int) -> None:
    """If costs are split by cause, by model and by section, each split sums to the same integer."""
    found = played("cascade", sections=sections)
    outcome, total = found.outcome, FEMTO * int(found.log.cost_nano.sum())
    by_cause, by_model = outcome.by_cause(), outcome.by_model()
    checks = int(by_cause[:, [Cause.VERIFICATION, Cause.CLASSIFIER, Cause.JUDGE]].sum())
    assert by_cause.shape == (sections, len(Cause))
    assert by_model.shape == (sections, 2)
    assert int(by_cause.sum()) == total
    assert int(by_model.sum()) + checks == total
    assert by_cause.sum(axis=1).tolist() == outcome.spent()
    assert [sum(column) for column in zip(*map(outcome.spent, outcome.segments), strict=True)] == outcome.spent()
    assert checks == FEMTO * 300_000 * len(found.plan.escalated)


def test_an_outcome_is_priced_anew_without_playing() -> None:
    """If prices change, the same outcome at the new prices is the one that a run at those prices gives."""
    fleet = {name: model.model_dump(mode="json") for name, model in scene().spec.fleet.items()}
    fleet["cheap"]["price"] = {"input_mtok": 0.07, "output_mtok": 3.0, "per_call_usd": 0.001, "replica_hour_usd": 9.0}
    dearer = scene(fleet=fleet)
    before, after = played("cascade").outcome, played("cascade", setting=dearer).outcome
    again = before.priced(dearer.spec.fleet)
    assert again.spent() == after.spent() != before.spent()
    assert again.by_model().tolist() == after.by_model().tolist()
    assert again.replica_cost() == after.replica_cost() > before.replica_cost()


@pytest.mark.parametrize("sections", [1, 3, 10])
def test_groups_are_the_requests_that_they_name(sections: int) -> None:
    """If sums and observations are asked for by group and section, they are those of the rows of the request log."""
    found = played("cascade", sections=sections)
    log, outcome = found.log, found.outcome
    start, length = outcome.window.start_ns, outcome.window.length_ns
    section = np.searchsorted([start + length * k // sections for k in range(1, sections)], log.arrival_ns, "right")
    route = np.array(log.routes)[log.route]
    masks = {
        Group(): np.ones(8, dtype=np.bool_),
        Group("escalated"): log.escalated,
        Group("not_escalated"): ~log.escalated,
        Group("route", "cheap>dear"): route == "cheap>dear",
        Group("route", "cheap"): route == "cheap",
        Group("route", "unheard of"): route == "unheard of",
    }
    for group, mask in masks.items():
        rows = [mask & (section == k) for k in range(sections)]
        assert outcome.sum("count", group) == [int(row.sum()) for row in rows]
        for field in ("escalated", "acceptable", "refused", "latency_ns", "ttft_ns", "wait_ns"):
            assert outcome.sum(field, group) == [int(getattr(log, field)[row].sum()) for row in rows]
        for column, field in (("latency", "latency_ns"), ("ttft", "ttft_ns"), ("wait", "wait_ns")):
            samples = [np.array(sample).tolist() for sample in outcome.samples(column, group)]
            assert samples == [getattr(log, field)[row].tolist() for row in rows]


def test_an_oracle_escalates_exactly_the_wrong_answers() -> None:
    """If the check knows right from wrong, what escalates is what the cheap model has wrong, and all ends well."""
    cheap, cascade = played("cheap-only").log, played("cascade").log
    assert cascade.escalated.tolist() == (~cheap.acceptable).tolist()
    assert 0 < cascade.escalated.sum() < 8
    assert cascade.acceptable.all()
    assert [cascade.models[code] for code in cascade.served_by] == [
        "dear" if up else "cheap" for up in cascade.escalated
    ]
    assert [cascade.routes[code] for code in cascade.route] == [
        "cheap>dear" if up else "cheap" for up in cascade.escalated
    ]


def test_replicas_cost_by_the_hour_whatever_they_do() -> None:
    """If a replica costs $3.60 an hour, a window of a second costs a tenth of a cent, half hours half of it."""
    assert played("cheap-only", Window(0, SECOND)).outcome.replica_cost() == FEMTO * 1_000_000
    assert played("cheap-only", Window(HOUR, HOUR + HOUR // 2)).outcome.replica_cost() == FEMTO * 1_800_000_000


def test_a_window_after_the_last_request_measures_none() -> None:
    """If no request arrives in the window, every column is empty and every sum 0."""
    found = played("cascade", Window(HOUR, 2 * HOUR), sections=10)
    outcome = found.outcome
    assert len(found.log.arrival_ns) == outcome.requests == 0
    assert outcome.by_cause().sum() == 0
    assert all(model.busy_ns == 0 for model in outcome.model_logs)
    assert outcome.window.length_ns == HOUR


def test_no_request_at_all_is_an_empty_log() -> None:
    """If nothing arrives, the log is empty and nothing fails."""
    nobody = scene(run={"duration": "1ns", "replications": 2})
    found = played("cascade", setting=nobody)
    assert len(found.log.latency_ns) == found.outcome.requests == 0
    assert found.outcome.by_cause().sum() == 0


def test_a_request_may_cost_more_than_floats_can_count() -> None:
    """If a section's nanoseconds or nano-dollars exceed 2**53, the sums are still exact."""
    slow = {"price": {"input_mtok": 1.0}, "service": "36500d", "tier": "cheap", "capacity": {"concurrency": 1}}
    fleet = {"cheap": slow, "dear": {"tier": "frontier", "price": {"input_mtok": 10.0}, "service": "2s"}}
    found = played("cheap-only", setting=scene(fleet=fleet, run={"requests": 2, "replications": 2}))
    latencies = [int(value) for value in found.log.latency_ns]
    assert found.outcome.sum("latency_ns") == [sum(latencies)]
    assert sum(latencies) > 2**63
