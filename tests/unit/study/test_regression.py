"""Runs held against baselines: exact where nothing has changed, three-valued where something has."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.outcome.catalogue import Better
from sim.outcome.intervals import Interval
from sim.study.check import check
from sim.study.regression import judge_change, simultaneous
from sim.study.verdict import CheckResult, Verdict


@pytest.mark.parametrize(
    ("better", "low", "high", "expected"),
    [
        ("lower", 0.06, 0.2, Verdict.WORSE),
        ("lower", 0.04, 0.06, Verdict.INCONCLUSIVE),
        ("lower", -0.2, 0.06, Verdict.INCONCLUSIVE),
        ("lower", -0.04, 0.05, Verdict.SAME),
        ("lower", -0.2, 0.01, Verdict.SAME),
        ("lower", -0.2, -0.01, Verdict.BETTER),
        ("lower", -0.04, -0.01, Verdict.SAME),
        ("higher", -0.2, -0.06, Verdict.WORSE),
        ("higher", -0.06, 0.3, Verdict.INCONCLUSIVE),
        ("higher", 0.01, 0.2, Verdict.BETTER),
        ("", 0.06, 0.2, Verdict.WORSE),
        ("", -0.2, -0.06, Verdict.WORSE),
        ("", -0.06, 0.01, Verdict.INCONCLUSIVE),
        ("", -0.05, 0.05, Verdict.SAME),
    ],
)
def test_a_change_is_judged_by_its_whole_interval(better: Better, low: float, high: float, expected: Verdict) -> None:
    """If the interval crosses the tolerance of 5 %, nothing is decided; wholly on one side of it, it is."""
    assert judge_change(Interval((low + high) / 2, low, high), 0.05, better) is expected


def test_too_few_data_decide_nothing() -> None:
    """If the change is not to be trusted or has no interval, the verdict is open."""
    assert judge_change(Interval(0.5, 0.4, 0.6, few_data=True), 0.05, "lower") is Verdict.INCONCLUSIVE
    assert judge_change(Interval(0.5, None, None), 0.05, "lower") is Verdict.INCONCLUSIVE


def test_levels_of_many_comparisons_add_up() -> None:
    """If ten intervals are to hold together at 95 %, each may miss in half a per cent."""
    assert simultaneous(0.95, 10) == pytest.approx(0.995)
    assert simultaneous(0.95, 0) == 0.95


BASE: dict[str, Any] = {
    "version": 1,
    "name": "base",
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 20},
        "tasks": {"chat": {"input_tokens": 100, "output_tokens": {"p50": 50, "p95": 200}}},
    },
    "fleet": {
        "small": {"tier": "cheap", "price": {"output_mtok": 1}, "service": {"ttft": "200ms", "inter_token": "10ms"}},
        "large": {"tier": "frontier", "price": {"output_mtok": 9}, "service": "2s"},
    },
    "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
    "patterns": [{"name": "mine", "kind": "single", "model": "small"}],
    "run": {"requests": 2_500, "replications": 5},
    "regression": {
        "baseline": "base.json",
        "tolerance": {"latency.p95": 0.05, "cost.per_1k": 0.02, "latency.p90": 0.1},
    },
}


def experiment(folder: Path, **changes: Any) -> sim.Experiment:
    """Give the experiment, changed."""
    return sim.from_mapping({**copy.deepcopy(BASE), **changes}, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that holds the baseline of the experiment."""
    found = tmp_path_factory.mktemp("base")
    assert (
        check(experiment(found), engine="reference", new_baseline=True).notes[-1]
        == f"the baseline was written to {found / 'base.json'}"
    )
    return found


def against(folder: Path, **changes: Any) -> CheckResult:
    """Check the changed experiment against its baseline."""
    return check(experiment(folder, **changes), engine="reference")


def test_an_unchanged_experiment_has_not_changed(folder: Path) -> None:
    """If nothing has changed, every change is exactly 0 without width, whatever the seed."""
    for seed in (1, 99):
        found = against(folder, seed=seed)
        assert [one.verdict for one in found.findings] == [Verdict.SAME] * 3
        assert {(one.change.lower, one.change.upper) for one in found.findings if one.change} == {(0.0, 0.0)}
        assert found.baseline == str(folder / "base.json")
        assert "unchanged" in found.findings[0].message


def test_a_change_for_the_worse_is_told_apart_from_one_for_the_better(folder: Path) -> None:
    """If tokens take a tenth longer and cost half, the P95 is worse by some 9 %, the bill better by half."""
    slower = copy.deepcopy(BASE["fleet"])
    slower["small"] |= {"price": {"output_mtok": 0.5}, "service": {"ttft": "200ms", "inter_token": "11ms"}}
    found = against(folder, fleet=slower)
    p95, cost, p90 = found.findings
    assert (p95.verdict, cost.verdict, p90.verdict) == (Verdict.WORSE, Verdict.BETTER, Verdict.SAME)
    assert cost.change == Interval(pytest.approx(-0.5), pytest.approx(-0.5), pytest.approx(-0.5))  # type: ignore[arg-type]
    assert found.exit_code() == 98
    assert p95.wanted == "latency.p95: 5%"
    assert p95.change is not None
    assert p95.change.value == pytest.approx(0.09, abs=0.01)
    assert "beyond the tolerance of 5 %" in p95.message


