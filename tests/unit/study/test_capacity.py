"""How much a system takes: against exact queueing results, and whatever is searched for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from exact.formulas import mmc_wait

import sim
from sim.errors import InvalidInput
from sim.study.capacity import Answer, Capacity, Search, capacity, rate_per_s
from sim.study.probes import Effort
from sim.study.until import parse_untils, thresholds

CONCURRENCY = "fleet.one.capacity.concurrency"


def queue(rate: float, servers: int, *, seed: int = 1, **changes: Any) -> sim.Experiment:
    """Make an experiment of one M/M/c queue with services of 1 s on average."""
    return sim.from_mapping(
        {
            "version": 1,
            "name": "queue",
            "seed": seed,
            "workload": {
                "arrivals": {"kind": "poisson", "rate_per_s": rate},
                "tasks": {"t": {"input_tokens": 10, "output_tokens": 10}},
            },
            "fleet": {
                "one": {
                    "price": {"input_mtok": 1},
                    "service": {"law": "exponential", "mean": "1s"},
                    "capacity": {"concurrency": servers},
                }
            },
            "quality": {"acceptance": {"t": {"one": 0.8}}},
            "patterns": [{"name": "only", "kind": "single", "model": "one"}],
            "run": {"requests": 2_500, "warm_up": "60s"},
            **changes,
        }
    )


def search(
    experiment: sim.Experiment,
    *untils: str,
    replications: int = 20,
    workers: int = 1,
    engine: str = "auto",
    **more: Any,
) -> Capacity:
    """Search with few replications."""
    return capacity(experiment, Search(parse_untils(untils), **more), Effort(replications, workers, engine))


def only(found: Capacity) -> Answer:
    """Give the one answer."""
    (answer,) = found.answers
    return answer


def ends(answer: Answer) -> tuple[float | None, float | None]:
    """Give what surely meets and what surely fails."""
    return tuple(None if edge is None else edge.value for edge in (answer.meets, answer.fails))  # type: ignore[return-value]


@pytest.mark.parametrize(("rate", "bound_s"), [(4.0, 1.0), (12.0, 0.5), (1.5, 4.0)])
def test_the_least_servers_for_a_wait_are_those_of_erlang(rate: float, bound_s: float) -> None:
    """If the P95 wait of an M/M/c queue must be below a bound, the least c (Erlang C) lies within the bracket."""
    exact = next(c for c in range(math.floor(rate) + 1, 60) if mmc_wait(rate, 1.0, c).tail(bound_s) < 0.05)
    experiment = queue(rate, 1, run={"requests": 4_000 + int(60 * rate), "warm_up": "60s"})
    answer = only(search(experiment, f"wait.p95<{bound_s}s", path=CONCURRENCY, low=1, high=40))
    assert (answer.state, answer.largest) == ("found", False)
    meets, fails = ends(answer)
    assert meets is not None
    assert fails is not None
    assert fails < exact <= meets
    assert meets - fails <= 2


@pytest.mark.parametrize(("bound_s", "seed"), [(1.0, 1), (3.0, 2)])
def test_the_largest_rate_for_a_mean_wait_is_that_of_mm1(bound_s: float, seed: int) -> None:
    """If the mean wait of M/M/1 must be below w services, the largest load is w / (1 + w), and lies in the bracket."""
    experiment = queue(0.5, 1, seed=seed, run={"requests": 6_000, "warm_up": "400s"})
    answer = only(search(experiment, f"wait.mean<{bound_s}s", precision=0.05))
    meets, fails = ends(answer)
    assert answer.largest is True
    assert meets is not None
    assert fails is not None
    assert meets <= bound_s / (1 + bound_s) <= fails
    assert fails <= 1.25 * meets


def test_the_numbers_of_the_edges_are_told() -> None:
    """If a border is found, what was measured on both sides is on both sides of the limit, and so are its intervals."""
    answer = only(search(queue(4.0, 1), "wait.p95<1s", path=CONCURRENCY, low=1, high=40))
    assert answer.meets is not None
    assert answer.fails is not None
    good, bad = answer.meets.found["wait.p95"], answer.fails.found["wait.p95"]
    assert good.upper is not None
    assert bad.lower is not None
    assert good.upper < 1 <= bad.lower
    assert answer.fails.broken == ("wait.p95<1s",)
    assert answer.meets.replications in (5, 10, 20)
    assert answer.replications >= 5 * answer.probes


@pytest.mark.parametrize(
    ("low", "high", "state", "expected"),
    [(6, 30, "meets", (30, None)), (1, 3, "fails", (None, 1)), (8, 8, "meets", (8, None))],
)
def test_ends_that_are_alike_are_told(low: float, high: float, state: str, expected: tuple[float, float]) -> None:
    """If all that is searched meets, or all of it fails, that is the answer after a look at the ends."""
    answer = only(search(queue(4.0, 1), "wait.p95<10s", path=CONCURRENCY, low=low, high=high))
    assert (answer.state, ends(answer)) == (state, expected)
    assert answer.probes == len({low, high})


def test_an_overload_is_unstable_and_fails() -> None:
    """If a queue is offered more than it can do, it fails whatever is asked for, and the answer says why."""
    answer = only(search(queue(4.0, 1), "latency.p95<10h", path=CONCURRENCY, low=1, high=8))
    meets, fails = ends(answer)
    assert fails in (2, 3)  # at 4 servers for 4 services a second the run does not tell
    assert answer.fails is not None
    assert answer.fails.broken == ("unstable",)
    assert meets in (4, 5)


def test_settings_are_tabulated() -> None:
    """If a search is made at several rates, there is an answer for each, and more traffic needs more servers."""
    at = [("workload.arrivals.rate_per_s", ("2", "6"))]
    found = search(queue(1.0, 1), "wait.p95<1s", path=CONCURRENCY, low=1, high=20, at=at)
    assert [answer.at for answer in found.answers] == [{"workload.arrivals.rate_per_s": rate} for rate in ("2", "6")]
    few, many = (ends(answer)[0] for answer in found.answers)
    assert few is not None
    assert many is not None
    assert few < many


def test_every_combination_of_settings_is_searched() -> None:
    """If two keys are set, all pairs of their values are searched, the last key fastest."""
    at = [("seed", ("1", "2")), ("fleet.one.service", ("1s", "2s"))]
    found = search(queue(0.1, 1), "latency.mean<3s", replications=2, path=CONCURRENCY, low=1, high=2, at=at)
    assert [tuple(answer.at.values()) for answer in found.answers] == [
        ("1", "1s"),
        ("1", "2s"),
        ("2", "1s"),
        ("2", "2s"),
    ]


def test_the_rate_is_that_of_the_whole_workload() -> None:
    """If segments have traffic of their own, their rates add up; the answer is told in requests per second."""
    segments = {
        "a": {"arrivals": {"kind": "poisson", "rate_per_s": 0.3}},
        "b": {"arrivals": {"kind": "batches", "every": {"kind": "poisson", "rate_per_s": 0.1}, "size": 2}},
    }
    tasks = {"t": {"input_tokens": 10, "output_tokens": 10}}
    experiment = queue(
        1.0,
        4,
        run={"requests": 8_000, "warm_up": "60s"},
        workload={"segments": segments, "tasks": tasks, "rate_factor": 2.0},
    )
    assert rate_per_s(experiment) == pytest.approx(1.0)
    meets, fails = ends(only(search(experiment, "latency.p95<1h", low=1.0, high=16.0)))
    assert meets is not None
    assert fails is not None
    assert 3.5 < meets < fails < 4.6  # four servers do four services a second


def test_a_search_for_the_rate_takes_its_ends_as_they_are() -> None:
    """If both ends of the rate are given, these are the rates that are looked at first."""
    answer = only(search(queue(1.0, 4), "latency.p95<1h", low=0.5, high=1.5))
    assert (answer.low, answer.high, answer.state, answer.probes) == (0.5, 1.5, "meets", 2)


def test_comparisons_play_what_they_compare_with() -> None:
    """If a condition is on a difference to the baseline, the baseline is played at each value too."""
    fleet = {
        "one": {"tier": "cheap", "price": {"input_mtok": 1}, "service": "1s"},
        "two": {"tier": "frontier", "price": {"input_mtok": 5}, "service": "1s"},
    }
    experiment = queue(
        1.0,
        1,
        fleet=fleet,
        quality={"acceptance": {"t": {"one": 0.5, "two": 0.9}}},
        patterns=[{"name": "mix", "kind": "split", "shares": {"one": 0.5, "two": 0.5}}],
    )
    price = "fleet.one.price.input_mtok"
    found = search(experiment, "cost.saving>30%", replications=5, patterns=["mix"], path=price, low=1, high=5)
    meets, fails = ends(only(found))
    assert meets is not None
    assert fails is not None
    assert meets <= 2 <= fails  # half of the requests at 2 instead of 5 saves 30 %


def test_thresholds_of_the_file_are_conditions() -> None:
    """If nothing else is asked for, the file's thresholds are: at any percentile, of the patterns they name."""
    promises = {"wait{pattern:only}": ["p(90)<1s", {"threshold": "p(95)<1ms", "level": "warn"}]}
    experiment = queue(4.0, 1, thresholds=promises)
    untils = thresholds(experiment)
    assert [(until.metric, until.text) for until in untils] == [("wait.p90", "wait.p90: p(90)<1s")]
    found = capacity(experiment, Search(untils, CONCURRENCY, 1, 40), Effort(20, 1))
    meets, fails = ends(only(found))
    exact = next(c for c in range(5, 60) if mmc_wait(4.0, 1.0, c).tail(1.0) < 0.1)
    assert meets is not None
    assert fails is not None
    assert fails < exact <= meets
    with pytest.raises(InvalidInput, match="there is no condition to meet"):
        thresholds(queue(4.0, 1))


