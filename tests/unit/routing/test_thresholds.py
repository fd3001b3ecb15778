"""The threshold that escalates a wanted share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import FLEET, QUALITY, TASKS, WORKLOAD, Setting, one_task, setting, z_of
from scipy import stats

from sim.routing import confidence, thresholds
from sim.routing.thresholds import surety_at_share
from sim.workload.outcome_table import OutcomeTableSpec

N = 20_000


def share_of(scene: Setting, share: float, auroc: float | None = None) -> float:
    """Give the share of requests at or below the threshold."""
    threshold = surety_at_share(scene.answers, "small", auroc, share)
    return float((scene.answers.surety("small", auroc) <= threshold).mean())


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("auroc", [None, 0.6, 0.97])
def test_the_share_is_what_was_asked_for(share: float, auroc: float | None) -> None:
    """Over two task classes the asked share lies below the threshold, for the model's and a verifier's reading.

    Each request is below with this probability, its task class drawn like the rest: the error is the binomial one.
    """
    assert abs(z_of(share_of(setting(requests=N), share, auroc), share, N)) <= 4


def test_one_task_has_a_normal_threshold() -> None:
    """In one task class the threshold on the reading is the normal quantile of the share."""
    scene = setting(**one_task(0.84, 0.9, confidence={"small": {"auroc": 0.8}}))
    threshold = surety_at_share(scene.answers, "small", None, 0.3)
    surety = scene.answers.surety("small")
    # surety is a normal variable: its mean and spread follow from p = E Phi(surety), here taken from the draws
    z = (threshold - surety.mean()) / surety.std()
    assert z == pytest.approx(stats.norm.ppf(0.3), abs=4 * math.sqrt(1.5 / N))


def test_no_share_and_every_share() -> None:
    """A share of nothing lies below every answer and a share of everything below none."""
    scene = setting(requests=N)
    assert surety_at_share(scene.answers, "small", None, 0.0) == -math.inf
    assert share_of(scene, 1.0) == 1.0


@pytest.mark.parametrize(("auroc", "share", "expected"), [(0.5, 0.2, 1.0), (1.0, 0.1, 0.16), (1.0, 0.2, 1.0)])
def test_a_tie_goes_as_a_whole(auroc: float, share: float, expected: float) -> None:
    """A blind check has one tie of all answers, an oracle two: the 16 % wrong, then the right."""
    scene = setting(requests=N, **one_task(0.84, 0.9, confidence={"small": {"auroc": auroc}}))
    assert abs(z_of(share_of(scene, share), expected, N)) <= 4


@pytest.mark.parametrize("share", [0.3, 0.45])
def test_certain_task_classes_come_first_and_last(share: float) -> None:
    """If a class is never right it is below every threshold, one that is always right above until all go."""
    acceptance = {"chat": {**QUALITY["acceptance"]["chat"], "small": 0.8}, "code": dict.fromkeys(FLEET, 0.0)}
    scene = setting(requests=N, quality={"acceptance": acceptance})
    code = scene.requests.task == scene.requests.tasks.index("code")
    threshold = surety_at_share(scene.answers, "small", None, share)
    low = scene.answers.surety("small") <= threshold
    assert low[code].all()
    within = (share - WORKLOAD["mix"]["code"]) / WORKLOAD["mix"]["chat"]
    assert abs(z_of(low[~code].mean(), within, int((~code).sum()))) <= 4


def test_the_share_does_not_depend_on_the_scale() -> None:
    """Miscalibration, however strong, changes the confidence and not which answers have the lowest."""
    sections: list[dict[str, Any]] = [
        one_task(0.9, 0.95, confidence={"small": {"auroc": 0.8, "miscalibration": scale}})
        for scale in ({}, {"slope": 50.0, "shift": 3.0}, {"slope": 0.01, "shift": -20.0})
    ]
    lows = [(s, s.answers.surety("small") <= surety_at_share(s.answers, "small", None, 0.2)) for s in
            (setting(requests=N, **section) for section in sections)]  # fmt: skip
    assert np.array_equal(lows[0][1], lows[1][1])
    assert np.array_equal(lows[0][1], lows[2][1])
    assert not np.array_equal(lows[0][0].answers.confidence("small"), lows[1][0].answers.confidence("small"))


def test_nearly_perfect_models_still_rank() -> None:
    """Where most probabilities round to 1, a share of 70 % is still 70 % and not everything."""
    scene = setting(requests=N, **one_task(0.99, 0.995, confidence={"small": {"auroc": 0.995}}))
    assert (scene.answers.confidence("small") == 1.0).mean() > 0.3
    assert abs(z_of(share_of(scene, 0.7), 0.7, N)) <= 4


def measured(folder: Path, code_share: float) -> Setting:
    """Replay a table of three quarters chat, one quarter code, in which code reads lower, in another mix."""
    generator = np.random.default_rng(5)
    lines = ["task,c,s,conf"]
    for row in range(4_000):
        code = int(row % 4 == 0)
        lines.append(f"{('chat', 'code')[code]},{int(generator.random() < 0.8)},1,{generator.random() + 1 - code}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return setting(
        requests=N,
        workload={
            "arrivals": WORKLOAD["arrivals"],
            "tasks": TASKS,
            "mix": {"chat": 1 - code_share, "code": code_share},
        },
        fleet={"small": FLEET["small"], "large": FLEET["large"]},
        outcomes={
            "file": str(folder / "table.csv"),
            "task": "task",
            "models": {"small": {"score": "c", "confidence": "conf"}, "large": "s"},
        },
        quality={},
    )


@pytest.mark.parametrize("code_share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.8])
def test_a_measured_score_has_its_share_in_the_mix_of_the_requests(
    tmp_path: Path, code_share: float, share: float
) -> None:
    """The threshold on a table's score counts each row as often as the requests are expected to use it."""
    assert abs(z_of(share_of(measured(tmp_path, code_share), share), share, N)) <= 4


