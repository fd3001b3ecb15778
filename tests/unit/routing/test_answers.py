"""What every model would do with every request: drawn once, the same for all patterns."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import FLEET, QUALITY, TASKS, WORKLOAD, Setting, one_task, setting, z_of
from scipy import stats

from sim.routing.answers import Answers

N = 20_000


def columns(answers: Answers, model: str) -> dict[str, Any]:
    """Give every column of a model."""
    service = answers.service(model)
    return {
        "acceptable": answers.acceptable(model),
        "confidence": answers.confidence(model),
        "verified": answers.confidence(model, 0.9),
        "refused": answers.refused(model),
        "hedged": answers.hedged(model),
        "tokens": answers.output_tokens(model),
        "total_ns": service.total_ns,
        "ttft_ns": service.ttft_ns,
        "input_tokens": answers.requests.input_tokens,
        "arrival_ns": answers.requests.arrival_ns,
        "task": answers.requests.task,
    }


def assert_same(one: Answers, other: Answers, model: str = "small") -> None:
    """Demand equality of every column of a model."""
    mine, theirs = columns(one, model), columns(other, model)
    assert [name for name in mine if not np.array_equal(mine[name], theirs[name])] == []


def test_another_model_changes_no_draw() -> None:
    """If a model joins the fleet, in front of the others even, the others answer as before."""
    quality = copy.deepcopy(QUALITY)
    quality["acceptance"]["chat"]["new"] = quality["acceptance"]["code"]["new"] = 0.5
    grown = setting(fleet={"new": FLEET["middle"], **FLEET}, quality=quality)
    for model in FLEET:
        assert_same(setting().answers, grown.answers, model)


def test_patterns_and_signals_change_no_draw() -> None:
    """Patterns only choose among answers that are there already."""
    routed = setting(
        {"name": "s", "kind": "split", "shares": {"small": 0.5, "large": 0.5}},
        {"name": "p", "kind": "pre_route", "rules": [{"when": {"hard": ">0.8"}, "to": "large"}], "otherwise": "small"},
        signals={"hard": {"kind": "similarity", "auroc": 0.7}},
    )
    for pattern in routed.scene.line_up.patterns:
        routed.plan(pattern.name)
    assert_same(setting().answers, routed.answers)


def test_the_order_in_which_columns_are_asked_for_changes_nothing() -> None:
    """A column is a function of its name alone."""
    scene = setting().scene
    forwards, backwards = (scene.answers(scene.requests(0)) for _ in range(2))
    for model in reversed(list(FLEET)):
        backwards.confidence(model)
        backwards.service(model)
    for model in FLEET:
        assert_same(forwards, backwards, model)


def test_the_order_of_segments_changes_no_draw() -> None:
    """If the segments, each with arrivals of its own, stand in another order, every request stays what it was."""
    parts = {
        "free": {"arrivals": {"kind": "poisson", "rate_per_s": 3}},
        "paid": {"arrivals": {"kind": "poisson", "rate_per_s": 2}, "mix": {"chat": 0.1, "code": 0.9}},
    }
    base = {"tasks": TASKS, "mix": WORKLOAD["mix"]}
    one = setting(workload={**base, "segments": parts})
    other = setting(workload={**base, "segments": dict(reversed(parts.items()))})
    assert one.requests.segments != other.requests.segments
    names = [np.array(s.requests.segments)[s.requests.segment] for s in (one, other)]
    assert np.array_equal(*names)
    assert_same(one.answers, other.answers)


def test_fewer_requests_are_a_beginning() -> None:
    """The first requests of a longer run are the requests of a shorter one."""
    long, short = setting(requests=N).answers, setting(requests=1_001).answers
    mine, theirs = columns(long, "small"), columns(short, "small")
    assert [name for name in mine if not np.array_equal(mine[name][:1_001], theirs[name])] == []


def test_another_replication_has_other_luck() -> None:
    """Replications are independent: acceptability agrees no more often than chance has it."""
    scene = setting(requests=N, **one_task(0.7, 0.9)).scene
    one, other = (scene.answers(scene.requests(number)).acceptable("small") for number in (0, 1))
    assert abs(z_of((one == other).mean(), 0.7**2 + 0.3**2, N)) <= 4


def test_a_column_is_made_once() -> None:
    """A column that is asked for twice is the same array."""
    answers = setting().answers
    assert answers.confidence("small") is answers.confidence("small")
    assert answers.confidence("small", 0.9) is answers.confidence("small", 0.9)
    assert not np.array_equal(answers.confidence("small"), answers.confidence("small", 0.9))


@pytest.mark.parametrize("model", ["small", "middle", "large"])
@pytest.mark.parametrize("by_difficulty", [0.0, 0.6])
def test_answer_lengths_follow_the_law_of_the_task(model: str, by_difficulty: float) -> None:
    """Whatever correlates with length, a share q of the answers is no longer than the q-quantile that was written."""
    lengths = {"output_with_difficulty": by_difficulty}
    tasks = {name: {**task, "lengths": lengths} for name, task in TASKS.items()}
    scene = setting(workload={**WORKLOAD, "tasks": tasks})
    tokens = scene.answers.output_tokens(model)
    for code, task in enumerate(scene.requests.tasks):
        mine = scene.requests.task == code
        for share, name in ((0.5, "p50"), (0.95, "p95")):
            bound = TASKS[task]["output_tokens"][name] + 0.5  # a law of real numbers, rounded to whole tokens
            law_share = share_up_to(TASKS[task]["output_tokens"], bound)
            assert abs(law_share - share) < 0.01
            assert abs(z_of((tokens[mine] <= bound).mean(), law_share, int(mine.sum()))) <= 4


def share_up_to(law: dict[str, int], bound: float) -> float:
    """Give P(X <= bound) of the lognormal law with this p50 and p95."""
    sigma = np.log(law["p95"] / law["p50"]) / stats.norm.ppf(0.95)
    return float(stats.norm.cdf(np.log(bound / law["p50"]) / sigma))


@pytest.mark.parametrize("between", [0.0, 0.7, 1.0])
def test_answer_lengths_of_two_models_correlate_as_stated(between: float) -> None:
    """The normal scores of two models' answer lengths correlate by the stated number, by Fisher's z."""
    tasks = {"chat": {**TASKS["chat"], "lengths": {"output_between_models": between}}}
    scene = setting(**{**one_task(0.8, 0.9), "workload": {"arrivals": WORKLOAD["arrivals"], "tasks": tasks}})
    one, other = (np.log(np.maximum(scene.answers.output_tokens(m), 1)) for m in ("small", "large"))
    measured = float(np.corrcoef(one, other)[0, 1])
    rounding = 0.002  # whole tokens, not real numbers, are correlated
    assert abs(np.arctanh(min(measured, 0.9999)) - np.arctanh(min(between, 0.9999))) <= 4 / np.sqrt(N) + rounding


def test_verbosity_makes_answers_longer() -> None:
    """A verbosity of 1.3 makes each answer 1.3 times as long, up to rounding, and changes no other column."""
    wordy = {**FLEET, "small": {**FLEET["small"], "verbosity": 1.3}}
    plain, long = setting().answers, setting(fleet=wordy).answers
    assert np.abs(long.output_tokens("small") - 1.3 * plain.output_tokens("small")).max() <= 0.5 + 1.3 / 2
    assert np.array_equal(plain.acceptable("small"), long.acceptable("small"))
    assert_same(plain, long, "large")


@pytest.mark.parametrize("which", ["refusal", "hedging"])
def test_wording_has_its_shares(which: str) -> None:
    """Refusals and hedged answers have the stated shares among acceptable and unacceptable answers."""
    answers = setting().answers
    shown = answers.refused("small") if which == "refusal" else answers.hedged("small")
    right = answers.acceptable("small")
    shares: dict[str, float] = QUALITY[which]["small"]
    assert abs(z_of(shown[right].mean(), shares["acceptable"], int(right.sum()))) <= 4
    assert abs(z_of(shown[~right].mean(), shares["unacceptable"], int((~right).sum()))) <= 4


def test_models_without_a_wording_show_none() -> None:
    """A model without refusals never refuses."""
    assert not setting().answers.refused("large").any()


def test_ability_is_standard_normal_and_decides() -> None:
    """The latent is standard normal, and an answer is acceptable just where it reaches the cut."""
    answers = setting(**one_task(0.84, 0.9)).answers
    ability = answers.ability("small")
    assert stats.kstest(ability, "norm").pvalue > 6e-5  # two-sided four standard errors
    assert np.array_equal(answers.acceptable("small"), ability >= -stats.norm.ppf(0.84))


def test_better_models_keep_their_right_answers() -> None:
    """If only the acceptance rises, no right answer becomes wrong: the luck stays."""
    worse, better = (setting(**one_task(p, 0.9)).answers.acceptable("small") for p in (0.6, 0.7))
    assert not np.any(worse & ~better)


@settings(deadline=None, max_examples=15)
@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_a_better_check_is_drawn_with_the_same_luck(low: float, high: float) -> None:
    """The reading of a verifier uses the request's one noise, so two verifiers of equal AUROC agree exactly."""
    answers = setting(requests=1_000).answers
    assert np.array_equal(answers.confidence("small", low), answers.confidence("small", high)) == (low == high)