def test_an_open_comparison_says_how_many_replications_would_decide_and_they_do(folder: Path) -> None:
    """If 1 % fewer answers are acceptable and 1.1 % are forgiven, five replications cannot tell, and some more can."""
    changed = {
        "quality": {"acceptance": {"chat": {"small": 0.792, "large": 0.9}}},
        "regression": {"baseline": "base.json", "tolerance": {"quality.acceptance": 0.011}},
    }
    (found,) = against(folder, **changed).findings
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.more_replications is not None
    assert f"about {found.more_replications} more replications would" in found.message
    decided = check(experiment(folder, **changed), engine="reference", until_decided=True)
    assert decided.findings[0].verdict is Verdict.SAME
    assert 5 < decided.run.replications < 50
    assert "looks together keep 95 %" in decided.notes[-1]


def test_patterns_that_only_one_side_has_are_told(folder: Path) -> None:
    """If a pattern is new or gone, it is not compared, and a note says so."""
    found = against(folder, patterns=[{"name": "yours", "kind": "single", "model": "small"}])
    assert found.findings == ()
    assert any("gone: mine" in note for note in found.notes)
    assert any("not compared: yours" in note for note in found.notes)


def test_another_version_that_answers_otherwise_is_told(folder: Path, tmp_path: Path) -> None:
    """If the numbers in the baseline are not those that it gives now, a note names one and the version."""
    content = json.loads((folder / "base.json").read_bytes())
    content["patterns"]["mine"]["latency.p95"]["value"] += 1.0
    content["version"] = "0.0.9"
    (tmp_path / "base.json").write_text(json.dumps(content), encoding="utf-8")
    (note,) = [note for note in against(tmp_path).notes if "0.0.9" in note]
    assert "answers otherwise now (latency.p95 of mine" in note


def test_an_unstable_run_is_never_the_same(folder: Path) -> None:
    """If the system has become unstable, nothing can be compared, and the check fails as a regression."""
    fleet = copy.deepcopy(BASE["fleet"])
    fleet["small"]["capacity"] = {"concurrency": 2}
    found = against(folder, fleet=fleet)
    assert {one.verdict for one in found.findings} == {Verdict.UNSTABLE}
    assert found.exit_code() == 98


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "this is not a baseline"),
        ("[]", "this is not a baseline"),
        ("{}", "has layout None"),
        ('{"schema": 1}', "this is not a baseline"),
        ('{"schema": 2}', "has layout 2"),
        (
            '{"schema": 1, "files": {}, "patterns": {}, "resolved": {}, "version": "1", "replications": 3}',
            "is required",
        ),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """If the file is something else, the message says so and the hint how to write one."""
    (tmp_path / "base.json").write_text(content, encoding="utf-8")
    with pytest.raises(sim.InvalidInput, match=message) as caught:
        against(tmp_path)
    assert "--save-baseline" in caught.value.issues[0].hint


def test_a_missing_baseline_is_refused(tmp_path: Path) -> None:
    """If there is no baseline yet, the check does not pass in silence."""
    with pytest.raises(sim.InvalidInput, match="the baseline cannot be read"):
        against(tmp_path)


TRACE = "arrival_s,prompt,answer\n" + "".join(f"{second},100,{50 + second % 7}\n" for second in range(300))


def test_input_files_are_found_from_where_the_baseline_lies_and_named_when_they_change(tmp_path: Path) -> None:
    """If a baseline lies elsewhere, its traces are found; changed ones are told, missing ones refused."""
    (tmp_path / "experiments").mkdir()
    trace = tmp_path / "experiments" / "day.csv"
    trace.write_text(TRACE, encoding="utf-8")
    names = {"arrival": "arrival_s", "input_tokens": "prompt", "output_tokens": "answer"}
    source = {"format": "columns", "file": "day.csv", "time_unit": "s", "columns": names}
    changes = {
        "workload": {"arrivals": {"kind": "trace", "source": source}, "tasks": {"chat": {}}},
        "run": {"replications": 2},
        "regression": {"baseline": "../elsewhere/deep/base.json", "tolerance": {"cost.per_1k": 0.02}},
    }
    wanted = experiment(tmp_path / "experiments", **changes)
    check(wanted, engine="reference", new_baseline=True)
    assert "/" not in json.loads((tmp_path / "elsewhere/deep/base.json").read_bytes())["files"]["day.csv"]["folder"][:1]
    found = check(wanted, engine="reference")
    assert [one.verdict for one in found.findings] == [Verdict.SAME]
    trace.write_text(TRACE.replace("5,100,55", "5,100,56"), encoding="utf-8")
    found = check(wanted, engine="reference")
    assert any("day.csv is not what it was" in note for note in found.notes)
    trace.rename(trace.with_name("other.csv"))
    source["file"] = "other.csv"
    with pytest.raises(
        sim.InvalidInput, match=r"base\.json: error: workload\.arrivals\.source\.file: the file does not"
    ):
        check(experiment(tmp_path / "experiments", **changes), engine="reference")