def test_a_measured_score_by_hand(tmp_path: Path) -> None:
    """Of four rows with equal weight, a share of one half ends at the second lowest score."""
    (tmp_path / "t.csv").write_text("c,s,conf\n1,1,30\n0,1,10\n1,0,20\n1,1,40\n")
    scene = setting(
        requests=4,
        workload={"arrivals": WORKLOAD["arrivals"], "default_task": TASKS["chat"]},
        fleet={"small": FLEET["small"], "large": FLEET["large"]},
        outcomes={
            "file": str(tmp_path / "t.csv"),
            "models": {"small": {"score": "c", "confidence": "conf"}, "large": "s"},
        },
        quality={},
    )
    found = [surety_at_share(scene.answers, "small", None, share) for share in (0.25, 0.26, 0.5, 0.75, 1.0)]
    assert found == [10, 20, 20, 30, 40]


@pytest.mark.parametrize("auroc", [None, 0.9])
def test_every_chunk_of_a_run_has_the_same_threshold(tmp_path: Path, auroc: float | None) -> None:
    """Whatever requests are at hand, few or many and of whichever mix, the threshold is that of the whole run."""
    for scene in (setting(requests=N), measured(tmp_path, 0.2)):
        few, other = scene.scene.requests(0, most=40), scene.scene.requests(1, most=40)
        assert (few.task == 0).mean() != (other.task == 0).mean()
        found = [
            surety_at_share(answers, "small", auroc, 0.3)
            for answers in (scene.answers, scene.scene.answers(few), scene.scene.answers(other))
        ]
        assert found == [found[0]] * 3


def test_a_measured_threshold_is_kept_apart_by_what_it_depends_on(tmp_path: Path) -> None:
    """Asked again the threshold is the same; another share, mix or model has its own."""
    (tmp_path / "t.csv").write_text("task,s,l,a,b\nx,1,1,1,7\nx,1,0,2,8\ny,0,1,3,9\ny,1,1,4,6\n")
    columns = {"small": {"score": "s", "confidence": "a"}, "large": {"score": "l", "confidence": "b"}}
    table = OutcomeTableSpec.model_validate({"file": "t.csv", "task": "task", "models": columns}).read(tmp_path)
    even, skewed = {"x": 0.5, "y": 0.5}, {"x": 0.1, "y": 0.9}
    for _ in range(2):
        assert table.confidence_at_share("small", even, 0.5) == 2
        assert table.confidence_at_share("small", even, 0.75) == 3
        assert table.confidence_at_share("small", skewed, 0.5) == 3
        assert table.confidence_at_share("large", even, 0.5) == 7


