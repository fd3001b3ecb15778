"""The loop: the same requests for every pattern, the same answer however it is asked for."""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import numpy as np
import pytest

import sim
from sim.experiment.replication import play_replication
from sim.experiment.scene import Scene
from sim.experiment.simulate import Run
from sim.experiment.summary import COLUMNS

CASCADE = {
    "name": "cascade",
    "kind": "cascade",
    "ladder": ["small", "large"],
    "verify": {"time": "60ms"},
    "escalate_when": {"lowest": "20%"},
}
SPLIT = {"name": "coin", "kind": "split", "shares": {"small": 0.5, "large": 0.5}}
ENSEMBLE = {
    "name": "both",
    "kind": "ensemble",
    "models": ["small", "large"],
    "sample": "30%",
    "reward_model": {"accuracy": "90%", "time": "100ms"},
}
EXPERIMENT: dict[str, Any] = {
    "version": 1,
    "name": "loop",
    "seed": 4,
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 4.0},
        "segments": {"a": {"share": 0.5}, "b": {"share": 0.5}},
        "tasks": {"t": {"input_tokens": {"p50": 800, "p95": 3000}, "output_tokens": {"p50": 60, "p95": 200}}},
    },
    "fleet": {
        "small": {
            "tier": "cheap",
            "price": {"input_mtok": 0.2, "output_mtok": 0.8},
            "service": {"ttft": {"p50": "300ms", "p95": "600ms"}, "inter_token": "10ms"},
            "capacity": {"concurrency": 6},
        },
        "large": {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": {"law": "exponential", "mean": "2s"}},
    },
    "quality": {"acceptance": {"t": {"small": 0.8, "large": 0.9}}},
    "patterns": [CASCADE, SPLIT, ENSEMBLE],
    "run": {"duration": "30s", "warm_up": "5s", "replications": 3},
}


def experiment(**changes: Any) -> sim.Experiment:
    """Make the experiment with some sections replaced."""
    return sim.from_mapping({**copy.deepcopy(EXPERIMENT), **changes})


@functools.cache
def played() -> Run:
    """Run the experiment once."""
    return experiment().run(workers=1)


def scene(**changes: Any) -> Scene:
    """Give the scene of the experiment."""
    found = experiment(**changes)
    return Scene(found.spec, found.line_up, found.inputs())


# ---- what does not change the answer


def test_patterns_in_another_order_give_the_same_numbers() -> None:
    """If patterns are listed in another order, each has the same estimates to the last bit."""
    turned = experiment(patterns=[ENSEMBLE, SPLIT, CASCADE]).run(workers=1).result.patterns
    for name, pattern in played().result.patterns.items():
        assert dict(turned[name].estimates) == dict(pattern.estimates)


def test_adding_a_pattern_changes_no_other() -> None:
    """If a pattern is added or taken away, the estimates of the others stay the same to the last bit."""
    alone = experiment(patterns=[CASCADE]).run(workers=1).result.patterns
    assert set(alone) < set(played().result.patterns)
    for name, pattern in alone.items():
        assert dict(played().result.patterns[name].estimates) == dict(pattern.estimates)


def test_adding_a_model_changes_no_pattern_that_does_not_call_it() -> None:
    """If the fleet grows by a model in the middle, patterns that never call it keep their estimates."""
    fleet = {**EXPERIMENT["fleet"], "medium": {"tier": "balanced", "price": {"input_mtok": 1.0}, "service": "1s"}}
    fleet = {name: fleet[name] for name in ("medium", "small", "large")}
    quality = {"acceptance": {"t": {"small": 0.8, "large": 0.9, "medium": 0.85}}}
    grown = experiment(fleet=fleet, quality=quality).run(workers=1).result.patterns
    for name, pattern in played().result.patterns.items():
        assert dict(grown[name].estimates) == dict(pattern.estimates)


def test_more_replications_begin_with_the_same_ones() -> None:
    """If there are more replications, the first ones are those of the shorter run, request by request."""
    more = experiment().run(workers=1, replications=5).requests("cascade")
    first = played().requests("cascade")
    assert more[more.replication < 3].reset_index(drop=True).equals(first)


def test_the_same_run_twice_is_the_same() -> None:
    """If an experiment is run again, every estimate is the same."""
    assert experiment().run(workers=1).result == played().result