def replay(folder: Path, **quality: Any) -> Setting:
    """Replay a table of 300 rows in which the answers to code are all wrong."""
    lines = ["task,c,s,conf,tok"]
    for row in range(300):
        code = row % 3 == 0
        lines.append(f"{'code' if code else 'chat'},{int(not code and row % 7 != 0)},1,{row / 10},{row}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    models = {"small": {"score": "c", "confidence": "conf", "output_tokens": "tok"}, "large": "s"}
    return setting(
        requests=3_000,
        workload={"arrivals": WORKLOAD["arrivals"], "default_task": TASKS["chat"]},
        fleet={"small": FLEET["small"], "large": FLEET["large"]},
        outcomes={"file": str(folder / "table.csv"), "task": "task", "models": models},
        quality=quality,
    )


def test_a_replayed_row_decides_everything_it_has(tmp_path: Path) -> None:
    """Acceptability, confidence and tokens of a replayed row are those of the table, as they are."""
    scene = replay(tmp_path)
    rows = scene.requests.table_row
    assert rows is not None
    table = scene.scene.quality.table
    assert table is not None
    assert np.array_equal(scene.answers.acceptable("small"), table.models["small"].correct[rows])
    assert np.array_equal(scene.answers.confidence("small"), rows / 10)
    assert np.array_equal(scene.answers.output_tokens("small"), rows)
    assert np.bincount(rows, minlength=300).tolist() == [10] * 300


def test_a_replayed_row_has_a_latent_that_fits(tmp_path: Path) -> None:
    """The latent of a replayed row lies on the side of the cut that the row says; a verifier reads it."""
    scene = replay(tmp_path)
    right = scene.answers.acceptable("small")
    oracle = scene.answers.confidence("small", 1.0)
    assert np.array_equal(oracle == 1, right)
    chat = scene.requests.task == scene.requests.tasks.index("chat")
    assert stats.kstest(scene.answers.ability("small")[chat], "norm").pvalue > 6e-5


@pytest.mark.parametrize("by_difficulty", [0.0, 0.6])
def test_task_classes_of_one_law_are_drawn_as_if_they_were_apart(by_difficulty: float) -> None:
    """If a third class has laws of its own, the requests of two classes that share theirs stay what they were."""
    lengths = {"output_with_difficulty": by_difficulty, "input_with_difficulty": by_difficulty}
    same = {**TASKS["chat"], "lengths": lengths}
    other = {**same, "input_tokens": 9, "output_tokens": {"p50": 40, "p95": 50}}
    quality = copy.deepcopy(QUALITY)
    quality["acceptance"] = dict.fromkeys(("a", "b", "c"), QUALITY["acceptance"]["chat"])
    one, two = (
        setting(
            workload={**WORKLOAD, "tasks": {"a": same, "b": same, "c": third}, "mix": {"a": 0.3, "b": 0.3, "c": 0.4}},
            quality=quality,
        )
        for third in (same, other)
    )
    alike = one.requests.task != one.requests.tasks.index("c")
    assert 0 < alike.sum() < len(alike)
    for model in FLEET:
        tokens = [each.answers.output_tokens(model)[alike].tolist() for each in (one, two)]
        assert tokens[0] == tokens[1]
    prompts = [each.requests.input_tokens[alike].tolist() for each in (one, two)]
    assert prompts[0] == prompts[1]