def test_workers_and_engines_change_nothing() -> None:
    """If other workers or the other engine play, the answer is the same to the last digit."""
    ends = {"path": CONCURRENCY, "low": 1, "high": 8}
    found = [
        search(queue(2.0, 3), "wait.p95<2s", replications=4, workers=workers, engine=engine, **ends)
        for workers, engine in ((1, "reference"), (3, "compiled"))
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"path": CONCURRENCY}, "from where to where?"),
        ({"path": "fleet.one.service", "low": 1, "high": 2}, "only numbers can be searched"),
        ({"path": CONCURRENCY, "low": 1.5, "high": 2}, "is a whole number"),
        ({"path": CONCURRENCY, "low": 0, "high": 2}, "fleet.one.capacity.concurrency"),
        ({"path": CONCURRENCY, "low": 3, "high": 2}, "is above --to"),
        ({"low": 0.0, "high": 2.0}, "above 0"),
        ({"patterns": ["onyl", "only"]}, "there is no pattern 'onyl'"),
        ({"at": [("workload.arrivals.rate_per_s", ("-1",))]}, "workload.arrivals"),
    ],
)
def test_what_cannot_be_searched_is_refused(more: dict[str, Any], message: str) -> None:
    """If a key, an end, a pattern or a setting cannot be used, the message says so."""
    with pytest.raises(InvalidInput, match=message.replace("?", r"\?")):
        search(queue(1.0, 1), "wait.mean<1s", replications=2, **more)