def test_the_seed_changes_every_stochastic_number() -> None:
    """If the seed is another, so are latency, cost and acceptance of every pattern."""
    other = experiment().run(workers=1, seed=5).result.patterns
    for name, pattern in played().result.patterns.items():
        for metric in ("latency.mean", "cost.per_1k", "quality.acceptance", "arrival.rate"):
            assert other[name].estimates[metric].value != pattern.estimates[metric].value


# ---- common random numbers


def test_all_patterns_see_the_same_requests() -> None:
    """If two patterns are compared, they have the same requests; where both answer alike, also the same fate."""
    logs = {name: played().requests(name) for name in played().outcomes}
    base = logs["cheap-only"]
    for log in logs.values():
        for column in ("replication", "arrival_ns", "segment", "task", "input_tokens"):
            assert log[column].equals(base[column])
    for name, model in (("cascade", "small"), ("coin", "small"), ("both", "small")):
        same = logs[name]["model"] == model
        assert 0 < same.sum() < len(same)
        for column in ("acceptable", "output_tokens", "refused"):
            assert logs[name][column][same].equals(base[column][same])


def test_replications_are_independent() -> None:
    """If two replications are drawn, no request of one has the draw of the other."""
    setting = scene()
    one, other = (setting.requests(number).difficulty[:50] for number in (0, 1))
    assert not np.any(one == other)


# ---- the run


def test_one_replication_is_played_as_in_the_run() -> None:
    """If a replication is played alone, its outcome is the one of the run."""
    alone = play_replication(scene(), 1, "reference")
    for outcome, pattern in zip(alone, played().outcomes.values(), strict=True):
        (mine,), (other,) = (one.samples("latency") for one in (outcome, pattern[1]))
        assert np.array_equal(np.array(mine), np.array(other))
        assert all(np.array_equal(table, pattern[1].sums[name]) for name, table in outcome.sums.items())
        assert np.array_equal(outcome.by_cause(), pattern[1].by_cause())


def test_the_window_is_warm_up_to_end() -> None:
    """If a duration is given, the window ends there; if a number, with the last arrival; warm-up is left out."""
    window = scene().window(0)
    assert (window.start_ns, window.end_ns) == (5 * 10**9, 30 * 10**9)
    counted = scene(run={"requests": 50, "warm_up": "1s"})
    requests = counted.requests(0)
    assert len(requests) == 50
    assert counted.window(0).end_ns == requests.arrival_ns[-1]
    assert counted.window(0).start_ns == 10**9


def test_the_result_says_what_was_played() -> None:
    """If a run has ended, the result has its numbers of replications and measured requests, window, seed and hash."""
    result = played().result
    log = played().requests("cascade")
    assert result.requests == len(log) == sum(outcome.requests for outcome in played().outcomes["cascade"])
    assert log["arrival_ns"].min() >= 5 * 10**9
    assert (result.replications, result.window_s, result.seed, result.baseline) == (3, 25.0, 4, "frontier-only")
    assert result.hash == experiment().hash
    assert result.resolved == experiment().simulated
    assert list(result.patterns) == ["cheap-only", "frontier-only", "cascade", "coin", "both"]
    assert [pattern.kind for pattern in result.patterns.values()] == [
        "single",
        "single",
        "cascade",
        "split",
        "ensemble",
    ]


def test_the_summary_has_a_row_per_pattern_and_metric() -> None:
    """If the summary is asked for as a table, it has every estimate of every pattern once."""
    table = played().summary
    estimates = {
        (name, metric): found.value
        for name, one in played().result.patterns.items()
        for metric, found in one.estimates.items()
    }
    assert tuple(table.columns) == COLUMNS
    assert dict(zip(zip(table.pattern, table.metric, strict=True), table.value, strict=True)) == estimates


def test_the_request_log_has_every_pattern_and_replication() -> None:
    """If no pattern is named, the request log holds all patterns and replications; an unknown one is refused."""
    everything = played().requests()
    assert set(everything.pattern) == set(played().outcomes)
    assert set(everything.replication) == {0, 1, 2}
    assert len(everything) == 5 * played().result.requests
    with pytest.raises(KeyError):
        played().requests("nobody")


