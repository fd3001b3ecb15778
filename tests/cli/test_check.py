"""`tiercast check` as CI types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.commands import TINY, invoke

from sim.errors import RunError
from sim.experiment.resolve import Experiment, load

TOLD = """\
thresholds:
  latency{pattern:cascade}: [mean<1m, {threshold: 'p(50)<1ms', level: %s}]
"""


def write(level: str) -> None:
    """Write the small experiment with a threshold that holds and one that does not."""
    Path("told.yaml").write_text(TINY + TOLD % level, encoding="utf-8")


def test_a_broken_threshold_is_exit_code_99() -> None:
    """If a threshold is broken for sure, the exit code says so, and the report where it stands."""
    Path("told.yaml").write_text(TINY.replace("requests: 40", "requests: 300") + TOLD % "error", encoding="utf-8")
    answer = invoke("check", "told.yaml")
    assert answer.code == 99
    assert "at or above the limit of 1.00 ms. (told.yaml:36:51)" in " ".join(answer.out.split())
    assert len(list(Path("results/tiny").glob("*/summary.json"))) == 1


def test_too_few_data_are_exit_code_97_where_that_is_wanted() -> None:
    """If 40 requests cannot tell a median, the verdict is open: no failure unless --fail-on inconclusive says so."""
    write("error")
    assert invoke("check", "told.yaml").code == 0
    assert invoke("check", "told.yaml", "--fail-on", "inconclusive").code == 97


@pytest.mark.parametrize(("fail_on", "code"), [((), 0), (("--fail-on", "warn"), 99), (("--fail-on", "never"), 0)])
def test_a_warning_fails_only_where_that_is_wanted(fail_on: tuple[str, ...], code: int) -> None:
    """If a threshold of the level warn is broken, it is told, and counts with --fail-on warn alone."""
    Path("told.yaml").write_text(TINY.replace("requests: 40", "requests: 300") + TOLD % "warn", encoding="utf-8")
    answer = invoke("check", "told.yaml", *fail_on)
    assert answer.code == code
    assert "fail (warn)" in answer.out


def test_json_holds_verdicts_and_summary() -> None:
    """If JSON is asked for, stdout is one object with the verdicts and the summary of the run they are about."""
    write("warn")
    told = json.loads(invoke("check", "told.yaml", "--json").out)
    assert [one["verdict"] for one in told["findings"]] == ["pass", "inconclusive"]
    assert told["findings"][0]["estimate"]["unit"] == "s"
    assert told["summary"]["patterns"]["cascade"]["latency.mean"] == told["findings"][0]["estimate"]
    assert told["passed"]


def test_an_experiment_without_thresholds_is_refused() -> None:
    """If there is nothing to check, the exit code is 2 and nothing is played."""
    answer = invoke("check", "tiny.yaml")
    assert answer.code == 2
    assert "there is nothing to check" in answer.err
    assert not Path("results").exists()


BASE = """\
regression:
  baseline: base/tiny.json
  tolerance: {cost.per_1k: 2%, latency.mean: 5%}
"""


def test_a_regression_is_exit_code_98_with_its_place() -> None:
    """If a committed baseline is answered otherwise, the exit code says so, and the report where the tolerance is."""
    Path("told.yaml").write_text(TINY + BASE, encoding="utf-8")
    assert invoke("check", "told.yaml").code == 2
    written = invoke("check", "told.yaml", "--save-baseline")
    assert (written.code, Path("base/tiny.json").is_file()) == (0, True)
    same = invoke("check", "told.yaml")
    assert (same.code, "2 verdicts: 2 same" in same.out) == (0, True)
    worse = invoke("check", "told.yaml", "--set", "fleet.large.service=9s", "--set", "fleet.small.service=800ms")
    assert worse.code == 98
    assert "(told.yaml:37:32)" in " ".join(worse.out.split())


def test_without_a_regression_the_baseline_is_named_after_the_experiment() -> None:
    """If no regression says where, --save-baseline writes below results/baselines."""
    assert invoke("check", "tiny.yaml", "--save-baseline").code == 0
    assert Path("results/baselines/tiny.json").is_file()


def test_a_budget_alone_is_a_mistake() -> None:
    """If --budget is given without --until-decided, it would do nothing, and is refused."""
    write("warn")
    assert invoke("check", "told.yaml", "--budget", "9").code == 2


def test_an_unchanged_experiment_is_not_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing has changed, the same bytes come without playing; a changed threshold or --fresh makes the check."""
    write("warn")
    first = invoke("check", "told.yaml", "-o", "first.md", "-o", "first.xml", "-o", "first.json")
    monkeypatch.setattr("sim.study.check.check", unwanted)
    again = invoke("check", "told.yaml", "-o", "again.md", "-o", "again.xml", "-o", "again.json", "--workers", "2")
    assert (again.code, again.out) == (first.code, first.out)
    assert "nothing has changed since this answer was kept" in again.err
    for end in ("md", "xml", "json"):
        assert Path(f"again.{end}").read_bytes() == Path(f"first.{end}").read_bytes()
    assert "unwanted" in invoke("check", "told.yaml", "--fresh").err
    Path("told.yaml").write_text(TINY + TOLD.replace("mean<1m", "mean<2m") % "warn", encoding="utf-8")
    assert "unwanted" in invoke("check", "told.yaml").err


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_file_saved_while_it_is_checked_does_not_get_the_answer_of_the_old_one(
    moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an editor saves the experiment at any moment of a check, the next check is about what was saved."""
    Path("told.yaml").write_text(TINY.replace("requests: 40", "requests: 300") + TOLD % "warn", encoding="utf-8")
    loads = 0

    def saved_meanwhile(*arguments: Any) -> Experiment:
        nonlocal loads
        loaded, loads = load(*arguments), loads + 1
        if loads == moment:
            text = Path("told.yaml").read_text(encoding="utf-8")
            Path("told.yaml").write_text(text.replace("level: warn", "level: error"), encoding="utf-8")
        return loaded

    monkeypatch.setattr("sim.experiment.resolve.load", saved_meanwhile)
    invoke("check", "told.yaml")
    assert loads == 3
    assert invoke("check", "told.yaml").code == 99


def unwanted(*_: object, **__: object) -> None:
    """Stand where nothing is to be played."""
    raise RunError("unwanted")


def test_a_missed_objective_is_exit_code_99_in_every_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an objective is missed, exit code, annotation at its target, JUnit, OpenMetrics and JSON say so."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    objective = "objectives:\n- name: fast\n  metric: latency{pattern:cascade}\n  under: 1ms\n  target: 99%\n"
    Path("slo.yaml").write_text(TINY + objective, encoding="utf-8")
    answer = invoke("check", "slo.yaml", "-o", "o.xml", "-o", "o.om.txt", "-o", "o.json")
    assert answer.code == 99
    line = 1 + (TINY + objective).splitlines().index("  target: 99%")
    assert f"file=slo.yaml,line={line}" in answer.out + answer.err
    assert "fast" in Path("o.xml").read_text(encoding="utf-8")
    assert 'tiercast_burn_rate{experiment="tiny",pattern="cascade",objective="fast"} 100.0' in Path(
        "o.om.txt"
    ).read_text(encoding="utf-8")
    (told,) = json.loads(Path("o.json").read_bytes())["findings"]
    assert told["budget"]["burn_rate"]["value"] == pytest.approx(100)
    assert (told["kind"], told["verdict"]) == ("objective", "fail")