def test_looks_double_and_share_the_risk() -> None:
    """If a value may be played 80 times, it is looked at five times, each at a fifth of the risk."""
    assert Effort(80).looks == (5, 10, 20, 40, 80)
    assert Effort(80).level(0.95) == pytest.approx(0.99)
    assert (Effort(3).looks, Effort(12).looks) == ((3,), (5, 10, 12))


def test_what_replications_share_is_noted(tmp_path: Path) -> None:
    """If arrivals are recorded, it is said that intervals hold given them; and the search plays the trace faster."""
    rows = "".join(f"2024-01-01 00:00:{0.1 * k:09.6f},100,{50 + k % 7}\n" for k in range(500))
    (tmp_path / "trace.csv").write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}", encoding="utf-8")
    source = {"format": "azure_llm", "file": str(tmp_path / "trace.csv")}
    workload = {"arrivals": {"kind": "trace", "source": source}, "tasks": {"t": {}}}
    experiment = queue(1.0, 20, workload=workload, run={"replications": 2})
    assert rate_per_s(experiment) == pytest.approx(10.0)
    found = search(experiment, "latency.mean<10h", replications=2, low=10.0, high=40.0)
    assert ends(only(found))[0] is not None
    assert any("begins with the same recorded arrivals" in note for note in found.notes)