def test_latency_of_the_log_is_in_the_units_it_says() -> None:
    """If the parts of the log come with units, every column that has one bears it in its name."""
    _, _, columns, units = next(iter(played().requests_parts()))
    assert set(units) <= set(columns)
    assert {name for name, unit in units.items() if unit == "ns"} == {name for name in columns if name.endswith("_ns")}


def test_an_unknown_engine_is_refused() -> None:
    """If the engine does not exist, the message names those that do."""
    with pytest.raises(sim.InvalidInput, match="there is no engine 'warp'; there are: auto, reference, compiled"):
        experiment().run(workers=1, engine="warp")


def test_a_run_that_measures_nothing_is_refused() -> None:
    """If no request arrives after the warm-up, there is nothing to say, and that is said."""
    with pytest.raises(sim.InvalidInput, match="no request arrived in the measured part of the run"):
        experiment(run={"requests": 5, "warm_up": "1h", "replications": 2}).run(workers=1)


def test_thresholds_that_are_odd_are_noted() -> None:
    """If the experiment has warnings, the result carries them as notes."""
    uphill = {**CASCADE, "ladder": ["large", "small"]}
    notes = experiment(patterns=[uphill]).run(workers=1, replications=1).result.notes
    assert "cascade: large is dearer than small, which it spares" in notes


def test_a_warm_up_that_is_too_short_is_warned_of() -> None:
    """If a busy system starts empty and nothing is left out, the pattern carries a warning that says how much to."""
    busy = {"small": {"price": {"input_mtok": 1}, "service": "1s", "capacity": {"concurrency": 40}}}
    sections = {
        "workload": {**EXPERIMENT["workload"], "arrivals": {"kind": "poisson", "rate_per_s": 39.5}},
        "fleet": busy,
        "quality": {"acceptance": {"t": {"small": 0.9}}},
        "patterns": [],
    }
    found = experiment(run={"requests": 4_000, "replications": 20}, **sections).run(workers=1).result
    nearly, cold = next(iter(found.patterns.values())).warnings
    assert re.fullmatch(r"small is offered \d+% of what it can do: only long runs are trustworthy", nearly)
    assert re.fullmatch(
        r"the first [\d,]+ requests look unlike the rest \(MSER-5\): a run\.warm_up of \d+s would leave them out",
        cold,
    )


def reversed_mappings(value: Any) -> Any:
    """Give the same data with the keys of every mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: reversed_mappings(inner) for key, inner in reversed(value.items())}
    return [reversed_mappings(inner) for inner in value] if isinstance(value, list) else value


def test_the_order_of_keys_changes_neither_hash_nor_number() -> None:
    """If mappings are written in another order, the hash is the same, and then so is every number."""
    data = {
        **copy.deepcopy(EXPERIMENT),
        "signals": {"guess": {"kind": "task_class", "accuracy": 0.6}},
        "patterns": [SPLIT, {"name": "by-task", "kind": "pre_route", "otherwise": "small",
                             "rules": [{"when": {"guess": ["u", "v"]}, "to": "large"}]}],
    }  # fmt: skip
    tasks = data["workload"]["tasks"]
    data["workload"]["tasks"] = dict.fromkeys(("t", "u", "v"), tasks["t"])
    data["workload"]["mix"] = {"t": 0.5, "u": 0.3, "v": 0.2}
    data["quality"] = {"acceptance": {name: {"small": 0.8, "large": 0.9} for name in ("t", "u", "v")}}
    one, other = sim.from_mapping(data), sim.from_mapping(reversed_mappings(data))
    assert one.hash == other.hash
    first, second = (run.run(workers=1).result.patterns for run in (one, other))
    for name, pattern in first.items():
        assert dict(pattern.estimates) == dict(second[name].estimates)


def test_a_larger_sample_contains_the_smaller_one() -> None:
    """If two ensembles differ in their share only, whoever is sampled by the smaller is sampled by the larger."""
    few, many = ({**ENSEMBLE, "name": share, "sample": share} for share in ("5%", "10%"))
    few["name"], many["name"] = "few", "many"
    run = experiment(patterns=[few, many], run={"requests": 2_000, "replications": 1}).run(workers=1)
    sampled = [run.requests(name).route.to_numpy() == "small+large" for name in ("few", "many")]
    assert 50 < sampled[0].sum() < sampled[1].sum()
    assert not np.any(sampled[0] & ~sampled[1])
