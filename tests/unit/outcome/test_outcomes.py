"""The request log of one replication: warm-up cut, window overlaps, and sums that agree to the nano-dollar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim
from sim.engine import play
from sim.engine.log import LegLog
from sim.experiment.simulate import Scene
from sim.outcome.outcomes import Outcome, Window, outcome_of
from sim.routing.plan import Cause, Plan

SECOND = 10**9
HOUR = 3600 * SECOND


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


def played(
    pattern: str, window: Window | None = None, *, sections: int = 1, setting: Scene | None = None
) -> tuple[Plan, LegLog, Outcome]:
    """Play the first replication of a pattern; the window is that of the experiment where not given."""
    setting = setting or scene()
    requests = setting.requests(0)
    answers = setting.answers(requests)
    (spec,) = [one for one in setting.line_up.patterns if one.name == pattern]
    plan = setting.plan(spec, answers)
    log = play(plan.itinerary)
    measured = window or setting.window(requests)
    fleet, kept = setting.spec.fleet, spec.all_models()
    outcome = outcome_of(plan, log, answers, fleet=fleet, kept=kept, window=measured, sections=sections)
    return plan, log, outcome


def test_the_first_in_the_queue_wait_as_computed_by_hand() -> None:
    """If a request comes each second and service takes 1.5 s at one server, the k-th waits k x 0.5 s."""
    _, _, outcome = played("cheap-only")
    waits = np.arange(8) * SECOND // 2
    assert outcome.log.queueing_ns.tolist() == waits.tolist()
    assert outcome.log.latency_ns.tolist() == (waits + 3 * SECOND // 2).tolist()
    assert outcome.log.ttft_ns.tolist() == outcome.log.latency_ns.tolist()  # one law of the whole time: no streaming
    assert outcome.log.cost_nano.tolist() == [1_000_000] * 8


def test_warm_up_requests_are_played_but_not_measured() -> None:
    """If the window starts at a request's arrival, that request is the first measured, and all rows move together."""
    _, _, whole = played("cascade")
    start = int(whole.log.arrival_ns[3])
    for shift, kept in ((-1, 3), (0, 3), (1, 4)):
        _, _, cut = played("cascade", Window(start + shift, whole.window.end_ns))
        for column in ("arrival_ns", "latency_ns", "ttft_ns", "cost_nano", "acceptable", "escalated", "served_by"):
            assert getattr(cut.log, column).tolist() == getattr(whole.log, column)[kept:].tolist()
        assert cut.by_cause.sum() == cut.log.cost_nano.sum()


def test_a_model_is_measured_where_it_overlaps_the_window() -> None:
    """If the window cuts calls at both ends, times and offers count only inside, calls with their requests."""
    _, _, whole = played("cheap-only")
    first = int(whole.log.arrival_ns[0])
    # services run back to back, 1.5 s each: counted from the first, call k joins at k s and starts at 1.5 k s
    _, _, cut = played("cheap-only", Window(first + 2 * SECOND, first + 5 * SECOND))
    cheap, dear = cut.model_logs
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
    _, log, _ = played(pattern)
    plan, log, outcome = played(pattern, Window(0, int(log.ended_ns.max())))
    for number, model in enumerate(outcome.model_logs):
        mine = plan.leg_model == number
        assert model.calls == mine.sum()
        assert model.queued_ns == (log.started_ns - log.joined_ns)[mine].sum()
        assert model.busy_ns == (log.ended_ns - log.started_ns)[mine].sum()
        assert model.offered_ns == model.busy_ns


@pytest.mark.parametrize("sections", [1, 3, 8, 10])
def test_every_split_of_the_bill_adds_up(sections: int) -> None:
    """If costs are split by cause, by model and by section, each split sums to the same integer."""
    plan, _, outcome = played("cascade", sections=sections)
    total = int(outcome.log.cost_nano.sum())
    checks = int(outcome.by_cause[:, [Cause.VERIFICATION, Cause.CLASSIFIER, Cause.JUDGE]].sum())
    assert outcome.by_cause.shape == (sections, len(Cause))
    assert outcome.by_model.shape == (sections, 2)
    assert int(outcome.by_cause.sum()) == total
    assert int(outcome.by_model.sum()) + checks == total
    parts = [int(part.sum()) for part in np.split(outcome.log.cost_nano, outcome.cuts)]
    assert outcome.by_cause.sum(axis=1).tolist() == parts
    assert checks == 300_000 * len(plan.escalated)


def test_an_oracle_escalates_exactly_the_wrong_answers() -> None:
    """If the check knows right from wrong, what escalates is what the cheap model has wrong, and all ends well."""
    _, _, cheap = played("cheap-only")
    _, _, cascade = played("cascade")
    assert cascade.log.escalated.tolist() == (~cheap.log.acceptable).tolist()
    assert 0 < cascade.log.escalated.sum() < 8
    assert cascade.log.acceptable.all()
    assert [cascade.log.models[code] for code in cascade.log.served_by] == [
        "dear" if up else "cheap" for up in cascade.log.escalated
    ]
    assert [cascade.log.routes[code] for code in cascade.log.route] == [
        "cheap>dear" if up else "cheap" for up in cascade.log.escalated
    ]


def test_replicas_cost_by_the_hour_whatever_they_do() -> None:
    """If a replica costs $3.60 an hour, a window of a second costs a tenth of a cent, half hours half of it."""
    assert played("cheap-only", Window(0, SECOND))[2].replica_nano == 1_000_000
    assert played("cheap-only", Window(HOUR, HOUR + HOUR // 2))[2].replica_nano == 1_800_000_000


def test_a_window_after_the_last_request_measures_none() -> None:
    """If no request arrives in the window, every column is empty and every sum 0."""
    _, _, outcome = played("cascade", Window(HOUR, 2 * HOUR), sections=10)
    assert len(outcome.log.arrival_ns) == 0
    assert outcome.by_cause.sum() == 0
    assert all(model.busy_ns == 0 for model in outcome.model_logs)
    assert outcome.window.length_ns == HOUR


def test_no_request_at_all_is_an_empty_log() -> None:
    """If nothing arrives, the log is empty and nothing fails."""
    nobody = scene(run={"duration": "1ns", "replications": 2})
    _, _, outcome = played("cascade", setting=nobody)
    assert len(outcome.log.latency_ns) == 0
    assert outcome.by_cause.sum() == 0
