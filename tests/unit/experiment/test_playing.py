"""Replications that are added to those already played, and precision that decides how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim
from sim.experiment import scene as scene_room
from sim.experiment.places import finished_folder
from sim.experiment.stopping import budget_of, looks
from sim.experiment.summary import summary_bytes, summary_of

EXPERIMENT = Path(__file__).resolve().parents[3] / "experiments" / "quickstart.yaml"
SHORT = ["run.duration=40s"]


def load(*overrides: str) -> sim.Experiment:
    """Load a short version of the shipped quickstart."""
    return sim.load(EXPERIMENT, [*SHORT, *overrides])


@pytest.mark.parametrize("most_exact", [1 << 18, 100])
def test_added_replications_are_those_that_would_have_been_played_at_once(
    monkeypatch: pytest.MonkeyPatch, most_exact: int
) -> None:
    """If replications are added, the answer has the bytes of a run that played all of them, kept or counted."""
    monkeypatch.setattr(scene_room, "MOST_EXACT", most_exact)
    experiment = load("run.replications=3")
    playing = experiment.playing(workers=1)
    playing.to(3)
    six = load("run.replications=6")
    assert summary_bytes(playing.to(6, six).result) == summary_bytes(six.run(workers=1).result)
    assert summary_bytes(playing.to(3).result) == summary_bytes(experiment.run(workers=1).result)


def test_several_replications_after_a_single_one_are_played_anew() -> None:
    """If a single replication, which is cut into sections, becomes two, they have the bytes of a run of two."""
    playing = load("run.replications=1").playing(workers=1)
    playing.to(1)
    two = load("run.replications=2")
    assert summary_bytes(playing.to(2, two).result) == summary_bytes(two.run(workers=1).result)


def test_finished_replications_serve_any_number_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an interrupted run had finished some, a run of more of them goes on from those and plays the rest."""

    def stop(done: float, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt(total)

    few, more = load("run.replications=3"), load("run.replications=4")
    assert few.plays_hash == more.plays_hash
    assert few.hash != more.hash
    with pytest.raises(sim.InterruptedRun):
        few.run(workers=1, results=tmp_path, progress=stop)
    assert len(list(finished_folder(more.name, more.plays_hash, tmp_path).iterdir())) == 2
    told: list[tuple[float, int]] = []
    again = more.run(workers=1, results=tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (2, 4)
    monkeypatch.undo()
    assert summary_bytes(again.result) == summary_bytes(more.run(workers=1).result)


# ---- precision


def test_looks_are_known_beforehand() -> None:
    """One looks at the first number of replications, at half as many again each time, and at the last."""
    assert looks(20, 200) == [20, 30, 45, 67, 100, 150, 200]
    assert looks(20, 20) == [20]
    assert looks(1, 4) == [1, 2, 3, 4]


def precise(**run: Any) -> sim.Experiment:
    """Give an experiment of twenty replications with a precision to reach."""
    steady: dict[str, Any] = {
        "version": 1,
        "name": "precise",
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 20},
            "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
        },
        "fleet": {
            "small": {"tier": "cheap", "price": {"input_mtok": 1}, "service": {"law": "exponential", "mean": "1s"}},
            "large": {"tier": "frontier", "price": {"input_mtok": 9}, "service": "2s"},
        },
        "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
        "patterns": [{"name": "mine", "kind": "single", "model": "small"}],
        "run": {"requests": 200, "replications": 20, **run},
    }
    return sim.from_mapping(steady)


def test_replications_are_added_until_the_interval_is_narrow_enough() -> None:
    """If a precision is asked for, the run stops at the first look at which every half-width is within it."""
    run = precise(precision={"latency.mean": 0.03}).run(workers=1, engine="reference")
    assert run.replications in looks(20, 200)[1:]
    assert run.result.notes[0] == f"run.precision: reached after {run.replications} replications"
    found = run.result.patterns["mine"].estimates["latency.mean"]
    assert found.upper is not None
    assert found.upper - found.value <= 0.03 * found.value
    before = looks(20, 200)[looks(20, 200).index(run.replications) - 1]
    wider = precise(replications=before).run(workers=1, engine="reference").result.patterns["mine"]
    assert (wider.estimates["latency.mean"].upper or 0) - found.value > 0.03 * found.value
    plain = precise(replications=run.replications).run(workers=1, engine="reference")
    assert summary_of(run.result)["patterns"] == summary_of(plain.result)["patterns"]


@pytest.mark.parametrize(
    ("budget", "replications"), [({"replications": 27}, 27), ({"requests": 1200}, 30), (None, 200)]
)
def test_the_budget_ends_it(budget: dict[str, int] | None, replications: int) -> None:
    """If the precision is out of reach, the run ends with its budget and says how far it came."""
    changes = {} if budget is None else {"budget": budget}
    run = precise(requests=40, precision={"latency.p95": 0.0001}, **changes).run(workers=1, engine="reference")
    assert run.replications == replications
    (note,) = [note for note in run.result.notes if note.startswith("run.precision")]
    assert (
        f"the budget of {replications} replications ended before it was reached: latency.p95 of mine is known" in note
    )


def test_a_budget_never_takes_away_what_is_played() -> None:
    """If a budget is smaller than the number one begins with, that number is played all the same."""
    experiment = precise(budget={"replications": 3})
    run = experiment.run(workers=1, engine="reference")
    assert budget_of(experiment, run) == 20
    assert budget_of(experiment, run, 22) == 22


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"precision": {"latency.p95": 0.03}, "replications": 19}, "precision needs 20 replications"),
        ({"precision": {"latancy.p95": 0.03}}, "there is no metric 'latancy'"),
        ({"precision": {"quality.loss": 0.03}}, "may be 0, of which no share can be taken"),
        ({"precision": {"latency.p95{pattern:yours}": 0.03}}, "there is no pattern 'yours'"),
        ({"precision": {"latency.p95": 0}}, "is at the edge"),
        ({"precision": {}}, "at least 1"),
        ({"budget": {}}, "a budget needs replications, requests or both"),
    ],
)
def test_a_precision_that_means_nothing_is_refused(run: dict[str, Any], message: str) -> None:
    """If a precision names no metric, or no share of one, it is refused before anything is played."""
    with pytest.raises(sim.InvalidInput, match=message):
        precise(**run)