def of_two(chat: dict[str, Any], code: dict[str, Any]) -> dict[str, Any]:
    """Make a workload of two segments with arrivals of their own, each with a task class of its own."""
    parts = {"chat": chat, "code": code}
    return {"segments": {n: {"arrivals": part, "mix": {n: 1.0}} for n, part in parts.items()}, "tasks": TASKS}


DAY = {"kind": "profile", "rate_per_s": 1, "hour_of_day": [0] * 8 + [1] * 12 + [0] * 4}
NIGHT = {"kind": "profile", "rate_per_s": 1, "hour_of_day": [1] * 8 + [0] * 12 + [1] * 4}
GROWING = {"kind": "profile", "rate_per_s": 0.0003, "growth_per_month": 0.5}
STEADY = {"kind": "poisson", "rate_per_s": 0.0015}
TRACE = {"format": "columns", "file": "log.csv", "columns": {"arrival": "at", "task": "task"}, "time_unit": "s"}
REPLAY = {"kind": "trace", "source": TRACE}
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a few hours of the night": (of_two(DAY, NIGHT), {"duration": "3h"}),
    "growth": (of_two(GROWING, STEADY), {"duration": "26w"}),
    "growth to a number of requests": (of_two(GROWING, STEADY), {"requests": 40_000}),
    "a trace to a number of requests": (
        {"arrivals": REPLAY, "tasks": TASKS, "mix": WORKLOAD["mix"]},
        {"requests": N},
    ),
    "a trace to a duration": ({"arrivals": REPLAY, "tasks": TASKS, "mix": WORKLOAD["mix"]}, {"duration": "20000s"}),
    "a trace beside drawn arrivals": (
        of_two({"kind": "poisson", "rate_per_s": 2}, {**REPLAY, "bootstrap": "10s"}),
        {"requests": 7 * N},
    ),
}


@pytest.mark.parametrize("run", RUNS)
def test_the_share_is_that_of_the_run(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a run is not the average of all time, the asked share of this run's answers lies below, |z| <= 4.6."""
    rows = [f"{at},{'code' if at < N else 'chat'}" for at in range(2 * N)]
    (tmp_path / "log.csv").write_text("\n".join(["at,task", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    workload, length = RUNS[run]
    scene = setting(workload=workload, run=length)
    assert len(scene.requests) >= N
    assert abs(z_of(share_of(scene, 0.3), 0.3, len(scene.requests))) <= 4.6


def test_a_pilot_has_the_threshold_of_its_run() -> None:
    """If only the first requests are drawn of a run that changes, the threshold is that of all of it."""
    scene = setting(workload=of_two(NIGHT, DAY), run={"requests": 60_000})
    pilot = scene.scene.requests(0, most=50)
    assert len(set(pilot.task.tolist())) == 1
    found = surety_at_share(scene.scene.answers(pilot), "small", None, 0.3)
    assert found == surety_at_share(scene.answers, "small", None, 0.3)


def test_correlations_are_solved_once_per_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """The correlation of a class is asked for once per threshold, however many steps the search has."""
    asked: list[tuple[float, float]] = []

    def counted(auroc: float, acceptance: float) -> float:
        asked.append((auroc, acceptance))
        return confidence.reading_correlation(auroc, acceptance)

    monkeypatch.setattr(thresholds, "reading_correlation", counted)
    classes = tuple(thresholds._TaskClass(1 / 7, 0.3 + k / 20, 0.8) for k in range(7))
    assert math.isfinite(thresholds._modelled.__wrapped__(classes, 0.3))
    assert len(asked) == len(set(asked)) == 7
